"""Risk and coverage: the closed forms agree with loops over every order in which answers could be kept."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacitly.evaluation.selective import measure_selection, risk_curve

pytestmark = pytest.mark.unit

NAMES = ("aurc", "random", "oracle", "accuracy", "prr")


def plain(correct, scores, folds=None, *, weights=None, coverage=0.8):
    folds = np.zeros(len(scores), dtype=int) if folds is None else folds
    weights = np.ones((1, len(scores))) if weights is None else weights
    return measure_selection(correct, scores, folds, weights=weights, coverage=coverage)


def area_by_hand(correct, scores):
    """Mean error among the kept, averaged over every order of equal scores."""
    found = []
    for order in permutations(range(len(scores))):
        if all(scores[one] >= scores[next_one] for one, next_one in pairwise(order)):
            wrong = np.cumsum([not correct[at] for at in order])
            found.append(np.mean(wrong / np.arange(1, len(order) + 1)))
    return np.mean(found)


small = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=6)
rows_of_folds = st.lists(
    st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=30
)


@settings(max_examples=60, deadline=None)
@given(small)
def test_areas_are_means_over_all_orders(rows):
    correct, scores = (np.array(column) for column in zip(*rows, strict=True))
    found = plain(correct, scores.astype(float))
    assert found.aurc[0] == pytest.approx(area_by_hand(correct, scores))
    assert found.oracle[0] == pytest.approx(area_by_hand(correct, correct.astype(float)))
    assert found.random[0] == pytest.approx(area_by_hand(correct, np.zeros(len(correct))))
    assert found.random[0] == pytest.approx((~correct).mean())


@settings(max_examples=60, deadline=None)
@given(rows_of_folds)
def test_weights_act_like_repeated_rows(rows):
    correct, scores, folds, weights = (np.array(column) for column in zip(*rows, strict=True))
    found = plain(correct, scores.astype(float), folds, weights=weights[None, :].astype(float))
    repeated = np.repeat(np.arange(len(rows)), weights)
    if not len(repeated):
        assert all(np.isnan(getattr(found, name)[0]) for name in NAMES)
        return
    again = plain(correct[repeated], scores[repeated].astype(float), folds[repeated])
    for name in NAMES:
        assert getattr(found, name)[0] == pytest.approx(getattr(again, name)[0], nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(rows_of_folds)
def test_every_order_lies_between_the_oracle_and_the_worst(rows):
    correct, scores, folds, _ = (np.array(column) for column in zip(*rows, strict=True))
    found = plain(correct, scores.astype(float), folds)
    worst = plain(correct, -correct.astype(float), folds)
    assert found.oracle[0] <= found.aurc[0] + 1e-12
    assert found.aurc[0] <= worst.aurc[0] + 1e-12
    assert worst.aurc[0] <= 1
    if not np.isnan(found.prr[0]):
        assert found.prr[0] <= 1 + 1e-9
        best = plain(correct, correct.astype(float), folds)
        assert best.prr[0] == pytest.approx(1)
        assert plain(correct, np.zeros(len(rows)), folds).prr[0] == pytest.approx(0, abs=1e-9)
        assert worst.prr[0] <= found.prr[0] + 1e-9


@settings(max_examples=60, deadline=None)
@given(rows_of_folds, st.floats(0.5, 20), st.floats(-9, 9))
def test_only_the_order_within_a_fold_counts(rows, factor, shift):
    correct, scores, folds, _ = (np.array(column) for column in zip(*rows, strict=True))
    found = plain(correct, scores.astype(float), folds)
    moved = plain(correct, np.round(scores * factor, 9) + shift * folds, folds)
    for name in NAMES:
        assert getattr(moved, name)[0] == pytest.approx(getattr(found, name)[0], nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=20))
def test_accuracy_at_a_coverage_counts_a_part_of_the_answer_at_the_border(rows):
    correct, scores = (np.array(column) for column in zip(*rows, strict=True))
    found = plain(correct, scores.astype(float))
    left, wrong = 0.8 * len(rows), 0.0
    for value in sorted(set(scores), reverse=True):
        of_value = scores == value
        taken = min(left, of_value.sum())
        wrong += taken * (~correct[of_value]).mean()
        left -= taken
    assert found.accuracy[0] == pytest.approx(1 - wrong / (0.8 * len(rows)))
    everything = plain(correct, scores.astype(float), coverage=1.0)
    assert everything.accuracy[0] == pytest.approx(correct.mean())


def test_folds_are_averaged_by_their_answers_and_one_of_one_class_counts():
    correct = np.array([True, False, False, False, False])
    scores = np.array([0.9, 0.1, 0.3, 0.2, 0.1])
    folds = np.array([0, 0, 1, 1, 1])
    found = plain(correct, scores, folds)
    assert found.aurc[0] == pytest.approx((2 * 0.25 + 3 * 1.0) / 5)
    assert found.prr[0] == pytest.approx(1.0)
    alone = plain(correct[2:], scores[2:], folds[2:])
    assert np.isnan(alone.prr[0])
    assert alone.accuracy[0] == 0


def test_unscored_answers_are_left_out():
    correct, scores = np.array([True, False, True]), np.array([0.9, 0.8, np.nan])
    assert plain(correct, scores).random[0] == 0.5
    assert np.isnan(plain(correct, scores, np.full(3, -1)).aurc[0])


def test_the_curve_ends_at_the_share_of_wrong_answers_and_its_mean_is_the_area():
    rng = np.random.default_rng(0)
    correct, scores, folds = rng.random(300) < 0.6, rng.normal(size=300), rng.integers(3, size=300)
    coverages = np.arange(1, 301) / 300
    curve = risk_curve(correct, scores, folds, coverages=coverages)
    assert curve[-1] == pytest.approx((~correct).mean())
    fine = risk_curve(correct, scores, folds, coverages=np.linspace(0.0005, 1, 2000))
    assert fine.mean() == pytest.approx(plain(correct, scores, folds).aurc[0], abs=0.005)
    assert np.isnan(risk_curve(correct, np.full(300, np.nan), folds, coverages=coverages)).all()
