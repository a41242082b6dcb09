"""Calibrators: fitted as the libraries fit them, never turned round, and chosen on answers they were not fitted on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.calibration import brier, fit_platt, log_loss
from tacitly.evaluation.calibrators import (
    CALIBRATORS,
    choose_calibrator,
    fit_calibrator,
    fit_isotonic,
    fit_temperature,
)
from tacitly.evaluation.folds import Fold

pytestmark = pytest.mark.unit


def sample(rng, n, *, slope=1.0, intercept=0.0):
    scores = rng.normal(size=n)
    return scores, rng.random(n) < expit(slope * scores + intercept)


def thirds(n):
    tested = [np.arange(n) % 3 == part for part in range(3)]
    return [Fold(number=part, train=~rows, test=rows) for part, rows in enumerate(tested)]


def test_the_temperature_is_the_one_of_least_log_loss_and_undoes_a_scaling():
    scores, correct = sample(np.random.default_rng(0), 3000)
    for factor in (0.01, 1.0, 40.0):
        assert fit_temperature(factor * scores, correct).temperature == pytest.approx(factor, rel=0.1)
    right, wrong = correct.sum(), (~correct).sum()
    target = np.where(correct, (right + 1) / (right + 2), 1 / (wrong + 2))

    def loss(temperature):
        p = expit(scores / temperature)
        return -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean()

    best = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-8}).x
    assert fit_temperature(scores, correct).temperature == pytest.approx(best, rel=1e-3)


def test_a_temperature_survives_what_has_no_best_one():
    apart = fit_temperature(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([False, False, True, True]))
    assert 0 < apart.temperature < np.inf
    turned = fit_temperature(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([True, True, False, False]))
    assert turned.probability(np.array([1.0]))[0] == pytest.approx(0.5, abs=1e-3)
    assert fit_temperature(np.zeros(4), np.arange(4) < 2).probability(np.zeros(1))[0] == 0.5


def test_isotonic_is_scikit_learns_on_the_same_order():
    scores, correct = sample(np.random.default_rng(1), 200, slope=2.0)
    found = fit_isotonic(scores, correct)
    reference = IsotonicRegression(y_min=1 / 202, y_max=201 / 202).fit(scores, correct.astype(float))
    np.testing.assert_allclose(found.probability(scores), reference.predict(scores), atol=1e-9)
    between = np.linspace(-5, 5, 300)
    assert (np.diff(found.probability(between)) >= 0).all()
    assert found.probability(np.array([-99.0]))[0] >= 1 / 202
    assert found.probability(np.array([99.0]))[0] <= 201 / 202


labelled = st.lists(st.tuples(st.booleans(), st.floats(-50, 50, allow_nan=False)), min_size=2, max_size=40).filter(
    lambda rows: len({right for right, _ in rows}) == 2
)


@settings(max_examples=60, deadline=None)
@given(labelled, st.sampled_from(CALIBRATORS))
def test_no_calibrator_turns_the_order_round_or_leaves_the_unit_interval(rows, name):
    correct, scores = (np.array(column) for column in zip(*rows, strict=True))
    calibrator = fit_calibrator(name, scores, correct)
    probabilities = calibrator.probability(np.sort(scores))
    assert (np.diff(probabilities) >= 0).all()
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


@settings(max_examples=60, deadline=None)
@given(labelled)
def test_on_what_it_was_fitted_to_isotonic_has_no_worse_brier_score_than_platt(rows):
    correct, scores = (np.array(column) for column in zip(*rows, strict=True))
    said = [fit_calibrator(name, scores, correct).probability(scores) for name in ("isotonic", "platt")]
    bounded = np.clip(said[1], 1 / (len(rows) + 2), 1 - 1 / (len(rows) + 2))
    assert brier(correct, said[0]) <= brier(correct, bounded) + 1e-9


@pytest.mark.parametrize("name", CALIBRATORS)
def test_one_class_cannot_be_calibrated(name):
    with pytest.raises(UndefinedMetricError, match="3 right and 0 wrong"):
        fit_calibrator(name, np.arange(3.0), np.ones(3, dtype=bool))


def test_log_loss_and_brier_are_scikit_learns():
    rng = np.random.default_rng(2)
    correct, said = rng.random(50) < 0.5, rng.random(50)
    assert log_loss(correct, said) == pytest.approx(sklearn_log_loss(correct, said))
    assert brier(correct, said) == pytest.approx(brier_score_loss(correct, said))
    assert np.isfinite(log_loss(np.array([True, False]), np.array([0.0, 1.0])))
    with pytest.raises(UndefinedMetricError):
        log_loss(np.zeros(0, dtype=bool), np.zeros(0))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda s: s / 3, "temperature"),
        (lambda s: s / 3 + 2, "platt"),
        (lambda s: np.where(s > 0, 9 + s / 50, s / 50), "isotonic"),
    ],
)
def test_what_the_scores_lack_decides_which_calibrator_is_chosen(change, expected):
    scores, correct = sample(np.random.default_rng(3), 3000, slope=2.0)
    if expected == "isotonic":  # a step that no straight line in the log-odds follows
        far = np.abs(scores) > 1
        chance = np.where(far, 0.5, np.where(scores > 0, 0.9, 0.1))
        correct = np.random.default_rng(4).random(3000) < chance
        scores = np.where(far, np.sign(scores) * 0.01, scores)
    assert choose_calibrator(change(scores), correct, inner=thirds(3000)).name == expected


def test_the_choice_is_by_the_brier_score_on_rows_left_out():
    scores, correct = sample(np.random.default_rng(5), 120)
    scores[:7] = np.nan
    folds = thirds(120)
    found = choose_calibrator(scores, correct, inner=folds)
    for name in CALIBRATORS:
        squares = []
        for fold in folds:
            train, test = (rows & ~np.isnan(scores) for rows in (fold.train, fold.test))
            said = fit_calibrator(name, scores[train], correct[train]).probability(scores[test])
            squares += ((said - correct[test]) ** 2).tolist()
        assert found.brier[name] == pytest.approx(np.mean(squares))
    assert found.name == min(found.brier, key=found.brier.get)


def test_inner_folds_of_one_class_leave_platt():
    found = choose_calibrator(np.arange(6.0), np.ones(6, dtype=bool), inner=thirds(6))
    assert (found.name, found.brier) == ("platt", None)


@pytest.mark.parametrize("name", CALIBRATORS)
def test_what_has_no_score_has_no_probability(name):
    scores, correct = np.ones(4), np.array([False, True, False, True])  # isotonic: a line of one knot
    said = fit_calibrator(name, scores, correct).probability(np.array([0.5, np.nan]))
    assert np.isfinite(said[0])
    assert np.isnan(said[1])


def test_platt_is_the_first_step_of_isotonic():
    scores, correct = sample(np.random.default_rng(6), 90)
    assert fit_isotonic(scores, correct).platt == fit_platt(scores, correct)
