"""Small runs with sampled answers of a tiny model, for the tests of resampling, merging and choosing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tacitly.progress import Progress
from tacitly.run_folder import RunFolder
from tacitly.study import StudyResult, run_study

QUESTIONS = 30
ACCEPTED = "abcdefghijklm0123456789"


def write_questions(folder: Path, *, number: int = QUESTIONS, answers: str = ACCEPTED) -> Path:
    """Questions that a tiny model answers at random; an answer that holds one of `answers` is right."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "questions.jsonl"
    rows = [
        {"id": f"q{i}", "question": f"What is number {i}?", "answers": list(answers), "entity": f"e{i % 20}"}
        for i in range(number)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def sample_study(
    model: Path,
    out: Path,
    *,
    path: Path,
    until: str | None = "activations",
    progress: Progress | None = None,
    **more: object,
) -> StudyResult:
    """A study with three samples of each answer; `generate__seed=1` sets `generate.seed`."""
    settings: dict[str, Any] = {
        "task.name": "file",
        "task.path": str(path),
        "task.locator": "first_line",
        "model.name": str(model),
        "generate.max_new_tokens": 6,
        "generate.batch_size": 16,
        "generate.samples": 3,
        "self_evaluation.of": [],
        "capture.positions": ["last_q_token", "exact_answer_last_token", "-1"],
        "probe.families": [],
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    return run_study("demo", overrides=settings, out=out, until=until, progress=progress)


def doctor_samples(folder: Path, *, seed: int = 0) -> None:
    """Give a run's samples labels and exact answers that agree and disagree as those of a real model do.

    Some questions are answered alike every time, some in many ways; some samples decline, some gave nothing that was
    found, a few are unknown. A tiny model's own answers never agree, so this is written where labels and spans lie.
    """
    rng = np.random.default_rng(seed)
    profiles: dict[str, tuple[float, float, int]] = {}
    said: dict[str, tuple[bool | None, bool, str | None]] = {}
    with RunFolder.open(folder, version="0") as run:
        for answer, question in run.table("answers")[["answer_id", "question_id"]].sort_values("answer_id").to_numpy():
            if question not in profiles:
                right = rng.choice([0.0, 0.1, 0.4, 0.5, 0.9, 1.0])
                profiles[question] = right, rng.choice([0.0, 0.0, 0.5, 0.9]), int(rng.choice([1, 1, 2, 6]))
            right, declining, ways = profiles[question]
            correct = bool(rng.random() < right)
            refused = bool(not correct and rng.random() < declining)
            given = "gold" if correct else f"wrong {rng.integers(ways)}"
            given = None if rng.random() < 0.1 else given
            said[answer] = None if rng.random() < 0.01 else correct, refused, given
        for name in run.files("labels"):
            frame = pd.read_parquet(folder / name)
            frame["correct"] = pd.array([said[answer][0] for answer in frame["answer_id"]], dtype="boolean")
            frame["refused"] = [said[answer][1] for answer in frame["answer_id"]]
            run.write_table(name, frame)
        for name in run.files("spans"):
            frame = pd.read_parquet(folder / name)
            frame["given"] = pd.array([said[answer][2] for answer in frame["answer_id"]], dtype="string")
            lost = frame["given"].isna().to_numpy()
            frame.loc[lost, ["exact_answer", "start", "end", "first_token", "last_token"]] = pd.NA
            run.write_table(name, frame)
        run.commit()
