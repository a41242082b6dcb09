"""A study that keeps answers for a promise: nothing else sees them, and damage to any of it is found by `check`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import tacitly
from tacitly.cli.main import run as command
from tacitly.collect.tables import every_greedy_row, greedy_rows, kept_questions, sampled_rows
from tacitly.probes.detector import Detector
from tacitly.run_folder import RunFolder
from tests.tiny import save_model
from tests.unit.comparison_runs import plant, run, write_questions

pytestmark = pytest.mark.unit

N = 110


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("promise")
    return {
        "model": save_model(folder / "model"),
        "questions": write_questions(folder / "q.jsonl", n=N, training=False),
    }


@pytest.fixture(scope="module")
def plain(made: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study that keeps nothing back."""
    folder = tmp_path_factory.mktemp("plain") / "run"
    run(made["model"], made["questions"], folder, until="activations", generate__samples=1)
    plant(folder, right=0.5, n_answers=18, seed=3)
    return run(made["model"], made["questions"], folder, generate__samples=1)


@pytest.fixture(scope="module")
def promising(made: dict[str, Path], plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same study, asked for a promise afterwards."""
    folder = tmp_path_factory.mktemp("promising") / "run"
    shutil.copytree(plain, folder, ignore=shutil.ignore_patterns(".lock"))
    return run(made["model"], made["questions"], folder, generate__samples=1, abstention__alpha=0.5)


def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "run", ignore=shutil.ignore_patterns(".lock")))


def test_a_fifth_of_the_entities_is_kept_from_everything_else(promising: Path) -> None:
    view = RunFolder.view(promising)
    kept, every = view.table("kept"), every_greedy_row(view)
    entities = set(every["entity"])
    assert kept["entity"].nunique() == round(0.2 * len(entities))
    assert set(kept["answer_id"]) == set(every.loc[every["entity"].isin(kept["entity"]), "answer_id"])
    judged = every.set_index("answer_id")["correct"].notna()
    for _, part in kept.groupby("entity"):
        assert part["drawn"].sum() == min(1, judged[part["answer_id"]].sum())
    assert judged[kept.loc[kept["drawn"], "answer_id"]].all()

    questions = kept_questions(view)
    for frame in (greedy_rows(view), sampled_rows(view)):
        assert len(frame)
        assert not set(frame["question_id"]) & questions
        assert not set(frame["entity"]) & set(kept["entity"])
    for name in ("folds", "scores", "experiments/inner_folds.parquet"):
        assert not set(view.table(name)["answer_id"]) & set(kept["answer_id"])
    metrics = view.json("metrics.json")
    assert metrics["counts"]["kept"] == len(kept)
    assert metrics["counts"]["answers"] == len(every) - len(kept)
    assert metrics["by_entity"]["best"]["rows"] <= metrics["counts"]["answers"]
    page = (promising / "report" / "index.html").read_text(encoding="utf-8")
    kept_texts = set(every.loc[every["answer_id"].isin(kept["answer_id"]), "question"])
    assert not [text for text in kept_texts if f">{text}<" in page]


def test_the_promise_is_in_the_detector_its_card_and_the_figures(promising: Path, plain: Path) -> None:
    view = RunFolder.view(promising)
    promise = Detector.load(promising / "detector").abstention
    assert promise is not None
    assert view.json("metrics.json")["abstention"] == promise.model_dump(mode="json")
    assert (promise.alpha, promise.delta, len(promise.trials)) == (0.5, 0.05, 10)
    assert promise.answers == view.table("kept")["drawn"].sum()
    assert promise.threshold is None, "labels were drawn at random"
    assert str(promise.reason) in (promising / "detector" / "CARD.md").read_text()
    without = RunFolder.view(plain)
    assert without.json("metrics.json")["abstention"] is None
    assert "abstention.alpha" in without.json("metrics.json")["abstention_reason"]
    assert Detector.load(plain / "detector").abstention is None
    assert not (plain / "kept.parquet").exists()


def test_asking_afterwards_does_only_what_learns_again(
    made: dict[str, Path], plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(plain, tmp_path)
    before = {name: (folder / name).stat().st_mtime_ns for name in RunFolder.view(plain).files("answers")}
    result = tacitly.run_study(
        "demo",
        overrides={
            "task.name": "file",
            "task.path": str(made["questions"]),
            "model.name": str(made["model"]),
            "generate.max_new_tokens": 6,
            "generate.samples": 1,
            "capture.positions": ["last_q_token", "exact_answer_last_token", "-6", "-1"],
            "probe.families": [],
            "abstention.alpha": 0.3,
        },
        out=folder,
        open_model=lambda *_, **__: pytest.fail("the model was opened"),
    )
    assert result.stages == ["probes", "baselines", "families", "samples", "report"]
    assert {name: (folder / name).stat().st_mtime_ns for name in before} == before
    assert any("no threshold keeps" in warning for warning in result.warnings)


def rewrite(folder: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change a table, and the manifest with it."""
    with RunFolder.open(folder, version="0") as view:
        view.write_table(name, change(pd.read_parquet(folder / name)))
        view.commit()


def restate(folder: Path, name: str, change: Callable[[dict], None]) -> None:
    """Change a JSON file, and the manifest with it."""
    with RunFolder.open(folder, version="0") as view:
        content = view.json(name)
        change(content)
        view.write_json(name, content)
        view.commit()


def cross(folds: pd.DataFrame) -> pd.DataFrame:
    """One answer of an entity of two moves to another fold."""
    mine = folds[folds["grouping"] == "by_entity"]
    entity = mine["answer_id"].str.extract(r"q(\d+)")[0].astype(int) // 2
    place = entity[entity.duplicated(keep="first")].index[0]
    return folds.assign(outer_fold=folds["outer_fold"].where(folds.index != place, (folds["outer_fold"] + 1) % 5))


def turn(scores: pd.DataFrame) -> pd.DataFrame:
    """The probe's scores turned round."""
    mine = (scores["method"] == "probe") & (scores["grouping"] == "by_entity")
    return scores.assign(score=scores["score"].where(~mine, 1 - scores["score"]))


def lie(metrics: dict) -> None:
    metrics["by_entity"]["best"]["auroc"] = 0.97


def promise_more(header: dict) -> None:
    header["abstention"] |= {"threshold": 0.4, "accepted": 20, "errors": 0, "reason": None}


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "an entity crosses": (lambda f: rewrite(f, "folds.parquet", cross), "groups_apart.by_entity: 1 entities"),
    "scores are turned round": (lambda f: rewrite(f, "scores/probes.parquet", turn), "as if turned round: probe"),
    "the metrics lie": (lambda f: restate(f, "metrics.json", lie), "not probe"),
    "a check is said to hold": (
        lambda f: restate(f, "metrics.json", lambda m: m["checks"][0].update(ok=False)),
        "metrics.json holds these checks as the files give them: not groups_apart.by_entity",
    ),
    "a figure beside the AUROC lies": (
        lambda f: restate(f, "metrics.json", lambda m: m["by_entity"]["selective"]["prr"]["probe"].update(prr=0.9)),
        "not by_entity.selective.prr.probe.prr",
    ),
    "a choice is another": (
        lambda f: restate(f, "experiments/probes.json", lambda r: r["choices"][0].update(inner_auroc=0.99)),
        "choices.by_entity: 1 choices are not those of the training part",
    ),
    "the detector promises more": (
        lambda f: restate(f, "detector/detector.json", promise_more),
        "the kept answers give another threshold",
    ),
    "the metrics promise more": (
        lambda f: restate(f, "metrics.json", lambda m: m["abstention"].update(answers=999)),
        "metrics.json states another promise",
    ),
    "what the detector said is another": (
        lambda f: rewrite(f, "experiments/abstention.parquet", lambda t: t.assign(probability=1 - t["probability"])),
        "does not say of the kept answers what is written down",
    ),
    "a kept answer is learned from": (
        lambda f: rewrite(
            f,
            "kept.parquet",
            lambda t: t.assign(answer_id=[pd.read_parquet(f / "folds.parquet")["answer_id"][0], *t["answer_id"][1:]]),
        ),
        "kept_apart: 1 answers",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_study_is_caught(
    promising: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    folder, (change, words) = copied(promising, tmp_path), DAMAGES[damage]
    change(folder)
    assert command(["check", str(folder)]) == 2
    bad = [line for line in capsys.readouterr().out.splitlines() if line.startswith("BAD ")]
    assert [line for line in bad if words in line], bad


@pytest.mark.parametrize("which", ["plain", "promising"])
def test_a_whole_study_passes_with_notes_that_do_not_fail_it(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str], which: str
) -> None:
    folder = request.getfixturevalue(which)
    assert command(["check", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not [line for line in lines if line.startswith("BAD")]
    assert [line for line in lines if line.startswith("note gain_over_")], "labels were drawn at random"
    assert any("its promise to the kept answers" in line for line in lines) == (which == "promising")
    checks = json.loads((folder / "metrics.json").read_text())["checks"]
    warned = [w for record in RunFolder.view(folder).manifest.stages.values() for w in record.warnings]
    for check in checks:
        if check["ok"] is False and not check["name"].startswith("defined"):
            assert [line for line in warned if check["words"] in line]


def test_a_run_without_checks_is_told_to_learn_again(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(plain, tmp_path)
    restate(folder, "metrics.json", lambda metrics: metrics.pop("checks"))
    assert command(["check", str(folder)]) == 2
    assert "run it with --redo probes" in capsys.readouterr().out
