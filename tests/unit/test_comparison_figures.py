"""Exchanged probes, resampled figures, and the words and the page made of them."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tacitly.evaluation.calibration import expected_calibration_error
from tacitly.experiments.answer_table import read_answers
from tacitly.experiments.before_after import resampled_ece
from tacitly.experiments.detection_metrics import collect_scores
from tacitly.experiments.detection_summary import recompute_aurocs
from tacitly.experiments.detector_training import DetectorSource
from tacitly.experiments.paired_figures import Draws
from tacitly.experiments.probe_exchange import EXCHANGED, ProbedRun, exchange_probes
from tacitly.experiments.probe_stage import ProbeStage, train_probes
from tacitly.probes.detector import DetectorModel
from tacitly.report.comparison_page import build_comparison_page
from tacitly.report.comparison_words import comparison_sentences
from tests.unit.planted import PLANTED, planted_rows, planted_states
from tests.unit.report_samples import full_study
from tests.unit.test_report_page import HOSTILE, read

pytestmark = pytest.mark.unit
SOURCE = DetectorSource(model=DetectorModel(name="planted"), task="planted", version="0")


def probed(rows: pd.DataFrame, *, direction: int, width: int = 12) -> tuple[ProbedRun, ProbeStage]:
    """A run whose states hold the label along a direction of that seed, with its probes."""
    states = planted_states(rows, np.random.default_rng(direction), strength={PLANTED: 3.0}, width=width)
    stage = train_probes(rows, states, source=SOURCE)
    table = read_answers(rows, states)
    return ProbedRun(table=table, states=states, folds=stage.folds, choices=stage.record["choices"]), stage


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return planted_rows(160, np.random.default_rng(1), n_entities=120, located=0.9)


@pytest.fixture(scope="module")
def first(rows: pd.DataFrame) -> tuple[ProbedRun, ProbeStage]:
    return probed(rows, direction=5)


def auroc(rows: pd.DataFrame, scores: pd.DataFrame, method: str = EXCHANGED) -> float:
    groups = rows["entity"].to_numpy(dtype=object)
    found = collect_scores(rows, scores, answers="located", grouping="by_entity", groups=groups)
    values = found.replicates(method, np.ones((1, len(rows))))
    assert values is not None
    return float(values[0])


def test_a_run_s_probes_exchanged_with_itself_are_its_own_nested_probes(
    rows: pd.DataFrame, first: tuple[ProbedRun, ProbeStage]
) -> None:
    run, stage = first
    exchange = exchange_probes(run, run)
    assert exchange.reasons == {}
    own = recompute_aurocs(rows, stage.folds, stage.scores)
    assert auroc(rows, exchange.scores) == pytest.approx(own["located", "by_entity", "probe"], abs=1e-9)
    mine = stage.scores.query("method == 'probe' and grouping == 'by_entity'")
    theirs = exchange.scores.query("method == @EXCHANGED")
    assert set(mine["answer_id"]) == set(theirs["answer_id"])


def test_the_same_direction_carries_over_and_another_one_does_not(
    rows: pd.DataFrame, first: tuple[ProbedRun, ProbeStage]
) -> None:
    tuned = planted_rows(160, np.random.default_rng(2), n_entities=120, located=0.9)  # other labels and answers
    same, _ = probed(tuned, direction=5)
    other, _ = probed(tuned, direction=6)
    carried, lost = (exchange_probes(first[0], target).scores for target in (same, other))
    assert len(carried) > 100
    assert auroc(tuned, carried) > 0.75
    assert auroc(tuned, lost) < auroc(tuned, carried) - 0.1


def test_no_label_of_a_tested_entity_reaches_the_probe_that_scores_it(
    rows: pd.DataFrame, first: tuple[ProbedRun, ProbeStage]
) -> None:
    run = first[0]
    fold = run.folds.query("grouping == 'by_entity' and outer_fold == 2")["answer_id"]
    tested = rows["answer_id"].isin(fold).to_numpy()
    labels = [(not c) if t else c for c, t in zip(rows["correct"], tested, strict=True)]
    flipped = rows.assign(correct=pd.Series(labels, dtype=object))
    changed = ProbedRun(
        table=read_answers(flipped, run.states), states=run.states, folds=run.folds, choices=run.choices
    )
    before, after = (
        exchange_probes(source, run).scores.query("outer_fold == 2").set_index(["answer_id", "method"])["score"]
        for source in (run, changed)
    )
    pd.testing.assert_series_equal(before, after)


def test_models_of_another_shape_are_given_a_reason(rows: pd.DataFrame, first: tuple[ProbedRun, ProbeStage]) -> None:
    wide, _ = probed(rows, direction=5, width=9)
    exchange = exchange_probes(first[0], wide)
    assert exchange.scores.empty
    assert exchange.reasons["located"] == "states of 12 numbers in one model, of 9 in the other"


def test_a_resampled_calibration_error_is_that_of_the_drawn_answers() -> None:
    rng = np.random.default_rng(0)
    right, said, among = rng.random(83) < 0.5, rng.random(83).round(2), rng.random(83) < 0.9
    draws = Draws.of(np.arange(83) // 2, which=rng.random(83) < 0.8, replicates=40, rng=rng)
    values = resampled_ece(right, said, among=among, draws=draws)
    for value, weights in zip(values, draws.weights, strict=True):
        drawn = np.repeat(np.arange(83), (weights * among).astype(int))
        order = drawn[np.argsort(said[drawn], kind="stable")]
        assert value == pytest.approx(expected_calibration_error(right[order], said[order]), abs=1e-12)


def pair(base: float, tuned: float, low: float, high: float) -> dict[str, Any]:
    difference = {"value": tuned - base, "ci": [low, high]}
    sides = {name: {"value": v, "ci": [v - 0.05, v + 0.05]} for name, v in (("base", base), ("tuned", tuned))}
    return {**sides, "difference": difference}


def comparison(**more: Any) -> dict[str, Any]:
    side = {"rows": 500, "probe": pair(0.8, 0.7, -0.15, -0.05), "best_baseline": pair(0.7, 0.65, -0.1, 0.0)}
    side["gain"] = pair(0.1, 0.06, -0.09, 0.01)
    foreign = {"value": 0.66, "ci": [0.6, 0.7]}
    part = {
        "shared_questions": 600,
        "accuracy": pair(0.4, 0.5, 0.06, 0.14),
        "outcomes": {"right_right": 1, "right_wrong": 2, "wrong_right": 3, "wrong_wrong": 4},
        "wrong_and_sure": {bar: pair(0.1, 0.2, -0.01, 0.21) for bar in ("0.5", "0.7", "0.9")},
        "detection": {"located": {"by_entity": side, "by_answer": side}},
        "exchange": {"located": {"base_to_tuned": {"auroc": foreign, "own": foreign, "difference": foreign}}},
        "error_types_reason": "no samples",
    }
    grid = full_study().metrics["grid"]
    cells = {"set", "grouping", "site", "layer", "position"}
    return {
        "task": "medfacts",
        "parts": {"all": part, "held_out": part | {"shared_questions": 90}},
        "grid_difference": [
            {key: cell[key] for key in cells}
            | {"base": 0.5, "tuned": 0.6, "difference": 0.1 if cell["eligible"] else None}
            for cell in grid
        ],
        **more,
    }


def test_the_first_words_answer_the_three_questions() -> None:
    knew, showed, caught, held_out = comparison_sentences(comparison())
    assert knew.startswith("Did it know more? It did: the tuned model was right in 50 of 100 answers, the base")
    assert "(10 more, somewhere between 6 and 14)" in knew
    assert "No, it showed less" in showed
    assert "70 times out of 100 in the tuned model and 80 in the base model" in showed
    assert "yes, by its own probe, and better than" in caught.lower()
    assert "base model picks the wrong one 66 times" in caught
    assert "20 are now wrong although the model is sure of them; before, 10 (10 more, but" in caught
    assert held_out.startswith("On 90 questions about what was kept out of its training")


def test_the_page_is_offline_and_shows_both_heat_maps_and_their_difference() -> None:
    metrics = full_study().metrics
    source = build_comparison_page(comparison(), base=metrics, tuned=metrics)
    page = read(source)
    figures = json.loads(page.scripts[0])["figures"]
    for name in ("base", "tuned", "difference"):
        assert f"heatmap-{name}-0-by_entity" in figures
        assert f"heatmap-{name}-0-by_answer" in figures
    boxes = [box["id"] for box in page.named("div") if box.get("class") == "plot"]
    assert sorted(boxes) == sorted(f"figure-{key}" for key in figures)
    assert not re.search(r"https?:|url\(|@import|//cdn", source.replace(page.scripts[1], ""))
    identifiers = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert all((link["href"] or "").removeprefix("#") in identifiers for link in page.named("a"))
    scrolled = [box for box in page.named("div") if box.get("class") == "wide"]
    assert len(scrolled) == len(page.named("table"))
    [z, *_] = figures["heatmap-difference-0-by_entity"]["data"]
    assert z["zmin"] == -z["zmax"]
    assert {value for line in z["z"] for value in line} == {0.1, None}
    sentences = comparison_sentences(comparison())
    assert page.text.index(sentences[0]) < page.text.index(sentences[2])


def test_names_from_outside_stay_text() -> None:
    metrics = full_study().metrics
    made = comparison(task=HOSTILE, notes=[HOSTILE], base={"run": HOSTILE, "model": {"name": HOSTILE}})
    made["parts"]["all"]["error_types_reason"] = HOSTILE
    for cell in made["grid_difference"][:9]:
        cell |= {"site": HOSTILE, "position": HOSTILE}
    source = build_comparison_page(made, base=metrics, tuned=metrics)
    source.encode("utf-8")
    page = read(source)
    assert len(page.named("script")) == 3
    assert not page.named("img")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_an_empty_comparison_makes_a_page_of_reasons() -> None:
    text = read(build_comparison_page({}, base={}, tuned={})).text
    assert "not computed in this run" in text
    assert not re.search(r"\b(nan|None|Undefined)\b", text)
