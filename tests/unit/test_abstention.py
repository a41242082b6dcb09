"""The promise of abstention: its bound is Clopper and Pearson's, and it is broken no more often than it says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from tacitly.evaluation.abstention import COVERAGES, find_threshold, fix_thresholds, least_accepted, upper_bound

pytestmark = pytest.mark.unit

ALPHA, DELTA, DRAWS = 0.2, 0.1, 300


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.001, 0.4))
def test_the_bound_is_scipys_exact_one_sided_interval(errors, more, chance):
    accepted = errors + more
    found = upper_bound(errors, accepted, chance=chance)
    if not accepted:
        assert found == 1.0
        return
    exact = binomtest(errors, accepted, alternative="less").proportion_ci(1 - chance, method="exact").high
    assert found == pytest.approx(exact, abs=1e-9)
    if more:
        assert binom.cdf(errors, accepted, found) == pytest.approx(chance, rel=1e-6)
        assert upper_bound(errors, accepted + 5, chance=chance) < found
        assert upper_bound(errors + 1, accepted, chance=chance) > found


def draws(rng, groups, *, skill):
    """Probabilities and labels of one answer of each group, and the true error at each threshold."""
    probabilities = rng.random(groups)
    return probabilities, rng.random(groups) < 0.5 + skill * (probabilities - 0.5)


def true_risk(threshold, skill):
    """The error among answers accepted from a threshold on, over all groups that could be drawn."""
    return 0.5 - skill * ((1 + threshold) / 2 - 0.5)


def simulate(*, skill, groups, seed, alpha=ALPHA, delta=DELTA):
    """How often a threshold was given, broken, and how often the naive choice would have broken its word."""
    rng = np.random.default_rng(seed)
    thresholds = fix_thresholds(rng.random(2000))
    given = broken = naive = 0
    for _ in range(DRAWS):
        probabilities, correct = draws(rng, groups, skill=skill)
        found = find_threshold(correct, probabilities, thresholds=thresholds, alpha=alpha, delta=delta)
        if found.chosen is not None:
            given += 1
            broken += true_risk(found.chosen.threshold, skill) > alpha
        passing = [t for t in found.trials if t.accepted and t.errors <= alpha * t.accepted]
        naive += bool(passing) and true_risk(passing[0].threshold, skill) > alpha
    return given, broken, naive


@pytest.mark.parametrize(("skill", "groups"), [(1.0, 400), (0.95, 800), (1.0, 60)])
def test_the_promise_is_broken_no_more_often_than_it_says(skill, groups):
    given, broken, naive = simulate(skill=skill, groups=groups, seed=groups)
    assert binomtest(broken, DRAWS, DELTA, alternative="greater").pvalue > 0.001
    assert naive / DRAWS > 1.2 * DELTA, "the plain choice breaks it, so the simulation can tell"
    assert given > 0.5 * DRAWS or groups < 100


def test_with_one_threshold_the_promise_is_broken_about_as_often_as_it_says():
    rng, broken = np.random.default_rng(3), 0
    for _ in range(2000):
        correct = rng.random(300) >= ALPHA + 0.001  # just too many are wrong
        found = find_threshold(correct, np.ones(300), thresholds=(0.0,), alpha=ALPHA, delta=DELTA)
        broken += found.chosen is not None
    assert broken / 2000 > 0.5 * DELTA
    assert binomtest(broken, 2000, DELTA, alternative="greater").pvalue > 0.001


def test_a_probe_that_knows_nothing_gets_no_threshold():
    given, broken, _ = simulate(skill=0.0, groups=300, seed=5, alpha=0.3)
    assert binomtest(given, DRAWS, DELTA, alternative="greater").pvalue > 0.001
    assert given == broken
    assert given < DRAWS * DELTA


def test_the_most_lenient_passing_threshold_is_taken():
    probabilities = np.linspace(0, 1, 400)
    found = find_threshold(probabilities > 0.35, probabilities, thresholds=(0.6, 0.0, 0.4, 0.3), alpha=0.1, delta=0.05)
    assert [trial.threshold for trial in found.trials] == [0.0, 0.3, 0.4, 0.6]
    assert [trial.bound <= 0.1 for trial in found.trials] == [False, False, True, True]
    assert found.chosen == found.trials[2]
    assert (found.chosen.errors, found.reason) == (0, None)
    for trial in found.trials:
        accepted = probabilities >= trial.threshold
        assert trial.accepted == accepted.sum()
        assert trial.bound == upper_bound(trial.errors, trial.accepted, chance=0.05 / 4)


def test_none_says_why_and_what_it_would_take():
    probabilities = np.linspace(0, 1, 40)
    few = find_threshold(probabilities > 0.5, probabilities, thresholds=(0.0, 0.6), alpha=0.1, delta=0.05)
    assert few.chosen is None
    assert few.reason == (
        "at best 0 of 16 accepted answers were wrong, so that up to 21 % may be, more than 10 %; "
        "if the shares hold, about 90 kept answers in place of 40 would do"
    )
    needed = least_accepted(alpha=0.1, chance=0.025)
    assert np.ceil(needed * 40 / 16) == 90
    hopeless = find_threshold(np.arange(40) % 2 > 0, probabilities, thresholds=(0.0, 0.6), alpha=0.1, delta=0.05)
    assert "which no number of answers would mend" in hopeless.reason
    silent = find_threshold(np.ones(4, bool), np.full(4, np.nan), thresholds=(0.0,), alpha=0.1, delta=0.05)
    assert silent.reason == "the detector scores none of the kept answers"
    assert silent.trials[0].accepted == 0
    nothing = find_threshold(np.ones(0, bool), np.ones(0), thresholds=(0.0,), alpha=0.1, delta=0.05)
    assert nothing.reason == "no answers were kept for it"


@settings(max_examples=40, deadline=None)
@given(st.floats(0.02, 0.6), st.floats(0.001, 0.2), st.floats(0, 0.5))
def test_as_many_as_needed_are_enough(alpha, chance, rate):
    needed = least_accepted(alpha=alpha, chance=chance, rate=rate)
    if rate >= alpha:
        assert needed is None
    elif needed is None:
        assert upper_bound(int(np.ceil(rate * 10**5)), 10**5, chance=chance) > alpha
    else:
        assert upper_bound(int(np.ceil(rate * needed - 1e-9)), needed, chance=chance) <= alpha
        assert rate > 0 or needed == 1 or needed > 200 or upper_bound(0, needed - 1, chance=chance) > alpha


def test_thresholds_are_fixed_by_other_answers():
    others = np.random.default_rng(0).random(1000) ** 2
    thresholds = fix_thresholds(others)
    assert len(thresholds) == 10
    for threshold, coverage in zip(thresholds, COVERAGES, strict=True):
        assert (others >= threshold).mean() == pytest.approx(coverage, abs=0.002)
    assert thresholds[0] == 0
