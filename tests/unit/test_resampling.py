"""Sampled answers: a seed for each, resumed in the middle, added to, judged and located, with few states."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

from tacitly.activations.store import ActivationStore
from tacitly.progress import RecordedProgress
from tacitly.run_folder import RunFolder
from tests.tiny import save_model
from tests.unit.sampled_runs import QUESTIONS, sample_study, write_questions

pytestmark = pytest.mark.unit

TEXTS = ["text", "sample", "question_id", "finish_reason"]


class Stopping(RecordedProgress):
    """Presses Ctrl-C after so many answers."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def advance(self, steps: int = 1) -> None:
        super().advance(steps)
        if self.done["answers"] >= self._after:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_questions(tmp_path_factory.mktemp("questions"))


@pytest.fixture(scope="module")
def alone(model: Path, path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    sample_study(model, folder, path=path)
    return folder


def answers(folder: Path) -> pd.DataFrame:
    run = RunFolder.view(folder)
    assert run.damaged() == []
    return run.table("answers").set_index("answer_id").sort_index()


def test_a_question_has_its_samples_and_they_differ(alone: Path) -> None:
    found = answers(alone)
    assert found["sample"].value_counts().to_dict() == dict.fromkeys(range(4), QUESTIONS)
    texts = found.groupby("question_id")["text"].nunique()
    assert (texts >= 3).mean() > 0.9


def test_every_sample_is_judged_and_located(alone: Path) -> None:
    run = RunFolder.view(alone)
    ids = set(run.table("answers")["answer_id"])
    for table in ("labels", "spans", "activations"):
        frame = run.table(table)
        assert frame["answer_id"].is_unique
        assert set(frame["answer_id"]) == ids, table
    labels = run.table("labels").set_index("answer_id")["correct"]
    assert labels[labels.index.str.endswith("#2")].nunique() == 2


def test_states_of_samples_are_kept_at_the_sample_positions_only(model: Path, path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    sample_study(model, folder, path=path, capture__sample_positions=["-1"], capture__token_layers=[2])
    run = RunFolder.view(folder)
    index = run.table("activations")
    for shard, part in index.groupby("shard"):
        sampled = {not answer.endswith("#0") for answer in part["answer_id"]}
        assert len(sampled) == 1
        with safe_open(folder / str(shard), framework="numpy") as file:
            positions = file.metadata()["positions"].split(",")
            ragged = [name for name in file.keys() if name.endswith(".tokens")]  # noqa: SIM118 -- not a mapping
        assert (positions == ["-1"], ragged == []) == ((True, True) if sampled.pop() else (False, False))
    some = [f"q{i}#{sample}" for i in range(QUESTIONS) for sample in (1, 2, 3)]
    store = ActivationStore(run, some)
    whole = run.table("answers").set_index("answer_id").loc[some, "text"].str.len().to_numpy() > 0
    assert store.positions == ("-1",)
    np.testing.assert_array_equal(store.present("-1"), whole)
    assert np.abs(store.states("residual", 3, "-1")[whole]).max(axis=1).min() > 0


def test_stopped_in_the_middle_sampling_goes_on_to_the_same_answers(
    alone: Path, model: Path, path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    for stop in (16, 32, 32):
        with pytest.raises(KeyboardInterrupt):
            sample_study(model, folder, path=path, progress=Stopping(stop))
    part = answers(folder)
    assert 80 <= len(part) < 4 * QUESTIONS
    kept = {f: (folder / f).stat().st_mtime_ns for f in RunFolder.view(folder).files("answers")}
    sample_study(model, folder, path=path)
    assert all((folder / f).stat().st_mtime_ns == when for f, when in kept.items())
    pd.testing.assert_frame_equal(answers(folder)[TEXTS], answers(alone)[TEXTS])


@pytest.mark.parametrize("size", [5, 160])
def test_an_answer_does_not_depend_on_what_else_is_in_its_batch(
    alone: Path, model: Path, path: Path, tmp_path: Path, size: int
) -> None:
    sample_study(model, tmp_path / "run", path=path, until="answers", generate__batch_size=size)
    pd.testing.assert_frame_equal(answers(tmp_path / "run")[TEXTS], answers(alone)[TEXTS])


def test_more_samples_are_added_and_are_those_that_a_whole_run_has(
    alone: Path, model: Path, path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    sample_study(model, folder, path=path, generate__samples=1)
    before = {f: (folder / f).stat().st_mtime_ns for f in RunFolder.view(folder).manifest.files}
    result = sample_study(model, folder, path=path, generate__samples=3)
    assert result.stages[0] == "answers"
    assert RunFolder.view(folder).manifest.settings["generate"]["samples"] == 3
    assert all((folder / f).stat().st_mtime_ns == when for f, when in before.items())
    pd.testing.assert_frame_equal(answers(folder)[TEXTS], answers(alone)[TEXTS])


def test_another_sampling_seed_draws_others_of_the_same_questions(
    alone: Path, model: Path, path: Path, tmp_path: Path
) -> None:
    sample_study(model, tmp_path / "run", path=path, until="answers", generate__seed=5)
    one, other = answers(alone), answers(tmp_path / "run")
    greedy = one["sample"] == 0
    assert one.loc[greedy, "text"].tolist() == other.loc[greedy, "text"].tolist()
    assert (one.loc[~greedy, "text"] != other.loc[~greedy, "text"]).mean() > 0.9


def test_naming_the_study_s_own_seed_as_that_of_the_samples_changes_nothing(
    alone: Path, model: Path, path: Path, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(alone, tmp_path / "run", ignore=shutil.ignore_patterns(".lock"))
    assert sample_study(model, tmp_path / "run", path=path, generate__seed=0).stages == []
