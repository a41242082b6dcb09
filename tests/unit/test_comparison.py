"""Before and after: every figure recomputed the slow way from the stored files."""

import json
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tacitly.cli.compare import compare
from tacitly.comparison import ComparisonResult, compare_runs
from tacitly.evaluation.calibration import brier
from tacitly.evaluation.intervals import percentile_interval, resample_groups
from tacitly.experiments.error_types import ERROR_TYPES
from tacitly.experiments.probe_exchange import EXCHANGED, exchange_probes
from tacitly.finished_study import FinishedStudy
from tacitly.run_folder import RunFolder
from tests.unit.comparison_runs import SAMPLES, N, make_pair
from tests.unit.comparison_sides import Side, asked

pytestmark = pytest.mark.unit
REPLICATES = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison")
    make_pair(folder)
    return folder


@pytest.fixture(scope="module")
def result(folder: Path) -> ComparisonResult:
    return compare_runs(folder / "base", folder / "tuned", replicates=REPLICATES)


@pytest.fixture(scope="module")
def sides(folder: Path) -> tuple[Side, Side]:
    return Side(folder / "base"), Side(folder / "tuned")


def test_parts_are_those_that_the_tuned_run_names_else_the_base_run(
    result: ComparisonResult, sides: tuple[Side, Side]
) -> None:
    parts = result.comparison["parts"]
    assert [side.part["q00"] for side in sides] == ["elsewhere", "trained"]
    assert [side.part["q08"] for side in sides] == ["trained", None]
    assert list(parts) == ["all", "trained", "held_out", "elsewhere"]
    assert {name: part["shared_questions"] for name, part in parts.items()} == {
        name: len(asked(sides, name)) for name in parts
    }
    assert parts["all"]["shared_questions"] == N
    assert "parts_reason" not in result.comparison


@pytest.mark.parametrize("part", ["all", "trained", "held_out", "elsewhere"])
def test_accuracy_outcomes_and_wrong_and_sure(result: ComparisonResult, sides: tuple[Side, Side], part: str) -> None:
    base, tuned = sides
    found = result.comparison["parts"][part]
    known = [q for q in asked(sides, part) if base.right[q] is not None and tuned.right[q] is not None]
    assert found["questions"] == len(known)
    for name, side in (("base", base), ("tuned", tuned)):
        assert found["accuracy"][name]["value"] == pytest.approx(sum(side.right[q] for q in known) / len(known))
        wrong = [q for q in known if not side.right[q]]
        for bar in (0.5, 0.7, 0.9):
            hits = [q for q in wrong if (side.sure[q] or 0) >= bar]
            assert found["wrong_and_sure"][str(bar)][name]["value"] == pytest.approx(len(hits) / len(known))
            share = found["sure_when_wrong"][str(bar)][name]["value"]
            assert share == (pytest.approx(len(hits) / len(wrong)) if wrong else None)
    for name, before, after in (
        ("right_wrong", True, False),
        ("wrong_right", False, True),
        ("wrong_wrong", False, False),
    ):
        assert found["outcomes"][name] == sum(base.right[q] is before and tuned.right[q] is after for q in known)
    assert sum(found["outcomes"].values()) == len(known)


def test_intervals_resample_entities_and_are_paired(result: ComparisonResult, sides: tuple[Side, Side]) -> None:
    base, tuned = sides
    ids = asked(sides, "all")
    weights = resample_groups(
        np.array([base.entity[q] for q in ids], dtype=object),
        replicates=REPLICATES,
        rng=np.random.default_rng([0, 6, 0]),
    )
    gaps = []
    for draw in weights:
        drawn = [q for q, times in zip(ids, draw, strict=True) for _ in range(int(times))]
        drawn = [q for q in drawn if base.right[q] is not None and tuned.right[q] is not None]
        gaps.append(sum(tuned.right[q] - base.right[q] for q in drawn) / len(drawn))
    interval = percentile_interval(np.array(gaps))
    assert interval is not None
    found = result.comparison["parts"]["all"]["accuracy"]["difference"]
    assert found["ci"] == pytest.approx([interval.lower, interval.upper])
    assert found["ci"][0] <= found["value"] <= found["ci"][1]


