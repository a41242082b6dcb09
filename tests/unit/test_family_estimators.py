"""The families' estimators: each finds what it is for, gives the same again, and refuses what it cannot read."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tacitly.probes.attention import AttentionProbe
from tacitly.probes.catalog import FAMILIES, load_probe
from tacitly.probes.contrast_consistent import ContrastConsistentProbe
from tacitly.probes.layer_ensemble import LayerEnsembleProbe
from tacitly.probes.lda import LdaProbe
from tacitly.probes.logistic import LogisticProbe
from tacitly.probes.mean_difference import MeanDifferenceProbe
from tacitly.probes.mlp import MlpProbe
from tacitly.probes.nearest_centroid import NearestCentroidProbe
from tacitly.settings import FAMILIES as NAMES
from tests.unit.planted import planted_contrast, planted_rows, planted_tokens

pytestmark = pytest.mark.unit


def tokens(n, seed=0):
    rng = np.random.default_rng(seed)
    rows = planted_rows(n, rng)
    found = np.empty(n, dtype=object)
    found[:] = planted_tokens(rows, rng)
    return found, rows["correct"].to_numpy(dtype=bool)


def pairs(n, seed=0):
    rng = np.random.default_rng(seed)
    rows = planted_rows(n, rng)
    return planted_contrast(rows, rng).layer_states(2), rows["correct"].to_numpy(dtype=bool)


def layers(n, seed=0):
    rng = np.random.default_rng(seed)
    correct = rng.random(n) < 0.5
    states = rng.normal(size=(n, 4, 6)).astype(np.float32)
    states[:, 2:, 0] += 2 * correct[:, None]
    return states, correct


MADE = {"attention": tokens, "contrast_consistent": pairs, "layer_ensemble": layers}


def states(n, seed=0):
    made, correct = layers(n, seed)
    return made[:, 3], correct


@pytest.mark.parametrize("name", NAMES)
def test_every_family_keeps_the_contract_whatever_it_reads(name):
    X, correct = MADE.get(name, states)(160)
    probe = load_probe(name)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    assert probe.fit(X[:120], correct[:120]) is probe
    assert (np.random.get_state()[1] == before[0]).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])
    scores = probe.decision_function(X[120:])
    assert scores.shape == (40,)
    assert roc_auc_score(correct[120:], scores) > 0.8
    np.testing.assert_array_equal(probe.predict(X[120:]), scores > 0)
    np.testing.assert_allclose(probe.predict_proba(X[120:])[:, 1], 1 / (1 + np.exp(-scores)))
    np.testing.assert_allclose(probe.decision_function(X[120:125]), scores[:5], rtol=1e-4, atol=1e-5)
    again = clone(probe).fit(X[60:], ~correct[60:]).fit(X[:120], correct[:120])
    np.testing.assert_array_equal(again.decision_function(X[120:]), scores)
    for settings in FAMILIES[name].grid:
        assert settings.items() <= FAMILIES[name].make(**settings).get_params().items()


@pytest.mark.parametrize("name", NAMES)
def test_every_family_needs_two_classes(name):
    X, _ = MADE.get(name, states)(12)
    with pytest.raises(ValueError, match=r"only one class|one class"):
        load_probe(name).fit(X, np.ones(12, dtype=bool))
    with pytest.raises(ValueError, match="binary"):
        load_probe(name).fit(X, np.arange(12) % 3)


@pytest.mark.parametrize("shrinkage", ["auto", 0.3])
def test_lda_is_scikit_learns(shrinkage):
    X, correct = states(80)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)
    expected = make_pipeline(StandardScaler(), lda).fit(X.astype(np.float64), correct)
    found = LdaProbe(shrinkage=shrinkage).fit(X, correct)
    np.testing.assert_allclose(found.decision_function(X), expected.decision_function(X.astype(np.float64)))


def test_full_shrinkage_and_euclidean_centroids_score_along_the_difference_of_means():
    X, correct = states(80)
    expected = np.argsort(MeanDifferenceProbe().fit(X, correct).decision_function(X))
    np.testing.assert_array_equal(np.argsort(LdaProbe(shrinkage=1.0).fit(X, correct).decision_function(X)), expected)
    nearest = NearestCentroidProbe(metric="euclidean").fit(X, correct)
    np.testing.assert_array_equal(np.argsort(nearest.decision_function(X)), expected)


def test_mahalanobis_distance_sees_a_class_that_is_only_wider():
    rng = np.random.default_rng(1)
    correct = np.arange(400) % 2 == 0
    X = rng.normal(size=(400, 5)) * np.where(correct, 3, 1)[:, None]
    found = {
        metric: roc_auc_score(correct, NearestCentroidProbe(metric=metric).fit(X, correct).decision_function(X))
        for metric in ("euclidean", "mahalanobis")
    }
    assert found["euclidean"] < 0.65 < 0.9 < found["mahalanobis"]
    with pytest.raises(ValueError, match="metric must be"):
        NearestCentroidProbe(metric="cosine").fit(X, correct)


def test_mahalanobis_distances_are_those_of_the_shrunk_covariance():
    X, correct = states(60)
    probe = NearestCentroidProbe(metric="mahalanobis").fit(X, correct)
    from sklearn.covariance import LedoitWolf

    standard = (X - X.mean(0, dtype=float)) / X.std(0, dtype=float)
    right, wrong = (LedoitWolf().fit(standard[of]) for of in (correct, ~correct))
    gap = wrong.mahalanobis(standard) - right.mahalanobis(standard)
    scores = probe.decision_function(X)
    slope, intercept = np.polyfit(gap, scores, 1)
    assert slope > 0
    np.testing.assert_allclose(slope * gap + intercept, scores, atol=1e-6)


def test_a_network_learns_what_no_line_can():
    rng = np.random.default_rng(0)
    X = rng.choice([-1.0, 1.0], size=(400, 2)) + rng.normal(size=(400, 2)) / 5
    correct = X[:, 0] * X[:, 1] > 0
    assert roc_auc_score(correct, MlpProbe(epochs=20).fit(X, correct).decision_function(X)) > 0.95
    assert roc_auc_score(correct, LogisticProbe().fit(X, correct).decision_function(X)) < 0.65
    one, two = (MlpProbe(random_state=seed).fit(X, correct).decision_function(X) for seed in (1, 2))
    assert not np.allclose(one, two)


def test_the_mlp_is_what_torch_computes_of_its_weights():
    X, correct = states(60)
    probe = MlpProbe(hidden=(8, 4), epochs=3).fit(X, correct)
    values = torch.from_numpy(probe.standard_.apply(X.astype(np.float64)))
    for at, (weight, bias) in enumerate(zip(probe.weights_, probe.biases_, strict=True)):
        values = torch.nn.functional.linear(values, torch.tensor(weight.T).double(), torch.tensor(bias).double())
        values = values if at == 2 else torch.relu(values)
    np.testing.assert_allclose(probe.decision_function(X), values[:, 0].numpy())


def test_attention_finds_the_marked_token_that_a_mean_drowns():
    X, correct = tokens(300)
    for i in range(300):
        X[i] = np.concatenate([X[i], np.random.default_rng(i).normal(size=(20, 12)) * 3]).astype(np.float32)
    attention = AttentionProbe(epochs=40).fit(X[:200], correct[:200])
    means = np.stack([answer.mean(axis=0) for answer in X])
    plain = LogisticProbe(C=1.0).fit(means[:200], correct[:200])
    found = roc_auc_score(correct[200:], attention.decision_function(X[200:]))
    assert found > 0.95
    assert found > roc_auc_score(correct[200:], plain.decision_function(means[200:])) + 0.05


def test_attention_is_a_weighted_mean_of_an_answers_own_tokens():
    X, correct = tokens(60)
    probe = AttentionProbe().fit(X, correct)
    by_hand = []
    for answer in X:
        states = probe.standard_.apply(answer.astype(np.float64))
        weights = np.exp(states @ probe.query_ / np.sqrt(12))
        by_hand.append(weights @ (states @ probe.coef_) / weights.sum() + probe.intercept_)
    np.testing.assert_allclose(probe.decision_function(X), by_hand, rtol=1e-4, atol=1e-5)
    turned = np.empty(60, dtype=object)
    turned[:] = [answer[::-1] for answer in X]
    np.testing.assert_allclose(probe.decision_function(turned), probe.decision_function(X), rtol=1e-4, atol=1e-5)


def test_attention_refuses_answers_that_it_cannot_read():
    X, correct = tokens(10)
    probe = AttentionProbe(epochs=1).fit(X, correct)
    empty, narrow, infinite = X.copy(), X.copy(), X.copy()
    empty[3] = np.zeros((0, 12), np.float32)
    narrow[3] = np.zeros((2, 5), np.float32)
    infinite[3] = np.full((2, 12), np.inf, np.float32)
    for bad, why in ((empty, "at least one token"), (narrow, "of one width"), (infinite, "infinity")):
        with pytest.raises(ValueError, match=why):
            AttentionProbe().fit(bad, correct)
    with pytest.raises(ValueError, match="width 5, the probe of 12"):
        probe.decision_function([np.zeros((2, 5))])
    with pytest.raises(ValueError, match="10 answers, but 9 labels"):
        AttentionProbe().fit(X, correct[:9])


def test_the_ensemble_is_the_mean_of_logistic_probes():
    X, correct = layers(120)
    expected = np.mean([LogisticProbe().fit(X[:, i], correct).decision_function(X[:, i]) for i in range(4)], axis=0)
    found = LayerEnsembleProbe().fit(X, correct)
    np.testing.assert_allclose(found.decision_function(X), expected, rtol=2e-2, atol=2e-2)
    upper = LayerEnsembleProbe(depth=(0.5, 1.0)).fit(X, correct)
    assert upper.layers_.tolist() == [2, 3]
    with pytest.raises(ValueError, match="no layer lies between"):
        LayerEnsembleProbe(depth=(0.4, 0.6)).fit(X, correct)
    with pytest.raises(ValueError, match=r"must be \[row, layer, width\]"):
        LayerEnsembleProbe().fit(X[:, 0], correct)


def test_labels_decide_the_sign_of_ccs_and_nothing_else():
    X, correct = pairs(160)
    probe = ContrastConsistentProbe(steps=300).fit(X, correct)
    scores = probe.decision_function(X)
    assert roc_auc_score(correct, scores) > 0.95
    np.testing.assert_array_equal(clone(probe).fit(X, ~correct).decision_function(X), -scores)
    shuffled = np.random.default_rng(3).permutation(correct)
    other = clone(probe).fit(X, shuffled).decision_function(X)
    np.testing.assert_array_equal(np.abs(other), np.abs(scores))
    assert probe.loss_ < 0.2, "always one half would give 0.25"
    with pytest.raises(ValueError, match=r"must be \[row, 2, width\]"):
        ContrastConsistentProbe().fit(X[:, 0], correct)


def test_ccs_does_not_see_which_verdict_was_read():
    X, correct = pairs(80)
    shifted = X.copy()
    shifted[:, 0] = shifted[:, 0] * 3 + 7
    one, two = (ContrastConsistentProbe(steps=50).fit(made, correct).decision_function(made) for made in (X, shifted))
    np.testing.assert_allclose(one, two, atol=1e-3)
