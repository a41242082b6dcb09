"""Before and after: every figure recomputed the slow way from the stored files."""

import json
import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tacitly.cli.compare import compare
from tacitly.comparison import ComparisonResult, _Study, compare_runs
from tacitly.evaluation.calibration import brier
from tacitly.evaluation.intervals import percentile_interval, resample_groups
from tacitly.experiments.probe_exchange import EXCHANGED, exchange_probes
from tacitly.run_folder import RunFolder
from tests.unit.comparison_runs import SAMPLES, N, make_models, run, write_questions

pytestmark = pytest.mark.unit
REPLICATES = 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison")
    models = make_models(folder)
    questions = write_questions(folder / "questions.jsonl")
    run(models.base, questions, folder / "base", generate__samples=SAMPLES)
    run(models.tuned, questions, folder / "tuned", generate__samples=SAMPLES)
    return folder


@pytest.fixture(scope="module")
def result(folder: Path) -> ComparisonResult:
    return compare_runs(folder / "base", folder / "tuned", replicates=REPLICATES)


class Side:
    """One run as plain dictionaries by question id."""

    def __init__(self, folder: Path) -> None:
        view = RunFolder.view(folder)
        answers = view.table("answers").set_index("answer_id")
        labels = view.table("labels").set_index("answer_id")["correct"]
        spans = view.table("spans").set_index("answer_id")
        self.metrics: dict[str, Any] = view.json("metrics.json")
        self.entity = view.table("questions").set_index("question_id")["entity"].to_dict()
        self.part = {
            q: json.loads(meta).get("training")
            for q, meta in view.table("questions").set_index("question_id")["meta"].items()
        }
        greedy = answers[answers["sample"] == 0]
        self.right = {
            row.question_id: None if pd.isna(labels[key]) else bool(labels[key]) for key, row in greedy.iterrows()
        }
        self.sure = {}
        for key, row in greedy.iterrows():
            first, last = spans.loc[key, "first_token"], spans.loc[key, "last_token"]
            tokens = row.token_logprobs if pd.isna(first) else row.token_logprobs[int(first) : int(last) + 1]
            self.sure[row.question_id] = math.exp(sum(tokens) / len(tokens)) if len(tokens) else None
        question = greedy["question_id"]
        self.scores = view.table("scores").assign(question=lambda s: s["answer_id"].map(question))

    def scored(self, method: str, grouping: str) -> dict[str, tuple[float, int]]:
        mine = self.scores[(self.scores["method"] == method) & (self.scores["grouping"] == grouping)]
        return {row.question: (row.score, row.outer_fold) for row in mine.itertuples()}

    def auroc(self, scored: dict[str, tuple[float, int]], among: list[str]) -> float | None:
        total = mass = 0.0
        for fold in {scored[q][1] for q in among}:
            here = [q for q in among if scored[q][1] == fold]
            right, wrong = ([scored[q][0] for q in here if self.right[q] is kind] for kind in (True, False))
            if right and wrong:
                wins = [1.0 if r > w else 0.5 if r == w else 0.0 for r, w in product(right, wrong)]
                total += len(here) * sum(wins) / len(wins)
                mass += len(here)
        return total / mass if mass else None


@pytest.fixture(scope="module")
def sides(folder: Path) -> tuple[Side, Side]:
    return Side(folder / "base"), Side(folder / "tuned")


def asked(side: Side, part: str) -> list[str]:
    return sorted(q for q in side.entity if part == "all" or side.part[q] == part)


def test_parts_are_those_that_the_questions_name(result: ComparisonResult, sides: tuple[Side, Side]) -> None:
    parts = result.comparison["parts"]
    assert list(parts) == ["all", "trained", "held_out", "elsewhere"]
    assert {name: part["shared_questions"] for name, part in parts.items()} == {
        name: len(asked(sides[0], name)) for name in parts
    }
    assert parts["all"]["shared_questions"] == N
    assert "parts_reason" not in result.comparison


