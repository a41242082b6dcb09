"""Runs that cannot be compared are refused in one line that names what differs; nothing is written."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tacitly.comparison import compare_runs
from tacitly.errors import RunFolderError, StorageError, UserError
from tacitly.experiments.same_questions import RunConditions, list_notes, shared_questions
from tacitly.finished_study import FinishedStudy
from tacitly.report.comparison_words import comparison_sentences
from tacitly.run_folder import RunFolder
from tests.unit.comparison_runs import make_models, run, write_questions

pytestmark = pytest.mark.unit


def questions(ids: range = range(10)) -> pd.DataFrame:
    frame = pd.DataFrame({"question_id": [f"q{i}" for i in ids], "entity": [f"e{i}" for i in ids]})
    frame["split"] = pd.array([None] * len(frame), dtype="string")
    frame["question"] = frame["question_id"] + "?"
    frame["prompt"] = "Q: " + frame["question"] + "\nA:"
    frame["answers"] = [["a", "b"]] * len(frame)
    frame["choices"] = [[]] * len(frame)
    return frame


def conditions(name: str = "base") -> RunConditions:
    return RunConditions(
        name=name,
        settings={
            "task": {"name": "file", "judge": None, "locator": None, "path": "x", "limit": 3, "entities": "auto"},
            "generate": {"max_new_tokens": 6, "stop": [], "samples": 0, "batch_size": 8},
            "capture": {"sites": ["residual"], "positions": ["-1"]},
            "model": {"name": name},
        },
        model={"layers": 3, "width": 16, "dtype": "float32", "weights_hash": name},
        judge="choice",
        fine_tuned=False,
        seed=0,
        tacitly="1",
        questions=questions(),
    )


def setting(group: str, name: str, value: object) -> Callable[[RunConditions], RunConditions]:
    return lambda run: replace(run, settings=run.settings | {group: run.settings[group] | {name: value}})


def cell(column: str, value: object) -> Callable[[RunConditions], RunConditions]:
    def changed(run: RunConditions) -> RunConditions:
        frame = run.questions.copy()
        frame[column] = [value if i == 4 else old for i, old in enumerate(frame[column])]
        return replace(run, questions=frame)

    return changed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (setting("task", "name", "cities"), "task.name is 'file' and 'cities'"),
        (lambda r: replace(r, judge="nli"), "task.judge is 'choice' and 'nli'"),
        (lambda r: replace(r, model=conditions().model), "'base' and 'tuned' are studies of the same weights"),
        (setting("generate", "max_new_tokens", 24), "generate.max_new_tokens is 6 and 24"),
        (setting("capture", "sites", ["mlp"]), r"capture.sites is \['residual'\] and \['mlp'\]"),
        (setting("capture", "positions", ["-2"]), "capture.positions is"),
        (lambda r: replace(r, model={**r.model, "layers": 4}), "the models differ in the layers, 3 and 4"),
        (lambda r: replace(r, model={**r.model, "width": 32}), "width of its states, 16 and 32"),
        (cell("prompt", "Q: q4?\nB:"), r"1 of 10 shared .* another prompt, the first is 'q4' \(from character 7"),
        (cell("question", "who?"), "another question, the first is 'q4'"),
        (cell("answers", ["a"]), "another answers, the first is 'q4'"),
        (cell("entity", "other"), "another entity"),
        (cell("split", "test"), "another split"),
        (lambda r: replace(r, questions=questions(range(20, 30))), "share 0 questions: 'base' asked 10, 'tuned' 10"),
        (lambda r: replace(r, questions=questions(range(6, 16))), "share 4 questions"),
    ],
)  # fmt: skip
def test_what_differs_is_named(change: Callable[[RunConditions], RunConditions], words: str) -> None:
    with pytest.raises(RunFolderError, match=words) as caught:
        shared_questions(conditions(), change(conditions("tuned")))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        setting("generate", "samples", 30),
        setting("generate", "batch_size", 1),
        setting("task", "path", "elsewhere"),
        setting("task", "entities", "all"),
        setting("task", "judge", "choice"),
        lambda r: replace(r, fine_tuned=True),
        setting("model", "system_prompt", "said in the prompt anyway"),
    ],
)
def test_what_changes_no_answer_may_differ(change: Callable[[RunConditions], RunConditions]) -> None:
    assert len(shared_questions(conditions(), change(conditions("tuned")))) == 10


def test_a_run_on_part_of_the_questions_is_compared_on_those_and_says_so() -> None:
    tuned = conditions("tuned")
    part = replace(tuned, questions=questions(range(1, 10)), model={**tuned.model, "dtype": "bfloat16"})
    ids = shared_questions(conditions(), part)
    assert ids == [f"q{i}" for i in range(1, 10)]
    notes = list_notes(conditions(), part, len(ids))
    assert any("1 questions were asked in the base run only" in note for note in notes)
    assert any("different precision: float32 and bfloat16" in note for note in notes)
    assert len(notes) == 2


def test_runs_in_the_wrong_order_are_refused_and_one_fine_tuned_twice_is_told() -> None:
    first = replace(conditions("first"), fine_tuned=True)
    with pytest.raises(
        RunFolderError, match=r"'first' is the study of a fine-tuned model, 'base' is not; give the base"
    ):
        shared_questions(first, conditions())
    second = replace(conditions("second"), fine_tuned=True)
    assert len(shared_questions(first, second)) == 10
    assert list_notes(first, second, 10) == [
        "the base model was fine-tuned too; trained on means what the tuned model was trained on"
    ]
    assert list_notes(conditions(), second, 10) == []


def test_runs_on_very_different_questions_are_refused() -> None:
    part = replace(conditions("tuned"), questions=questions(range(3, 10)))
    with pytest.raises(RunFolderError, match=r"share 7 questions.*at least 90%.*task\.split_from"):
        shared_questions(conditions(), part)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished studies of two models in which every answer is wrong, and one that was stopped."""
    folder = tmp_path_factory.mktemp("refused")
    models = make_models(folder)
    file = write_questions(folder / "q.jsonl", answers="é", n=16, training=False)
    run(models.base, file, folder / "wrong")
    run(models.tuned, file, folder / "after")
    run(models.tuned, file, folder / "stopped", until="labels")
    return folder


