"""`tacitly transfer` on real run folders: what it writes, and what it refuses."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacitly.activations.base import ArrayStateTable
from tacitly.cli.main import run as command
from tacitly.collect.tables import greedy_rows
from tacitly.errors import RunFolderError, StorageError
from tacitly.experiments.answer_table import GROUPINGS
from tacitly.experiments.transfer_runs import StudiedRun, list_notes, require_one_shape
from tacitly.run_folder import RunFolder
from tacitly.transfer import name_runs, transfer_runs
from tests.unit.comparison_runs import make_models, plant, run, write_questions
from tests.unit.planted import POSITIONS, planted_rows, planted_states

pytestmark = pytest.mark.unit


def other_questions(path: Path, n: int = 40) -> Path:
    """Questions about other things than `write_questions` asks about, but for two of them."""
    letters = list("abcdefghijklmnopqrstuvwxyz")
    rows = [
        {"id": f"z{i:02}", "question": f"Which is thing {i}?", "answers": letters, "entity": f"thing {i // 2}"}
        for i in range(n)
    ]
    rows[0]["entity"] = rows[1]["entity"] = "Number 3"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished studies: two tasks of one model, one of another model of its shape; and one that was stopped."""
    folder = tmp_path_factory.mktemp("transferred")
    models = make_models(folder)
    numbers = write_questions(folder / "numbers.jsonl", n=48, training=False)
    things = other_questions(folder / "things.jsonl")
    for name, model, file, seed in (
        ("numbers", models.base, numbers, 1),
        ("things", models.base, things, 2),
        ("tuned", models.tuned, numbers, 3),
    ):
        run(model, file, folder / name, until="activations")
        plant(folder / name, right=0.5, n_answers=17, seed=seed)
        run(model, file, folder / name)
    run(models.base, things, folder / "stopped", until="labels")
    return folder


def copied(folder: Path, name: str, to: Path) -> Path:
    shutil.copytree(folder / name, to, ignore=shutil.ignore_patterns(".lock"))
    return to


def test_every_pair_and_each_task_left_out(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = [copied(folder, name, tmp_path / name) for name in ("numbers", "things")]
    assert command(["transfer", *map(str, pair)]) == 0
    out = tmp_path / "transfer"
    assert sorted(entry.name for entry in out.iterdir()) == ["index.html", "transfer.json"]
    found = json.loads((out / "transfer.json").read_text(encoding="utf-8"))
    assert set(found["matrix"]) == set(found["leave_one_out"]) == set(found["runs"]) == {"numbers", "things"}
    for line in found["matrix"].values():
        for entry in line.values():
            assert {"auroc", "ci", "minus_baseline"} <= set(entry) & set(entry["by_answer"])
    assert found["leave_one_out"]["things"]["trained_on_runs"] == ["numbers"]
    carried = found["matrix"]["numbers"]["things"]
    rows = greedy_rows(RunFolder.view(pair[0]))
    shared = rows[(rows["entity"] == "number 3") & rows["located"] & rows["correct"].notna()]  # as "Number 3" is one
    assert carried["left_out"] == len(shared) >= 1
    assert found["leave_one_out"]["things"]["left_out"] == len(shared)
    for name, path in zip(("numbers", "things"), pair, strict=True):
        own = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
        for grouping in ("by_entity", "by_answer"):
            entry = found["matrix"][name][name] if grouping == "by_entity" else found["matrix"][name][name][grouping]
            stated = own[grouping]["best"]["auroc"] if own[grouping] else None
            assert entry["auroc"] == (None if stated is None else pytest.approx(stated, abs=1e-9))
    printed = capsys.readouterr().out
    assert "trained on (lines), tested on (columns)" in printed
    assert f"{carried['auroc']:.2f}" in printed
    assert "Of 2 probes tested on another task" in printed
    assert printed.splitlines()[-1] == f"report: {out / 'index.html'}"
    before = (out / "transfer.json").read_bytes()
    assert command(["transfer", *map(str, pair)]) == 0
    assert (out / "transfer.json").read_bytes() == before


def test_another_model_is_refused_unless_asked_for(folder: Path, tmp_path: Path) -> None:
    pair = [folder / "numbers", folder / "tuned"]
    with pytest.raises(
        RunFolderError, match=r"'numbers' and 'tuned' are of different models: .*base-model.*--across-models"
    ):
        transfer_runs(pair, out=tmp_path / "out")
    found = transfer_runs(pair, out=tmp_path / "out", across_models=True, replicates=50).transfer
    entry = found["matrix"]["numbers"]["tuned"]
    assert entry["auroc"] is not None
    assert entry["trained_on"] < found["runs"]["numbers"]["located"]
    assert "no other run of its model" in found["leave_one_out"]["tuned"]["reason"]
    assert "base-model, tuned-model" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8").replace(
        "<bdi>", ""
    ).replace("</bdi>", "")


def test_too_few_runs_and_runs_given_twice(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["transfer", str(folder / "numbers")]) == 2
    assert "1 run was given; allowed: at least two runs" in capsys.readouterr().err
    assert command(["transfer"]) == 2
    with pytest.raises(RunFolderError, match="no run was given"):
        transfer_runs([])
    with pytest.raises(RunFolderError, match="is given twice"):
        transfer_runs([folder / "numbers", folder / "things" / ".." / "numbers"])