@pytest.mark.parametrize(("part", "answers"), [*product(["all", "trained", "held_out"], ["located", "all"])])
def test_aurocs_are_those_of_the_score_rows_on_shared_questions(
    result: ComparisonResult, sides: tuple[Side, Side], part: str, answers: str
) -> None:
    compared = 0
    for grouping, method in product(("by_entity", "by_answer"), ("probe", "best_baseline", "best_control")):
        found = result.comparison["parts"][part]["detection"][answers][grouping]
        prefix = "" if answers == "located" else "all:"
        probes = [side.scored(prefix + "probe", grouping) for side in sides]
        among = [q for q in asked(sides, part) if all(q in probe for probe in probes)]
        assert found["rows"] == len(among)
        for key, side in zip(("base", "tuned"), sides, strict=True):
            scored = side.scored(prefix + method, grouping)
            expected = side.auroc(scored, among) if among else None
            value = found[method][key]
            assert value["value"] == (None if expected is None else pytest.approx(expected))
            compared += expected is not None
            assert value["value"] is not None or value["reason"]
        if found["gain"]["tuned"]["value"] is not None:
            gain = found["probe"]["tuned"]["value"] - found["best_baseline"]["tuned"]["value"]
            assert found["gain"]["tuned"]["value"] == pytest.approx(gain)
        if found["probe"]["difference"]["ci"] and grouping == "by_answer":
            low, high = found["probe"]["difference"]["ci"]
            assert low <= found["probe"]["difference"]["value"] <= high
    assert compared


def test_calibration_of_the_answer_s_own_probability(result: ComparisonResult, sides: tuple[Side, Side]) -> None:
    known = [q for q in asked(sides, "all") if all(s.right[q] is not None and s.sure[q] is not None for s in sides)]
    found = result.comparison["parts"]["all"]["calibration"]["mean_token_probability"]
    for name, side in zip(("base", "tuned"), sides, strict=True):
        pair = np.array([side.right[q] for q in known], dtype=bool), np.array([side.sure[q] for q in known])
        assert found["brier"][name]["value"] == pytest.approx(brier(*pair))
        assert found["ece"][name]["value"] is None  # fewer than 150 answers
    assert found["rows"] == len(known)


def test_error_types_are_counted_over_as_many_samples_of_both(
    result: ComparisonResult, sides: tuple[Side, Side]
) -> None:
    found = result.comparison["parts"]["all"]["error_types"]
    assert result.comparison["sampled"]["samples"] == min(SAMPLES.values())
    both = [q for q in asked(sides, "all") if all(side.types[q] is not None for side in sides)]
    assert found["questions"] == len(both) > 0
    counts = {}
    for name, side in zip(("base", "tuned"), sides, strict=True):
        counts[name] = {kind: sum(kind in (side.types[q] or ()) for q in both) for kind in ERROR_TYPES}
        assert {kind: entry[name] for kind, entry in found["types"].items()} == counts[name]
    assert counts["base"] != counts["tuned"]


def test_samples_that_were_drawn_differently_give_no_error_types_and_warnings_are_told_once(
    folder: Path, tmp_path: Path
) -> None:
    copies = []
    for name, temperature, warnings in (
        ("base", 1.0, ["crude labels"]),
        ("tuned", 0.5, ["crude labels.", "no template"]),
    ):
        copies.append(tmp_path / name)
        shutil.copytree(folder / name, copies[-1], ignore=shutil.ignore_patterns(".lock"))
        with RunFolder.open(copies[-1], version="0") as view:
            view.manifest.settings["generate"]["temperature"] = temperature
            for stage, record in view.manifest.stages.items():
                record.warnings = warnings if stage == "labels" else []
            view.commit()
    comparison = compare_runs(*copies, replicates=9).comparison
    part = comparison["parts"]["all"]
    assert part["error_types"] is None
    assert part["error_types_reason"] == "the samples were drawn differently: generate.temperature is 1.0 and 0.5"
    assert comparison["notes"] == ["crude labels", "no template (the tuned run)"]


