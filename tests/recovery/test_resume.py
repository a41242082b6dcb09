"""Killed at random moments, a study goes on and ends with the same rows as one that was left alone."""

import json
import multiprocessing
import random
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tacitly.activations.store import ActivationStore
from tacitly.run_folder import RunFolder
from tacitly.study import run_study
from tests.recovery.resume_study import work
from tests.tiny import save_model

pytestmark = pytest.mark.recovery

KILLS = 20
QUESTIONS = 160


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("resume")
    rows = [{"id": f"q{i}", "question": f"What is thing number {i}?", "answers": [f"{i}"]} for i in range(QUESTIONS)]
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
    settings = {
        "task": {"name": "file", "path": str(folder / "questions.jsonl")},
        "model": {"name": str(save_model(folder / "model"))},
        "generate": {"max_new_tokens": 6, "batch_size": 4, "samples": 1},
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def tables(folder: Path) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    run = RunFolder.view(folder)
    assert run.damaged() == []
    answers = run.table("answers").merge(run.table("labels"), on="answer_id").merge(run.table("spans"), on="answer_id")
    answers = answers.sort_values("answer_id", ignore_index=True)
    states = {}
    for sample in (0, 1):
        store = ActivationStore(run, answers.loc[answers["sample"] == sample, "answer_id"].tolist())
        states |= {f"{sample}.{layer}": store.layer_states("residual", layer) for layer in store.layers("residual")}
    index = run.table("activations")
    assert sorted(index["answer_id"]) == answers["answer_id"].tolist()
    return answers, states


def parts(folder: Path) -> int:
    return len(list(folder.glob("answers/part-*.parquet")))


def test_killed_at_random_moments_a_study_ends_as_if_left_alone(recipe: Path, tmp_path: Path) -> None:
    run_study(recipe, out=tmp_path / "alone", until="labels")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.recovery.resume_study"])
    moments = random.Random(0)
    out = tmp_path / "killed"
    finished = 0
    for _ in range(KILLS):
        process = context.Process(target=work, args=(recipe, out))
        before = parts(out)
        process.start()
        # Wait until it writes, so that a kill falls into the work and not into the start of a process.
        while process.is_alive() and parts(out) <= before:
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.06))
        process.kill()
        process.join()
        finished += process.exitcode == 0
    assert finished == 0, "the study is too short for this many kills"
    run_study(recipe, out=out, until="labels")
    alone, alone_states = tables(tmp_path / "alone")
    killed, killed_states = tables(out)
    pd.testing.assert_frame_equal(alone, killed, rtol=1e-3, atol=1e-3)
    assert killed["answer_id"].is_unique
    assert len(killed) == len(alone) == 2 * QUESTIONS
    for name, states in alone_states.items():
        np.testing.assert_allclose(killed_states[name], states, rtol=1e-2, atol=1e-2)
