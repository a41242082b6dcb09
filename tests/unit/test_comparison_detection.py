"""Figures of two models over the same questions: whose they are, over which answers, and what their intervals draw."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tacitly.baselines.controls import answer_strings
from tacitly.evaluation.calibration import brier, expected_calibration_error
from tacitly.evaluation.intervals import percentile_interval
from tacitly.evaluation.metrics import fold_aurocs
from tacitly.experiments.before_after import compare_calibration
from tacitly.experiments.detection_change import DetectionChange
from tacitly.experiments.paired_figures import NO_CLASSES, NO_WIDTH, TOO_FEW, Draws, figure, paired_figure
from tacitly.experiments.probe_exchange import EXCHANGED
from tacitly.experiments.scored_run import PartDraws, ScoredRun
from tests.unit.planted import planted_rows

pytestmark = pytest.mark.unit
N = 160
METHODS = ("probe", "best_baseline", "best_control", EXCHANGED)


def draw(groups: np.ndarray, which: np.ndarray | None = None, *, replicates: int = 200, seed: int = 0) -> Draws:
    which = np.ones(len(groups), dtype=bool) if which is None else which
    return Draws.of(groups, which=which, replicates=replicates, rng=np.random.default_rng(seed))


@pytest.mark.parametrize(("entities", "sure"), [(2, False), (9, False), (10, True)])
def test_a_few_entities_give_no_interval(entities: int, sure: bool) -> None:
    """Two entities that went from wrong to right are no certain gain."""
    among = np.ones(3 * entities, dtype=bool)
    draws = draw(np.arange(3 * entities) % entities)
    right = np.arange(3 * entities) % entities > 0
    found = paired_figure(draws.share(~among, among=among), draws.share(right, among=among), reason="")["difference"]
    assert found["value"] == pytest.approx(1 - 1 / entities)
    assert (found["ci"] is not None) == sure
    assert found.get("ci_reason") == (None if sure else TOO_FEW)


def test_the_entities_that_count_are_those_of_the_answers_looked_at() -> None:
    draws, wrong = draw(np.arange(90)), np.arange(90) < 9
    assert figure(draws.share(np.arange(90) % 2 == 0, among=wrong), reason="")["ci_reason"] == TOO_FEW
    assert figure(draws.share(np.arange(90) % 2 == 0, among=~wrong), reason="")["ci"]


def test_what_no_draw_moves_has_no_interval() -> None:
    every = np.ones(90, dtype=bool)
    found = paired_figure(*(draw(np.arange(90)).share(~every, among=every),) * 2, reason="")
    for entry in found.values():
        assert entry == {"value": 0.0, "ci": None, "ci_reason": NO_WIDTH}
    assert figure(np.array([0.5, np.nan, np.nan, 0.4]), reason="")["ci_reason"] == NO_CLASSES


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


class Side:
    """A run whose methods say anything at all, and its figures the slow way."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        rows = planted_rows(N, rng, n_answers=14 + seed, n_entities=110, right=0.3 + 0.2 * seed)
        self.right = rows["correct"].astype(bool).to_numpy()
        self.score: dict[tuple[str, str], np.ndarray] = {}
        self.fold = {grouping: rng.integers(5, size=N) for grouping in ("by_entity", "by_answer")}
        frames = []
        for grouping, fold in self.fold.items():
            for method in METHODS:
                score = np.where(rng.random(N) < (0.7 if method == EXCHANGED else 0.95), rng.random(N), np.nan)
                self.score[method, grouping] = score
                scored = {"method": method, "grouping": grouping, "seed": 0, "outer_fold": fold, "score": score}
                frames.append(pd.DataFrame({"answer_id": rows["answer_id"], **scored}).dropna())
        self.rows, self.given = rows, answer_strings(rows)
        self.run = ScoredRun(rows=rows, scores=pd.concat(frames), reasons={}, exchange_reasons={})

    def has(self, method: str, grouping: str) -> np.ndarray:
        return ~np.isnan(self.score[method, grouping])

    def aurocs(self, method: str, grouping: str, among: np.ndarray, draws: Draws) -> np.ndarray:
        score, fold = self.score[method, grouping], self.fold[grouping]
        kept = among & self.has(method, grouping)
        return fold_aurocs(self.right[kept], score[kept], fold[kept], weights=draws.weights[:, kept])


@pytest.fixture(scope="module")
def sides() -> tuple[Side, Side]:
    return Side(1), Side(2)


@pytest.fixture(scope="module")
def change(sides: tuple[Side, Side]) -> DetectionChange:
    return DetectionChange.of(*(side.run for side in sides))


@pytest.fixture(scope="module")
def draws(sides: tuple[Side, Side]) -> PartDraws:
    which = np.random.default_rng(9).random(N) < 0.9
    base, tuned = (draw(side.given, which, seed=i) for i, side in enumerate(sides))
    return PartDraws(entities=draw(sides[0].rows["entity"].to_numpy(), which, seed=2), answers=(base, tuned))


def ends(values: np.ndarray) -> list[float]:
    interval = percentile_interval(values[1:])
    assert interval is not None
    return [interval.lower, interval.upper]