@pytest.mark.parametrize("part", ["all", "trained", "held_out", "elsewhere"])
def test_accuracy_outcomes_and_wrong_and_sure(result: ComparisonResult, sides: tuple[Side, Side], part: str) -> None:
    base, tuned = sides
    found = result.comparison["parts"][part]
    known = [q for q in asked(base, part) if base.right[q] is not None and tuned.right[q] is not None]
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
    ids = asked(base, "all")
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
        among = [q for q in asked(sides[0], part) if all(q in probe for probe in probes)]
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
    known = [q for q in asked(sides[0], "all") if all(s.right[q] is not None and s.sure[q] is not None for s in sides)]
    found = result.comparison["parts"]["all"]["calibration"]["mean_token_probability"]
    for name, side in zip(("base", "tuned"), sides, strict=True):
        pair = np.array([side.right[q] for q in known], dtype=bool), np.array([side.sure[q] for q in known])
        assert found["brier"][name]["value"] == pytest.approx(brier(*pair))
        assert found["ece"][name]["value"] is None  # fewer than 150 answers
    assert found["rows"] == len(known)


def test_error_types_cells_and_grid_come_from_both_runs(result: ComparisonResult, sides: tuple[Side, Side]) -> None:
    comparison = result.comparison
    types = comparison["parts"]["all"]["error_types"]
    assert comparison["sampled"]["samples"] == SAMPLES
    assert 0 < types["questions"] <= N
    for side in ("base", "tuned"):
        assert sum(entry[side] for entry in types["types"].values()) >= types["questions"]
    grids = [
        {tuple(c[k] for k in ("set", "grouping", "site", "layer", "position")): c for c in side.metrics["grid"]}
        for side in sides
    ]
    assert len(comparison["grid_difference"]) == len(grids[0])
    for cell in comparison["grid_difference"]:
        one, other = (g[tuple(cell[k] for k in ("set", "grouping", "site", "layer", "position"))] for g in grids)
        if one["eligible"] and other["eligible"] and None not in (one["auroc"], other["auroc"]):
            assert cell["difference"] == pytest.approx(other["auroc"] - one["auroc"])
        else:
            assert cell["difference"] is None
            assert cell["reason"]
    best = comparison["tuned"]["chosen_cells"]["all"]["by_entity"]
    stated = sides[1].metrics["all_answers"]["by_entity"]["best"]
    assert {k: best[k] for k in ("layer", "position", "auroc")} == {
        k: stated[k] for k in ("layer", "position", "auroc")
    }


def test_the_other_model_s_probe_stands_beside_its_own(
    folder: Path, result: ComparisonResult, sides: tuple[Side, Side]
) -> None:
    """Which way a probe went is checked against probes trained again, joined to the target's labels."""
    found = result.comparison["parts"]["all"]["exchange"]["all"]
    probed = {name: _Study.read(folder / name).probed for name in ("base", "tuned")}
    own = [side.scored("all:probe", "by_entity") for side in sides]
    for source, target, side in (("base", "tuned", sides[1]), ("tuned", "base", sides[0])):
        entry = found[f"{source}_to_{target}"]
        scores = exchange_probes(probed[source], probed[target]).scores
        questions = probed[target].table.rows.set_index("answer_id")["question_id"]
        scored = {
            questions[row.answer_id]: (row.score, row.outer_fold)
            for row in scores[scores["method"] == f"all:{EXCHANGED}"].itertuples()
        }
        among = [q for q in scored if all(q in scores for scores in own)]
        assert entry["rows"] == len(among) > 0
        assert entry["auroc"]["value"] == pytest.approx(side.auroc(scored, among))
        assert entry["difference"]["value"] == pytest.approx(entry["auroc"]["value"] - entry["own"]["value"])
    assert found["base_to_tuned"]["auroc"]["value"] != found["tuned_to_base"]["auroc"]["value"]


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
    compare(folder / "base", folder / "tuned", out=tmp_path / "out")
    printed = capsys.readouterr().out
    assert "accuracy" in printed
    assert "held out" in printed
    assert f"report: {tmp_path / 'out' / 'index.html'}" in printed
    assert max(map(len, printed.splitlines()[:-1])) <= 80
    again = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert again["replicates"] == 1000
    compare(folder / "base", folder / "tuned", out=tmp_path / "out")  # a comparison may be made again in its folder
    assert json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8")) == again