def test_which_model_was_fine_tuned_is_read_from_its_folder_or_from_where_the_split_was_said_to_be(
    folder: Path, tmp_path: Path
) -> None:
    assert not FinishedStudy.read(folder / "wrong").conditions.fine_tuned
    assert FinishedStudy.read(folder / "wrong").conditions.judge == "alias"
    for name, split_from, fine_tuned in (
        ("with", None, True), ("gone", tmp_path / "gone", True), ("other", tmp_path / "gone", False)
    ):  # fmt: skip
        made, model = copied(folder, "wrong", tmp_path / f"run-{name}"), tmp_path / name
        if name == "with":
            model.mkdir()
            (model / "split.parquet").touch()
        with RunFolder.open(made, version="0") as view:
            view.manifest.settings["model"]["name"] = str(model)
            view.manifest.settings["task"]["split_from"] = split_from and str(split_from)
            view.commit()
        assert FinishedStudy.read(made).conditions.fine_tuned == fine_tuned


def copied(folder: Path, name: str, to: Path) -> Path:
    shutil.copytree(folder / name, to, ignore=shutil.ignore_patterns(".lock"))
    return to


def test_folders_that_are_no_finished_whole_runs(folder: Path, tmp_path: Path) -> None:
    damaged = copied(folder, "wrong", tmp_path / "damaged")
    (damaged / "folds.parquet").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    for bad, words in (
        (tmp_path / "nowhere", "is not a run: it does not exist"),
        (tmp_path / "empty", "has no manifest.json"),
        (
            folder / "stopped",
            "is not finished: not judgements, spans, activations, self_evaluation, probes|is not finished: not probes",
        ),
        (damaged, "damaged files, the first is 'folds.parquet'"),
    ):
        for pair in ((folder / "wrong", bad), (bad, folder / "wrong")):
            with pytest.raises(RunFolderError, match=words):
                compare_runs(*pair, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_prompts_in_real_runs_are_refused(folder: Path, tmp_path: Path) -> None:
    other = copied(folder, "after", tmp_path / "other")
    with RunFolder.open(other, version="0") as view:
        table = view.table("questions")
        view.write_table("questions.parquet", table.assign(prompt="<|system|>be brief<|end|>" + table["prompt"]))
        view.commit()
    with pytest.raises(RunFolderError, match=r"16 of 16 shared questions have another prompt.*model\.system_prompt"):
        compare_runs(folder / "wrong", other)
    assert not (tmp_path / "compare-wrong-other").exists()


def test_a_place_that_holds_something_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is a run"):
        compare_runs(folder / "wrong", folder / "after", out=folder / "wrong")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="holds files that are no comparison"):
        compare_runs(folder / "wrong", folder / "after", out=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        compare_runs(folder / "wrong", folder / "after", out=tmp_path / "file")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "notes.txt"]


def test_one_class_only_gives_reasons_and_a_page_but_no_figures(folder: Path, tmp_path: Path) -> None:
    result = compare_runs(folder / "wrong", folder / "after", out=tmp_path / "out")
    comparison = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    [part] = comparison["parts"].values()
    assert part["accuracy"]["difference"]["value"] == 0.0
    assert part["accuracy"]["difference"]["ci"] is None
    assert part["accuracy"]["difference"]["ci_reason"]
    probe = part["detection"]["located"]["by_entity"]["probe"]
    assert probe["tuned"]["value"] is None
    assert probe["tuned"]["reason"]
    for answers in ("located", "all"):
        exchanged = part["exchange"][answers]["by_entity"]["base_to_tuned"]["auroc"]
        assert "in the base model, every" in exchanged["reason"]
    assert part["error_types"] is None
    assert "the base run has 0" in part["error_types_reason"]
    assert "task.split_from" in comparison["parts_reason"]
    page = result.report.read_text(encoding="utf-8")
    assert "Not defined" in page
    assert all(issubclass(kind, UserError) for kind in (RunFolderError, StorageError))
    assert comparison_sentences(comparison)[0].startswith("Did it know more? Not that these answers can show")
