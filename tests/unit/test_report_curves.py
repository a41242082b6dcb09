"""The points of the curves agree with the figures that stand beside them."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid
from sklearn.metrics import roc_auc_score

from tacitly.report.curves import probe_scores, reliability_points, roc_points
from tacitly.report.risk_pictures import COVERAGES, risk_pictures, risk_points
from tests.unit.report_samples import answers

pytestmark = pytest.mark.unit


def test_area_under_the_curve_is_the_mean_over_folds_and_not_the_pooled_one() -> None:
    rows, scores, _ = answers(np.random.default_rng(1))
    shifted = scores.assign(score=(scores["score"] + scores["outer_fold"]) / 6)
    scored = probe_scores(shifted, rows, grouping="by_entity")
    folds = [fold for _, fold in scored.groupby("outer_fold")]
    expected = np.average(
        [roc_auc_score(fold["correct"], fold["score"]) for fold in folds], weights=[len(fold) for fold in folds]
    )
    points = roc_points(scored)
    assert points is not None
    assert trapezoid(points.right, points.wrong) == pytest.approx(expected, abs=0.01)
    assert abs(roc_auc_score(scored["correct"], scored["score"]) - expected) > 0.05


def test_a_fold_of_one_class_is_left_out_and_nothing_else_is_no_curve() -> None:
    one = pd.DataFrame({"seed": 0, "outer_fold": 0, "score": [0.1, 0.2], "correct": [True, True]})
    two = pd.DataFrame({"seed": 0, "outer_fold": 1, "score": [0.1, 0.2], "correct": [False, True]})
    assert roc_points(one) is None
    both = roc_points(pd.concat([one, two]))
    assert both is not None
    assert both.right[1] == 1.0


def test_scores_are_of_one_method_grouping_and_set_with_known_labels_only() -> None:
    rows = pd.DataFrame({"answer_id": ["a", "b", "c"], "correct": pd.Series([True, None, False], dtype=object)})
    line = {"method": "probe", "grouping": "by_entity", "seed": 0, "outer_fold": 0, "set": "located"}
    scores = pd.DataFrame(
        [
            {**line, "answer_id": "a", "score": 0.9},
            {**line, "answer_id": "b", "score": 0.8},
            {**line, "answer_id": "c", "score": float("nan")},
            {**line, "answer_id": "c", "score": 0.1, "set": "all"},
            {**line, "answer_id": "c", "score": 0.2, "method": "logprob_mean"},
            {**line, "answer_id": "c", "score": 0.3, "grouping": "by_answer"},
        ]
    )
    found = probe_scores(scores, rows, grouping="by_entity")
    assert found[["answer_id", "score", "correct"]].to_numpy().tolist() == [["a", 0.9, True]]


@pytest.mark.parametrize("scores", [pd.DataFrame(), pd.DataFrame({"answer_id": [], "method": [], "grouping": []})])
def test_no_scores_are_no_curves(scores: pd.DataFrame) -> None:
    scored = probe_scores(scores, pd.DataFrame(), grouping="by_entity")
    assert roc_points(scored) is None
    assert reliability_points(scored) == []


def test_reliability_points_hold_every_answer_once_whatever_the_seeds() -> None:
    rows, scores, _ = answers(np.random.default_rng(2))
    once = probe_scores(scores, rows, grouping="by_entity")
    twice = pd.concat([once, once.assign(seed=1)])
    bins = reliability_points(twice)
    assert len(bins) == 15
    assert sum(found.answers for found in bins) == once["answer_id"].nunique()
    assert all(found.low <= found.right <= found.high for found in bins)
    assert [found.probability for found in bins] == sorted(found.probability for found in bins)
    assert sum(found.right * found.answers for found in bins) == pytest.approx(once["correct"].sum())


def test_probabilities_are_those_written_else_the_scores_else_their_log_odds() -> None:
    rows = pd.DataFrame({"answer_id": ["a", "b"], "correct": [True, False]})
    line = {"method": "probe", "grouping": "by_entity", "seed": 0, "outer_fold": 0}
    scores = pd.DataFrame([{**line, "answer_id": "a", "score": 2.0}, {**line, "answer_id": "b", "score": 0.0}])
    found = probe_scores(scores, rows, grouping="by_entity")["probability"].tolist()
    assert found == [pytest.approx(0.881, abs=1e-3), 0.5]
    halved = scores.assign(score=scores["score"] / 2)
    assert probe_scores(halved, rows, grouping="by_entity")["probability"].tolist() == [1.0, 0.0]
    written = scores.assign(probability=[0.6, 0.4])
    assert probe_scores(written, rows, grouping="by_entity")["probability"].tolist() == [0.6, 0.4]


def test_few_answers_have_no_reliability_curve() -> None:
    few = pd.DataFrame({"answer_id": [str(at) for at in range(24)], "probability": 0.5, "correct": True})
    assert reliability_points(few) == []


def test_risk_is_averaged_within_folds_and_over_seeds() -> None:
    rows, scores, _ = answers(np.random.default_rng(4))
    scored = probe_scores(scores, rows, grouping="by_entity")
    found = risk_points(scored)
    assert found is not None
    assert found[-1] == pytest.approx(1 - scored["correct"].mean())
    by_hand = np.zeros(2)
    for _, fold in scored.groupby("outer_fold"):
        best = fold.sort_values("score", ascending=False)["correct"].to_numpy()
        for at, coverage in enumerate((0.5, 0.8)):
            whole, part = divmod(coverage * len(best), 1)
            wrong = (~best[: int(whole)]).sum() + part * (not best[int(whole)] if part else 0)
            by_hand[at] += len(best) * wrong / (coverage * len(best))
    for at, coverage in enumerate((0.5, 0.8)):
        point = found[np.argmin(np.abs(COVERAGES - coverage))]
        assert point == pytest.approx(by_hand[at] / len(scored), abs=1e-9)
    turned = scored.assign(score=-scored["score"], seed=1)
    both = risk_points(pd.concat([scored, turned]))
    alone = risk_points(turned)
    assert both is not None
    assert alone is not None
    np.testing.assert_allclose(both, (found + alone) / 2)


def test_a_picture_per_grouping_on_one_scale() -> None:
    rows, scores, _ = answers(np.random.default_rng(5))
    one, other = risk_pictures(scores, rows)
    assert [trace.name for trace in one.figure.data] == ["probe", "best baseline", "best control"]
    assert one.figure.layout.yaxis.range == other.figure.layout.yaxis.range
    assert len(one.lines) == 10
    assert [line[0] for line in one.lines][-2:] == ["90 %", "100 %"]
    only = risk_pictures(scores[scores["grouping"] == "by_answer"], rows)
    assert [picture.key for picture in only] == ["risk-by_answer"]
    assert risk_pictures(pd.DataFrame(), rows) == []
    without = scores[scores["method"] != "probe"]
    assert risk_pictures(without, rows) == []