def test_cells_and_grid_come_from_both_runs(result: ComparisonResult, sides: tuple[Side, Side]) -> None:
    comparison, compared = result.comparison, {"eligible": 0, "in one only": 0}
    names = ("set", "grouping", "site", "layer", "position")
    one, other = ({tuple(c[k] for k in names): c for c in side.metrics["grid"]} for side in sides)
    assert {tuple(cell[k] for k in names) for cell in comparison["grid_difference"]} == {*one, *other}
    for cell in comparison["grid_difference"]:
        pair = [grid[tuple(cell[k] for k in names)] for grid in (one, other)]
        known = None not in [entry["auroc"] for entry in pair]
        if known and all(entry["eligible"] for entry in pair):
            compared["eligible"] += 1
            assert cell["difference"] == pytest.approx(pair[1]["auroc"] - pair[0]["auroc"])
        else:
            compared["in one only"] += known
            assert cell["difference"] is None
            assert cell["reason"]
    assert all(compared.values())
    for side, name in zip(sides, ("base", "tuned"), strict=True):
        best = comparison[name]["chosen_cells"]["all"]["by_entity"]
        stated = side.metrics["all_answers"]["by_entity"]["best"]
        assert {k: best[k] for k in ("layer", "position", "auroc")} == {
            k: stated[k] for k in ("layer", "position", "auroc")
        }


def test_the_other_model_s_probe_stands_beside_its_own(
    folder: Path, result: ComparisonResult, sides: tuple[Side, Side]
) -> None:
    """Which way a probe went is checked against probes trained again, joined to the target's labels."""
    compared = 0
    probed = {name: FinishedStudy.read(folder / name).probed for name in ("base", "tuned")}
    for source, target, side in (("base", "tuned", sides[1]), ("tuned", "base", sides[0])):
        scores = exchange_probes(probed[source], probed[target]).scores
        questions = probed[target].table.rows.set_index("answer_id")["question_id"]
        for (answers, prefix), grouping in product((("located", ""), ("all", "all:")), ("by_entity", "by_answer")):
            entry = result.comparison["parts"]["all"]["exchange"][answers][grouping][f"{source}_to_{target}"]
            own = [one.scored(f"{prefix}probe", grouping) for one in sides]
            mine = scores[(scores["method"] == prefix + EXCHANGED) & (scores["grouping"] == grouping)]
            scored = {questions[row.answer_id]: (row.score, row.outer_fold) for row in mine.itertuples()}
            among = [q for q in scored if all(q in known for known in own)]
            assert entry["rows"] == len(among)
            if entry["auroc"]["value"] is None:
                assert entry["auroc"]["reason"]
                continue
            compared += 1
            assert entry["auroc"]["value"] == pytest.approx(side.auroc(scored, among))
            assert entry["own"]["value"] == pytest.approx(side.auroc(side.scored(f"{prefix}probe", grouping), among))
            assert entry["difference"]["value"] == pytest.approx(entry["auroc"]["value"] - entry["own"]["value"])
    assert compared > 4


def test_what_is_written_is_json_and_lies_beside_the_tuned_run(result: ComparisonResult, folder: Path) -> None:
    assert result.folder == folder / "compare-base-tuned"
    assert sorted(entry.name for entry in result.folder.iterdir()) == ["comparison.json", "index.html"]
    text = (result.folder / "comparison.json").read_text(encoding="utf-8")
    assert json.loads(text) == json.loads(json.dumps(result.comparison))
    assert "NaN" not in text

    def undefined(value: Any) -> None:
        if isinstance(value, dict):
            if "value" in value and "ci" in value:
                assert value["value"] is not None or value["reason"]
                assert value["ci"] is not None or value["value"] is None or value["ci_reason"]
            for part in value.values():
                undefined(part)

    undefined(result.comparison["parts"])


def test_the_command_prints_a_table_and_the_page(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("tacitly.comparison.list_notes", lambda *_: ["labels are \x1b[31mcrude"])
    compare(folder / "base", folder / "tuned", out=tmp_path / "out")
    printed = capsys.readouterr().out
    assert "\nnote: labels are \ufffd[31mcrude\n" in printed
    assert printed.index("note: ") > printed.index("defined.")
    assert "accuracy" in printed
    assert "held out" in printed
    assert f"report: {tmp_path / 'out' / 'index.html'}" in printed
    assert max(len(line) for line in printed.splitlines() if not line.startswith(("note: ", "report: "))) <= 80
    again = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert again["replicates"] == 1000
    compare(folder / "base", folder / "tuned", out=tmp_path / "out")  # a comparison may be made again in its folder
    assert json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8")) == again
