"""Metrics: pinned to scikit-learn where it has them, and decided where nothing is defined."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.calibration import brier, expected_calibration_error, fit_platt, reliability
from tacitly.evaluation.decisions import choose_threshold, measure_decisions
from tacitly.evaluation.metrics import auroc, compare_within_answers, fold_aurocs, snap_ties, weighted_aurocs

pytestmark = pytest.mark.unit

labelled = st.lists(st.tuples(st.booleans(), st.integers(-4, 4), st.integers(0, 3)), min_size=2, max_size=40)


@settings(max_examples=100, deadline=None)
@given(labelled)
def test_weighted_auroc_agrees_with_scikit_learn(rows):
    correct, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    found = weighted_aurocs(correct, scores.astype(float), weights=weights[None, :].astype(float))[0]
    if not (weights[correct].sum() and weights[~correct].sum()):
        assert np.isnan(found)
    else:
        assert found == pytest.approx(roc_auc_score(correct, scores, sample_weight=weights))


@pytest.mark.parametrize("correct", [[True, True], [False, False], []])
def test_one_class_is_not_defined_and_not_a_half(correct):
    with pytest.raises(UndefinedMetricError, match="both classes"):
        auroc(np.array(correct, dtype=bool), np.arange(len(correct), dtype=float))


def test_missing_scores_are_left_out():
    assert auroc(np.array([True, False, False]), np.array([0.9, 0.1, np.nan])) == 1.0


def test_folds_are_not_pooled_and_weigh_by_their_answers():
    correct = np.array([True, False, False, True, True, False, True, True])
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.3, 0.4, 5.0, 6.0])
    folds = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    expected = (3 * 1.0 + 3 * 0.0) / 6  # fold 2 has one class only and is left out
    assert fold_aurocs(correct, scores, folds, weights=np.ones((1, 8)))[0] == pytest.approx(expected)
    assert np.isnan(fold_aurocs(correct, scores, np.full(8, -1), weights=np.ones((1, 8)))[0])


def test_replicate_weights_act_like_repeated_rows():
    rng = np.random.default_rng(0)
    correct, scores, folds = rng.random(60) < 0.5, rng.normal(size=60), rng.integers(3, size=60)
    weights = rng.integers(0, 3, size=(4, 60)).astype(float)
    found = fold_aurocs(correct, scores, folds, weights=weights)
    for replicate in range(4):
        rows = np.repeat(np.arange(60), weights[replicate].astype(int))
        plain = fold_aurocs(correct[rows], scores[rows], folds[rows], weights=np.ones((1, len(rows))))
        assert found[replicate] == pytest.approx(plain[0])


def test_noise_counts_as_a_tie_and_differences_do_not():
    scores = np.array([1.0, 1.0 + 1e-8, 1.001, np.nan, -5.0])
    snapped = snap_ties(scores)
    assert snapped[0] == snapped[1]
    assert snapped[2] > snapped[0]
    assert np.isnan(snapped[3])
    assert snap_ties(np.array([])).tolist() == []


def test_within_answers_compares_inside_a_string_and_fold_only():
    correct = np.array([True, False, False, True, False, True])
    scores = np.array([0.9, 0.1, 0.9, 0.2, 0.8, 0.1])
    names = np.array(["a", "a", "a", "b", "b", "c"])
    found = compare_within_answers(correct, scores, given=names, folds=np.array([0, 0, 0, 1, 1, 1]))
    assert found.names == ("a", "b")
    assert found.wins.tolist() == [1.5, 0.0]
    assert found.pairs.tolist() == [2.0, 1.0]
    apart = compare_within_answers(correct, scores, given=names, folds=np.array([0, 1, 2, 0, 1, 2]))
    assert len(apart.pairs) == 0


@settings(max_examples=50, deadline=None)
@given(labelled)
def test_no_threshold_is_more_accurate_than_the_chosen_one(rows):
    correct, scores = (np.array(column) for column in list(zip(*rows, strict=True))[:2])
    chosen = choose_threshold(correct, scores.astype(float))
    accuracy = ((scores >= chosen) == correct).mean()
    assert accuracy == max(((scores >= bar) == correct).mean() for bar in np.arange(-5, 6) - 0.5)


def test_decisions_about_errors():
    found = measure_decisions(np.array([True, True, False, False, False]), np.array([True, False, False, False, True]))
    assert found.accuracy == pytest.approx(0.6)
    assert found.majority_accuracy == pytest.approx(0.6)
    assert found.precision_error == found.recall_error == found.f1_error == pytest.approx(2 / 3)
    never = measure_decisions(np.array([True, False]), np.array([True, True]))
    assert (never.precision_error, never.recall_error, never.f1_error) == (None, 0.0, None)


def test_platt_is_calibrated_and_never_flips():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=4000)
    correct = rng.random(4000) < 1 / (1 + np.exp(-(2 * scores + 0.5)))
    platt = fit_platt(scores, correct)
    assert platt.slope == pytest.approx(2, abs=0.2)
    assert platt.intercept == pytest.approx(0.5, abs=0.15)
    assert expected_calibration_error(correct, platt.probability(scores)) < 0.03
    assert fit_platt(-scores, correct).slope > 0
    assert fit_platt(np.zeros(10), np.arange(10) < 3).probability(np.zeros(1))[0] == pytest.approx(0.3)
    with pytest.raises(UndefinedMetricError):
        fit_platt(scores[:3], np.ones(3, bool))


def test_reliability_bins_have_equal_count():
    probabilities = np.linspace(0, 1, 31)
    bins = reliability(probabilities > 0.5, probabilities)
    assert len(bins) == 15
    assert {entry.answers for entry in bins} == {2, 3}
    assert [entry.probability for entry in bins] == sorted(entry.probability for entry in bins)
    assert brier(np.array([True]), np.array([0.0])) == 1.0
    with pytest.raises(UndefinedMetricError):
        brier(np.zeros(0, bool), np.zeros(0))
