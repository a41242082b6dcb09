"""Exchanged probes, resampled figures, and the words and the page made of them."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tacitly.evaluation.calibration import expected_calibration_error
from tacitly.experiments.answer_table import read_answers
from tacitly.experiments.before_after import compare_calibration
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


def test_a_calibration_error_is_that_of_each_seed_and_has_no_interval() -> None:
    rng = np.random.default_rng(0)
    right, said = rng.random(200) < 0.5, rng.random((2, 200)).round(2)
    said[0, :7] = np.nan
    which = rng.random(200) < 0.9
    draws = Draws.of(np.arange(200) // 2, which=which, replicates=40, rng=rng)
    found = compare_calibration((right, said), (~right, said), draws, reason="none")
    kept = which & ~np.isnan(said).any(axis=0)
    assert found["rows"] == kept.sum() >= 150
    for side, labels in (("base", right), ("tuned", ~right)):
        assert found["ece"][side]["value"] == pytest.approx(
            np.mean([expected_calibration_error(labels[kept], seed[kept]) for seed in said])
        )
        assert found["brier"][side]["value"] == pytest.approx(((said[:, kept] - labels[kept]) ** 2).mean())
    assert [entry["ci"] for entry in found["ece"].values()] == [None, None, None]
    assert found["brier"]["difference"]["ci"]
    few = compare_calibration(
        (right, said[:, :]), (right, np.where(np.arange(200) < 149, said, np.nan)), draws, reason=""
    )
    assert few["ece"]["difference"]["value"] is None
    assert "at least 150 are needed" in few["ece"]["difference"]["reason"]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.0, 0.0, "but anything from 0 fewer to 0 more would fit"),
        (-0.004, 0.05, "but anything from 0 fewer to 5 more would fit"),
        (-0.1, -0.004, "somewhere between less than 1 and 10"),
    ],
)
def test_an_interval_in_words_says_what_the_verdict_says(low: float, high: float, words: str) -> None:
    made = comparison()
    made["parts"]["all"]["accuracy"] = pair(0.5, 0.5 + (low + high) / 2, low, high)
    knew = comparison_sentences(made)[0]
    assert words in knew
    assert ("would fit" in knew) == ("Not that these answers can show" in knew)


def test_better_than_its_output_needs_new_answers_too() -> None:
    made = comparison()
    unseen = made["parts"]["all"]["detection"]["located"]["by_answer"]
    made["parts"]["all"]["detection"]["located"]["by_answer"] = unseen | {
        "gain": unseen["gain"] | {"tuned": {"value": 0.01, "ci": [-0.1, 0.1]}}
    }
    assert "but not on answers never seen before" in comparison_sentences(made)[2]


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
        "questions": 590,
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
        "parts": {"all": part, "held_out": part | {"shared_questions": 90, "questions": 88}},
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
    assert "On answers that the probes had never seen, it is 70 and 80 (10 fewer" in showed
    assert "Yes, by its own probe, and better than by its output alone, on answers never seen before too" in caught
    assert "base model picks the wrong one 66 times" in caught
    assert "20 are now wrong although the model is sure of them; before, 10 (10 more, but" in caught
    assert held_out.startswith("On 88 questions about what was kept out of its training")


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
