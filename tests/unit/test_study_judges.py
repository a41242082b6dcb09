"""Studies of answers that exist already, and of answers that several judges judge."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from tacitly.manifest import STAGES
from tacitly.run_folder import RunFolder
from tacitly.study import run_study
from tests.tiny import save_model

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


def settings(model: Path, path: Path, **more: object) -> dict[str, object]:
    return {"task.name": "file", "task.path": str(path), "model.name": str(model), "probe.families": [],
            "capture.positions": ["last_q_token", "exact_answer_last_token", "-1"], **more}  # fmt: skip


def graded(folder: Path) -> Path:
    """Forty answers that a person has judged, one that nobody has, and one that is empty."""
    path = folder / "graded.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "question", "answer", "correct"])
        for i in range(40):
            writer.writerow([f"q{i}", f"Which organ is number {i}?", f"It is organ {i % 20}.", i % 2 == 0])
        writer.writerow(["q40", "Which organ is it?", "The liver.", ""])
        writer.writerow(["q41", "Which organ is it?", "", "true"])
    return path


def test_graded_answers_give_labels_states_and_a_detector(model: Path, tmp_path: Path) -> None:
    result = run_study("demo", overrides=settings(model, graded(tmp_path)), out=tmp_path / "run")
    run = RunFolder.view(tmp_path / "run")
    answers, labels = run.table("answers"), run.table("labels")
    texts = dict(zip(answers["question_id"], answers["text"], strict=True))
    assert texts == {f"q{i}": f"It is organ {i % 20}." for i in range(40)}
    assert dict(zip(labels["answer_id"], labels["correct"], strict=True)) == {f"q{i}#0": i % 2 == 0 for i in range(40)}
    assert set(labels["judge"]) == {"human"}
    assert result.metrics is not None
    assert result.metrics["judges"] == {"first": "human", "agreement": {}}
    assert result.metrics["counts"]["correct"] == result.metrics["counts"]["incorrect"] == 20
    assert result.metrics["counts"]["located_without_accepted_answer"] is None
    assert (tmp_path / "run" / "detector" / "detector.json").is_file()
    assert set(run.table("activations")["answer_id"]) == set(labels["answer_id"])


def test_answers_that_exist_are_judged_by_what_is_accepted(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    rows = [
        {"id": "a", "question": "Which organ?", "answers": ["liver"], "answer": "The liver."},
        {"id": "b", "question": "Which organ?", "answers": ["liver"], "answer": "The lung."},
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    run_study("demo", overrides=settings(model, path), out=tmp_path / "run", until="labels")
    labels = RunFolder.view(tmp_path / "run").table("labels").set_index("answer_id")["correct"]
    assert labels.to_dict() == {"a#0": True, "b#0": False}


@pytest.fixture(scope="module")
def twice_judged(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    path = folder / "mine.jsonl"
    rows = [
        {
            "id": f"q{i}", "question": f"Which organ is number {i}?", "answers": ["the liver"], "correct": i % 3 == 0,
            "answer": "The liver." if i % 2 == 0 else "A lung.",
        }
        for i in range(24)
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    overrides = settings(model, path, **{"task.judge": ["human", "token_f1"], "generate.samples": 1})
    run_study("demo", overrides=overrides, out=folder / "run")
    return folder


def test_the_first_judge_decides_and_the_other_is_compared_with_it(twice_judged: Path) -> None:
    run = RunFolder.view(twice_judged / "run")
    labels, judgements = run.table("labels"), run.table("judgements")
    assert set(labels["judge"]) == {"human"}
    assert set(judgements["judge"]) == {"token_f1"}
    assert sorted(judgements["answer_id"]) == [f"q{i}#0" for i in sorted(range(24), key=lambda i: f"q{i}#0")]
    figures = run.json("metrics.json")["judges"]
    assert figures["first"] == "human"
    agreement = figures["agreement"]["token_f1"]
    assert agreement["answers"] == 24
    assert agreement["both_right"] == sum(i % 6 == 0 for i in range(24))
    assert agreement["only_second_right"] == sum(i % 2 == 0 and i % 3 != 0 for i in range(24))
    assert -1 <= agreement["kappa"] <= 1
    warned = run.manifest.stages["judgements"].warnings
    assert [line[:66] for line in warned] == ["of token_f1, a judge whose labels are only compared: Answers were "]
    page = (twice_judged / "run" / "report" / "index.html").read_text(encoding="utf-8")
    assert "human and token_f1" in page
    assert "human: wrong (judged by a person)" in page


def test_another_judge_beside_the_first_redoes_no_label(twice_judged: Path, model: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(twice_judged / "run", tmp_path / "run")
    overrides = settings(model, twice_judged / "mine.jsonl", **{"task.judge": ["human", "rouge_l"]})
    before = RunFolder.view(tmp_path / "run").files("labels")
    result = run_study("demo", overrides={**overrides, "generate.samples": 1}, out=tmp_path / "run")
    run = RunFolder.view(tmp_path / "run")
    assert result.stages == ["judgements", "report"]
    assert run.files("labels") == before
    assert set(run.table("judgements")["judge"]) == {"rouge_l"}
    assert run.manifest.complete
    assert all(run.manifest.stages[stage].complete for stage in STAGES)


def test_judgements_go_on_where_they_stopped(twice_judged: Path, model: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(twice_judged / "run", tmp_path / "run")
    with RunFolder.open(tmp_path / "run", version="") as run:
        part = run.files("judgements")[0]
        kept = pd.read_parquet(run.path / part).iloc[:10]
        run.write_table(part, kept)
        run.manifest.stages["judgements"].complete = False
        run.commit()
    overrides = settings(model, twice_judged / "mine.jsonl", **{"task.judge": ["human", "token_f1"]})
    result = run_study("demo", overrides={**overrides, "generate.samples": 1}, out=tmp_path / "run")
    assert result.stages == ["judgements"]
    judgements = RunFolder.view(tmp_path / "run").table("judgements")
    assert len(judgements) == 24
    assert judgements["answer_id"].is_unique