def test_by_answer_each_model_s_interval_is_of_its_answers_and_the_difference_has_the_widest(
    change: DetectionChange, sides: tuple[Side, Side], draws: PartDraws
) -> None:
    found = change.figures("located", "by_answer", draws)
    among = sides[0].has("probe", "by_answer") & sides[1].has("probe", "by_answer")
    assert found["rows"] == (among & draws.entities.looked_at).sum()
    widest = set()
    for method in METHODS[:3]:
        for name, side, own in zip(("base", "tuned"), sides, draws.answers, strict=True):
            values = side.aurocs(method, "by_answer", among, own)
            assert found[method][name] == {"value": pytest.approx(values[0]), "ci": pytest.approx(ends(values))}
        intervals = []
        for drawn in (draws.entities, *draws.answers):
            base, tuned = (side.aurocs(method, "by_answer", among, drawn) for side in sides)
            intervals.append(ends(tuned - base))
        widths = [high - low for low, high in intervals]
        widest.add(int(np.argmax(widths)))
        assert found[method]["difference"]["ci"] == pytest.approx(intervals[np.argmax(widths)])
    assert widest - {0}


def test_a_difference_by_answer_has_no_interval_where_one_of_the_three_has_none(
    change: DetectionChange, draws: PartDraws
) -> None:
    few = draw(np.arange(N) % 9)
    found = change.figures("located", "by_answer", PartDraws(entities=draws.entities, answers=(draws.answers[0], few)))
    assert found["probe"]["base"]["ci"]
    assert found["probe"]["difference"]["ci"] is None
    assert found["probe"]["difference"]["ci_reason"] == TOO_FEW


def test_by_entity_entities_are_drawn_and_gains_are_paired(
    change: DetectionChange, sides: tuple[Side, Side], draws: PartDraws
) -> None:
    found = change.figures("located", "by_entity", draws)
    among = sides[0].has("probe", "by_entity") & sides[1].has("probe", "by_entity")
    gains = []
    for name, side in zip(("base", "tuned"), sides, strict=True):
        probe, control = (side.aurocs(m, "by_entity", among, draws.entities) for m in ("probe", "best_control"))
        gains.append(probe - control)
        assert found["gain_over_control"][name]["value"] == pytest.approx(gains[-1][0])
    assert found["gain_over_control"]["difference"]["ci"] == pytest.approx(ends(gains[1] - gains[0]))


def test_the_probes_calibration_is_each_model_s_own(
    change: DetectionChange, sides: tuple[Side, Side], draws: PartDraws
) -> None:
    among = sides[0].has("probe", "by_entity") & sides[1].has("probe", "by_entity") & draws.entities.looked_at
    found = change.calibration(draws)
    assert found["rows"] == among.sum()
    for name, side in zip(("base", "tuned"), sides, strict=True):
        stated = brier(side.right[among], side.score["probe", "by_entity"][among])
        assert found["brier"][name]["value"] == pytest.approx(stated)


def directions(sides: tuple[Side, Side], draws: PartDraws) -> Iterator[tuple[str, Side, Draws]]:
    yield "base_to_tuned", sides[1], draws.answers[1]
    yield "tuned_to_base", sides[0], draws.answers[0]


@pytest.mark.parametrize("grouping", ["by_entity", "by_answer"])
def test_a_foreign_probe_and_the_own_one_are_held_to_the_same_answers(
    grouping: Any, change: DetectionChange, sides: tuple[Side, Side], draws: PartDraws
) -> None:
    found = change.exchange("located", grouping, draws)
    for name, target, of_answers in directions(sides, draws):
        drawn = draws.entities if grouping == "by_entity" else of_answers
        among = np.logical_and.reduce([side.has("probe", grouping) for side in sides]) & target.has(EXCHANGED, grouping)
        foreign, own = (target.aurocs(method, grouping, among, drawn) for method in (EXCHANGED, "probe"))
        assert found[name]["rows"] == (among & drawn.looked_at).sum()
        for key, values in (("auroc", foreign), ("own", own), ("difference", foreign - own)):
            assert found[name][key] == {"value": pytest.approx(values[0]), "ci": pytest.approx(ends(values))}


def test_what_no_run_scored_says_why(change: DetectionChange, sides: tuple[Side, Side], draws: PartDraws) -> None:
    found = change.exchange("all", "by_entity", draws)
    assert found["base_to_tuned"]["auroc"]["reason"] == "no question has a score in both runs"
    base, tuned = (
        ScoredRun(
            rows=side.rows,
            scores=side.run.scores[side.run.scores["grouping"] == "by_entity"],
            reasons={("located", "by_answer"): f"{i} answers"},
            exchange_reasons={("located", "by_answer"): "unreadable"} if i else {},
        )
        for i, side in enumerate(sides)
    )
    found = DetectionChange.of(base, tuned).exchange("located", "by_answer", draws)
    assert found["tuned_to_base"]["auroc"]["reason"] == "in the base model, 0 answers; in the tuned model, 1 answers"
    assert found["base_to_tuned"]["auroc"]["reason"] == "unreadable"
