"""Probes: scikit-learn's contract, and the fast solver pinned to scikit-learn's logistic regression."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from tacitly.errors import SettingsError
from tacitly.probes.catalog import FAMILIES, load_probe
from tacitly.probes.grid import score_cell
from tacitly.probes.logistic import LogisticProbe
from tacitly.probes.readings import ONE_CELL

pytestmark = pytest.mark.unit

PLAIN = sorted(name for name, family in FAMILIES.items() if family.reads == ONE_CELL)
LINEAR = ("logistic", "mean_difference", "lda")


def made_up(n, d, rng):
    """Features of very different scale and strong correlation, as activations are."""
    mixing = rng.normal(size=(d, d)) * np.geomspace(30, 0.1, d)
    features = rng.normal(size=(n, d)) @ mixing + rng.normal(size=d) * 50
    correct = features @ rng.normal(size=d) / features.std() + rng.normal(size=n) * 3
    return features.astype(np.float32), correct > np.median(correct)


def reference(features, correct, C):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=C, tol=1e-9, max_iter=20000))
    return model.fit(features.astype(np.float64), correct)


@pytest.mark.parametrize("name", PLAIN)
def test_probes_keep_scikit_learns_contract(name):
    check_estimator(load_probe(name), on_skip=None)


@pytest.mark.parametrize("name", PLAIN)
def test_probes_find_a_direction_forget_it_and_keep_its_sign(name):
    rng = np.random.default_rng(0)
    correct = np.arange(80) % 2 == 0
    features = rng.normal(size=(80, 6)) + np.outer(correct, [3, 0, 0, 0, 0, 0])
    probe = load_probe(name).fit(features, correct)
    assert roc_auc_score(correct, probe.decision_function(features)) > 0.95
    assert probe.predict_proba(features)[correct, 1].mean() > 0.5
    if name in LINEAR:
        np.testing.assert_allclose(features @ probe.coef_[0] + probe.intercept_, probe.decision_function(features))
    again = load_probe(name).fit(features, ~correct).fit(features, correct)
    np.testing.assert_array_equal(again.decision_function(features), probe.decision_function(features))


def test_an_unknown_probe_is_refused_by_name():
    with pytest.raises(SettingsError, match=r"unknown family of probes 'svm'; allowed: logistic, mean_difference"):
        load_probe("svm")


@pytest.mark.parametrize("C", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize(("n", "d"), [(60, 90), (200, 30)])
def test_the_reference_probe_is_scikit_learns_logistic_regression(n, d, C):
    features, correct = made_up(n, d, np.random.default_rng(1))
    expected = reference(features, correct, C).decision_function(features)
    found = LogisticProbe(C=C).fit(features, correct).decision_function(features)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(("n", "d"), [(150, 220), (300, 40)])
def test_batched_float32_fits_agree_with_scikit_learn_per_fold(n, d):
    rng = np.random.default_rng(2)
    features, correct = made_up(n, d, rng)
    train = rng.random((6, n)) < np.array([[0.5], [0.8]]).repeat(3, 0)
    margins = score_cell(features, correct, train=train, test=~train, C=np.full(6, 0.01))
    for fold in range(6):
        tested = ~train[fold]
        assert (np.isnan(margins[fold]) == train[fold]).all()
        model = reference(features[train[fold]], correct[train[fold]], 0.01)
        expected = roc_auc_score(correct[tested], model.decision_function(features[tested].astype(np.float64)))
        assert roc_auc_score(correct[tested], margins[fold, tested]) == pytest.approx(expected, abs=0.005)


def test_a_fold_with_one_class_has_no_scores():
    rng = np.random.default_rng(0)
    correct = np.arange(20) < 10
    train = np.stack([correct, np.arange(20) % 2 == 0])
    margins = score_cell(rng.normal(size=(20, 3)), correct, train=train, test=~train, C=np.ones(2))
    assert np.isnan(margins[0]).all()
    assert not np.isnan(margins[1, 1::2]).any()


def test_constant_and_equal_states_get_equal_scores():
    rng = np.random.default_rng(0)
    correct = rng.random(120) < 0.5
    train = np.arange(120)[None, :] % 3 != 0
    constant = np.full((120, 8), 3.7, dtype=np.float32)
    margins = score_cell(constant, correct, train=train, test=~train, C=np.ones(1))
    assert len(np.unique(margins[0, ~train[0]])) == 1
    strings = rng.integers(5, size=120)
    margins = score_cell(
        rng.normal(size=(5, 64)).astype(np.float32)[strings], correct, train=train, test=~train, C=np.ones(1)
    )
    for string in range(5):
        assert len(np.unique(margins[0, ~train[0] & (strings == string)])) == 1


def test_margins_of_folds_share_a_scale():
    rng = np.random.default_rng(3)
    correct = rng.random(400) < 0.5
    features = rng.normal(size=(400, 10)) + np.outer(correct, np.eye(10)[0] * 4)
    train = np.ones((2, 400), dtype=bool)
    train[0, np.flatnonzero(correct)[:150]] = False  # the parts differ in base rate, and the penalty is strong
    train[1, np.flatnonzero(~correct)[:150]] = False
    margins = score_cell(features, correct, train=train, test=~train, C=np.full(2, 1e-4))
    assert np.nanmin(margins[0]) > np.nanmedian(margins[1])
