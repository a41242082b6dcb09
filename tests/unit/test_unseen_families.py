"""Families for unseen answers: the prior of the answer is gone, what differs within an answer stays, nothing leaks."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import check_estimator

from tacitly.activations.base import ArrayStateTable
from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.folds import OuterFold, nest, separate
from tacitly.evaluation.metrics import compare_within_answers
from tacitly.experiments.family_fit import fit_family
from tacitly.probes.balanced import BalancedProbe, answer_weights
from tacitly.probes.catalog import FAMILIES
from tacitly.probes.cell import Cell
from tacitly.probes.compared_tokens import Agreement, AnswerToken, TwoTokens
from tacitly.probes.erased import WithoutAnswersProbe, WithoutEmbeddingProbe
from tacitly.probes.joined import Joined, MinusSameAnswer, Probabilities
from tacitly.probes.logistic import LogisticProbe
from tacitly.probes.readings import Material, Place
from tacitly.probes.unseen import UNSEEN_FAMILIES

pytestmark = pytest.mark.unit

POSITIONS = ("last_q_token", "exact_answer_first_token", "exact_answer_last_token")
LAST = Place("residual", 4, "exact_answer_last_token")
CELL = Cell("residual", 4, "exact_answer_last_token")
WIDTH = 8


class Planted:
    """Answers whose string tells much of the label, and whose states hold besides what differs within a string."""

    def __init__(self, *, n=400, strings=25, seed=0, present=None):
        rng = np.random.default_rng(seed)
        codes = rng.integers(strings, size=n)
        self.given = np.array([f"answer {code}" for code in codes], dtype=object)
        self.correct = rng.random(n) < np.linspace(0.1, 0.9, strings)[codes]
        sign = np.where(self.correct, 1.0, -1.0)
        share = np.linspace(-2, 2, strings)[codes]
        embedding = rng.normal(size=(strings, WIDTH))[codes] + np.outer(share, np.eye(WIDTH)[0])
        mixing = rng.normal(size=(WIDTH, WIDTH))
        values = {}
        for layer in range(11):
            states = rng.normal(size=(n, len(POSITIONS), WIDTH)) * 0.5
            if layer == 0:
                states[:, 1:] = embedding[:, None]
            else:
                states[:, 1:] += (embedding @ mixing)[:, None]
                states[:, 1:] += np.outer(sign, np.eye(WIDTH)[1])[:, None]
            values["residual", layer] = states.astype(np.float32)
        self.values = values
        self.states = ArrayStateTable(values, positions=POSITIONS, present=present)
        columns = {"given": self.given, "probability_min_exact": rng.random(n), "perplexity_answer": -1 - rng.random(n)}
        self.material = Material(states=self.states, columns=columns)
        self.test = np.isin(codes, np.arange(strings)[::4])

    def outer(self):
        fold = separate(self.test, number=0, among=np.ones(len(self.test), dtype=bool), apart=[self.given])
        return nest(fold, groups=self.given, apart=[self.given], rng=np.random.default_rng(0))

    def within(self, scores):
        folds = np.where(np.isnan(scores), -1, 0)
        pairs = compare_within_answers(self.correct, scores, given=self.given, folds=folds)
        return pairs.wins.sum() / pairs.pairs.sum()

    def fit(self, name, *, correct=None, material=None, outer=None):
        family = FAMILIES[name]
        material = material or self.material
        features = {place: family.reads.read(material, place) for place in family.reads.places(material, CELL)}
        return fit_family(
            family,
            features,
            self.correct if correct is None else correct,
            outer=outer or self.outer(),
            material=material,
        )


def test_the_plain_probe_knows_the_prior_at_layer_0_and_the_difference_does_not():
    data = Planted()
    rows = np.arange(400) % 2 == 0
    everywhere = OuterFold(
        fold=replace(data.outer().fold, train=rows, test=~rows), inner=()
    )  # the same strings in both parts, so that their prior can be learned
    layer_0 = Place("residual", 0, "exact_answer_last_token")
    for reading, low, high in ((AnswerToken(), 0.6, 1.0), (MinusSameAnswer(AnswerToken()), 0.5, 0.5)):
        family = replace(FAMILIES["logistic"], grid=({"C": 0.01},))
        features = {layer_0: reading.read(data.material, layer_0)}
        fit = fit_family(family, features, data.correct, outer=everywhere, material=data.material)
        assert low <= roc_auc_score(data.correct[~rows], fit.margins[~rows]) <= high
        assert data.within(fit.margins) == 0.5


@pytest.mark.parametrize("name", ["minus_same_answer", "without_embedding", "without_answers"])
def test_what_differs_within_an_answer_is_kept(name):
    data = Planted()
    assert data.within(data.fit(name).margins) > 0.9


@pytest.mark.parametrize("kind", ["embedding", "answers"])
def test_a_state_that_the_answer_alone_decides_leaves_nothing(kind):
    data = Planted()
    token = data.states.states("residual", 0, "exact_answer_last_token").astype(np.float64)
    train = ~data.test
    if kind == "embedding":
        X = np.stack([token, token @ np.random.default_rng(1).normal(size=(WIDTH, WIDTH))], axis=1)
        probe = WithoutEmbeddingProbe(alpha=1e-4).fit(X[train], data.correct[train])
    else:
        X = token
        probe = WithoutAnswersProbe(directions=WIDTH).fit(X[train], data.correct[train], given=data.given[train])
    scores = probe.decision_function(X)
    assert not probe.left_.any()
    assert np.ptp(scores) == 0


def changed(data):
    """The same answers with other labels and other states in the tested part."""
    rng = np.random.default_rng(9)
    values = {key: states.copy() for key, states in data.values.items()}
    for states in values.values():
        states[data.test] = 100 * rng.normal(size=states[data.test].shape)
    correct = data.correct.copy()
    correct[data.test] = ~correct[data.test]
    columns = {name: column.copy() for name, column in data.material.columns.items()}
    columns["probability_min_exact"][data.test] = 0.999
    return correct, Material(states=ArrayStateTable(values, positions=POSITIONS), columns=columns)


def learned(probe):
    """Every fitted number of a probe, and of the probe inside it."""
    found = {}
    for name, value in vars(probe).items():
        if name == "probe_":
            found |= {f"probe_.{inner}": number for inner, number in learned(value).items()}
        elif isinstance(value, np.ndarray) and name.endswith("_"):
            found[name] = value
        elif hasattr(value, "centre"):
            found[f"{name}.centre"], found[f"{name}.spread"] = value.centre, value.spread
    return found


@pytest.mark.parametrize("name", sorted(UNSEEN_FAMILIES))
def test_nothing_is_learned_from_the_tested_part(name):
    data = Planted()
    correct, material = changed(data)
    before, after = data.fit(name), data.fit(name, correct=correct, material=material)
    assert (before.place, before.settings, before.inner_auroc) == (after.place, after.settings, after.inner_auroc)
    expected, found = learned(before.probe), learned(after.probe)
    assert len(expected) >= 2
    assert expected.keys() == found.keys()
    for key in expected:
        np.testing.assert_array_equal(expected[key], found[key], err_msg=key)


@pytest.mark.parametrize("name", sorted(UNSEEN_FAMILIES))
def test_every_family_finds_what_differs_within_an_answer_if_it_reads_states(name):
    data = Planted()
    fit = data.fit(name)
    assert np.isfinite(fit.margins[data.test]).all()
    assert np.isnan(fit.margins[~data.test]).all()
    if name not in ("probabilities", "agreement"):
        assert data.within(fit.margins) > 0.7


@pytest.mark.parametrize("probe", [BalancedProbe(), WithoutAnswersProbe()])
def test_probes_of_plain_states_keep_scikit_learns_contract(probe):
    check_estimator(probe, on_skip=None)


def test_weights_balance_what_they_say():
    rng = np.random.default_rng(0)
    given = rng.integers(12, size=300).astype(str)
    right = rng.random(300) < 0.3
    by_answer = answer_weights(right, given, balance="answer")
    assert np.ptp([by_answer[given == name].sum() for name in set(given)]) < 1e-9
    by_label = answer_weights(right, given, balance="label")
    for name in set(given):
        rows = given == name
        assert by_label[rows & right].sum() == pytest.approx(by_label[rows & ~right].sum())
    shrunk = answer_weights(right, given, balance="shrunk_label")
    assert (shrunk > 0).all()
    np.testing.assert_allclose([weights.mean() for weights in (by_answer, by_label, shrunk)], 1)


def test_strings_of_one_kind_only_leave_the_weights_alone():
    right, given = np.array([True, True, False]), np.array(["a", "a", "b"])
    assert answer_weights(right, given, balance="label").tolist() == [1, 1, 1]


def test_the_balanced_probe_is_scikit_learns_with_sample_weights():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    right = X[:, 0] + rng.normal(size=200) > 0
    given = rng.integers(20, size=200).astype(str)
    weights = answer_weights(right, given, balance="answer")
    centre = np.average(X, axis=0, weights=weights)
    spread = np.sqrt(np.average((X - centre) ** 2, axis=0, weights=weights))
    model = LogisticRegression(C=0.1, tol=1e-9, max_iter=10000)
    model.fit((X - centre) / spread, right, sample_weight=weights)
    found = BalancedProbe(C=0.1, balance="answer").fit(X, right, given=given)
    np.testing.assert_allclose(found.decision_function(X), model.decision_function((X - centre) / spread), atol=5e-3)


def test_a_balanced_probe_that_knows_no_answers_is_the_reference():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    right = X[:, 0] > 0
    np.testing.assert_allclose(BalancedProbe().fit(X, right).coef_, LogisticProbe().fit(X, right).coef_, atol=1e-3)


def test_balancing_labels_unlearns_the_prior():
    data = Planted()
    X = data.states.states("residual", 0, "exact_answer_last_token")
    plain = LogisticProbe(C=1.0).fit(X, data.correct)
    balanced = BalancedProbe(C=1.0, balance="label").fit(X, data.correct, given=data.given)
    assert np.linalg.norm(balanced.coef_) < 0.01 * np.linalg.norm(plain.coef_)


def test_two_tokens_are_joined_or_subtracted():
    data = Planted()
    asked, answered = (data.states.states("residual", 4, p) for p in ("last_q_token", "exact_answer_last_token"))
    np.testing.assert_array_equal(
        TwoTokens("both").read(data.material, LAST).values, np.concatenate([asked, answered], axis=1)
    )
    np.testing.assert_array_equal(TwoTokens("difference").read(data.material, LAST).values, answered - asked)


def test_agreement_is_cosines_whatever_the_size_of_a_state():
    rng = np.random.default_rng(0)
    values = {("residual", layer): rng.normal(size=(6, 3, 4)).astype(np.float32) for layer in range(3)}
    place = Place("residual", None, "exact_answer_last_token")
    found = Agreement().read(Material(states=ArrayStateTable(values, positions=POSITIONS)), place).values
    assert found.shape == (6, 2 * (3 + 2 + 1))
    said, state = values["residual", 0][:, 1], values["residual", 2][:, 2]
    cosine = (said * state).sum(axis=1) / np.linalg.norm(said, axis=1) / np.linalg.norm(state, axis=1)
    np.testing.assert_allclose(found[:, 6 + 2], cosine, rtol=1e-5)
    np.testing.assert_allclose(found[:, 11], np.linalg.norm(state, axis=1), rtol=1e-5)
    longer = {key: 7 * states for key, states in values.items()}
    again = Agreement().read(Material(states=ArrayStateTable(longer, positions=POSITIONS)), place).values
    np.testing.assert_allclose(np.delete(again, [5, 11], axis=1), np.delete(found, [5, 11], axis=1), rtol=1e-4)


def test_agreement_leaves_out_a_position_that_few_have():
    present = np.ones((400, 3), dtype=bool)
    present[:100, 1] = False
    data = Planted(present=present)
    found = Agreement().read(data.material, Place("residual", None, "exact_answer_last_token"))
    assert found.values.shape[1] == 10 * (2 + 1 + 1)
    assert found.present.all()


def test_probabilities_bring_their_logarithms_and_miss_what_is_not_scored():
    columns = {
        "given": np.array(["a", "b"]),
        "probability_min_exact": np.array([0.5, np.nan]),
        "perplexity_answer": np.array([-2.0, -3.0]),
    }
    material = Material(states=Planted().states, columns=columns)
    found = Probabilities().read(material, Probabilities().places(material, CELL)[0])
    np.testing.assert_allclose(found.values[0], [0.5, np.log(0.5), -np.log(2)], rtol=1e-6)
    assert found.present.tolist() == [True, False]


def test_joined_readings_are_of_the_answers_that_have_all_of_them():
    data = Planted()
    columns = dict(data.material.columns) | {"entropy_max_exact": np.where(np.arange(400) < 3, np.nan, 1.0)}
    material = Material(states=data.states, columns=columns)
    joined = Joined(AnswerToken(), (Probabilities(),))
    places = joined.places(material, CELL)
    found = joined.read(material, places[0])
    assert found.values.shape == (400, WIDTH + 4)
    assert found.present.sum() == 397
    assert joined.read(material, places[1]).values[:, WIDTH:].tolist() == found.values[:, WIDTH:].tolist()


def test_what_was_not_captured_is_not_defined():
    states = ArrayStateTable({("residual", 3): np.zeros((4, 1, 2))}, positions=("-1",))
    material = Material(states=states, columns={"given": np.array(list("abcd"))})
    for name in UNSEEN_FAMILIES:
        with pytest.raises(UndefinedMetricError, match=r"not captured|known of enough"):
            FAMILIES[name].reads.places(material, CELL)