def test_names_that_clash_are_told_apart_by_where_they_lie() -> None:
    assert list(name_runs(["a/x", "b/x", "c/y"])) == ["a/x", "b/x", "y"]
    assert list(name_runs(["runs/x", "x"])) == ["runs/x", f"{Path.cwd().name}/x"]


def test_folders_that_are_no_finished_whole_runs(folder: Path, tmp_path: Path) -> None:
    damaged = copied(folder, "things", tmp_path / "damaged")
    (damaged / "folds.parquet").write_bytes(b"")
    for bad, words in (
        (tmp_path / "nowhere", "is not a run: it does not exist"),
        (folder / "stopped", "is not finished: not"),
        (damaged, "damaged files, the first is 'folds.parquet'"),
    ):
        with pytest.raises(RunFolderError, match=words):
            transfer_runs([folder / "numbers", bad], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_place_that_holds_something_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    pair = [folder / "numbers", folder / "things"]
    with pytest.raises(RunFolderError, match="is a run"):
        transfer_runs(pair, out=folder / "stopped")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="holds files that are no transfer"):
        transfer_runs(pair, out=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        transfer_runs(pair, out=tmp_path / "file", replicates=9)


def test_ctrl_c_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tacitly.transfer.transfer_probes", stop)
    arguments = ["transfer", str(folder / "numbers"), str(folder / "things"), "--out", str(tmp_path / "out")]
    assert command(arguments) == 130
    assert capsys.readouterr().err.endswith("tacitly: stopped\n")
    assert not (tmp_path / "out").exists()


def test_one_class_only_gives_reasons_and_a_page(folder: Path, tmp_path: Path) -> None:
    wrong = copied(folder, "things", tmp_path / "wrong")
    with RunFolder.open(wrong, version="0") as view:
        labels = view.table("labels")
        first, *others = view.files("labels")
        view.write_table(first, labels.assign(correct=False))
        view.forget(others)
        metrics = view.json("metrics.json")
        reason = "every located answer is wrong; there is nothing to tell apart"
        none = {f"{grouping}{end}": value for grouping in GROUPINGS for end, value in (("", None), ("_reason", reason))}
        view.write_json("metrics.json", metrics | none)
        view.commit()
    result = transfer_runs([folder / "numbers", wrong], out=tmp_path / "out", replicates=9)
    assert result.transfer["matrix"]["numbers"]["wrong"]["reason"] == reason
    assert result.transfer["leave_one_out"]["numbers"]["auroc"] is None
    assert reason in result.report.read_text(encoding="utf-8")


def studied(name: str, **more: Any) -> StudiedRun:
    rows = planted_rows(6, np.random.default_rng(0))
    states = planted_states(rows, np.random.default_rng(0), width=4, layers=3)
    kinds = {"model": {"weights_hash": "a" * 64, "layers": 3, "width": 4, "name": "tiny"}, "settings": {}}
    return StudiedRun(**{"name": name, "states": states, "tacitly": "1", **kinds, **more})


@pytest.mark.parametrize("across_models", [False, True])
@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"model": {"weights_hash": "a" * 64, "layers": 4, "width": 4}}, "differ in the number of layers: 3 and 4"),
        ({"model": {"weights_hash": "b" * 64, "layers": 3, "width": 8}}, "differ in the width of its states: 4 and 8"),
        (
            {"states": ArrayStateTable({("mlp", 1): np.zeros((2, 1, 4))}, positions=POSITIONS)},
            "different sites: residual only in the first, mlp only in the second; .*capture.sites",
        ),
        (
            {"states": ArrayStateTable({("residual", i): np.zeros((2, 3, 4)) for i in (1, 2, 3)}, positions=POSITIONS)},
            "different layers: residual 0 only in the first, residual 3 only in the second",
        ),
        (
            {"states": ArrayStateTable({("residual", i): np.zeros((2, 1, 4)) for i in (0, 1, 2)}, positions=("-1",))},
            "different token positions: .*capture.positions",
        ),
    ],
)  # fmt: skip
def test_runs_of_another_shape_are_refused_in_any_case(other: dict[str, Any], words: str, across_models: bool) -> None:
    with pytest.raises(RunFolderError, match=words):
        require_one_shape([studied("one"), studied("two", **other)], across_models=across_models)
    with pytest.raises(RunFolderError, match=words):
        require_one_shape([studied("one"), studied("one more"), studied("two", **other)], across_models=across_models)


def test_what_differs_and_may_is_noted() -> None:
    model = {"weights_hash": "a" * 64, "layers": 3, "width": 4, "dtype": "float32"}
    one, other = studied("one", model=model), studied("two", model={**model, "dtype": "bfloat16"}, tacitly="2")
    require_one_shape([one, other])
    assert list_notes([one, other]) == [
        "the models were run in different precision: float32 (one), bfloat16 (two)",
        "the runs were made with different versions of tacitly: 1 (one), 2 (two)",
    ]
    assert list_notes([one, one]) == []
