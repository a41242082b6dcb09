"""Intervals: groups are resampled whole, and the interval covers as often as it says."""

import numpy as np
import pytest

from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.intervals import percentile_interval, resample_groups
from tacitly.evaluation.metrics import weighted_aurocs

pytestmark = pytest.mark.unit


def test_a_group_comes_whole_and_as_many_are_drawn_as_there_are():
    groups = np.array(["a", "b", "a", "c", "b", "a"])
    weights = resample_groups(groups, replicates=50, rng=np.random.default_rng(0))
    for name in "abc":
        assert (weights[:, groups == name].std(axis=1) == 0).all()
    firsts = weights[:, [0, 1, 3]]
    assert (firsts.sum(axis=1) == 3).all()
    assert weights.std(axis=0).min() > 0


def test_nothing_to_resample():
    with pytest.raises(UndefinedMetricError):
        resample_groups(np.array([]), replicates=3, rng=np.random.default_rng(0))


def test_an_interval_needs_half_of_the_replicates():
    assert percentile_interval(np.array([0.1, np.nan, np.nan])) is None
    assert percentile_interval(np.array([])) is None
    assert percentile_interval(np.array([0.5, 0.5, np.nan])).upper == 0.5


def test_the_interval_covers_the_truth_when_answers_come_in_groups():
    rng = np.random.default_rng(0)
    hits = naive_hits = 0
    for _ in range(120):
        groups = np.repeat(np.arange(40), 5)
        correct = np.repeat(rng.random(40) < 0.5, 5)
        scores = np.repeat(rng.normal(size=40), 5) + 0.1 * rng.normal(size=200)  # says nothing: the AUROC is 0.5
        for kind in (groups, np.arange(200)):
            weights = resample_groups(kind, replicates=200, rng=rng)
            interval = percentile_interval(weighted_aurocs(correct, scores, weights=weights))
            covered = interval.lower <= 0.5 <= interval.upper
            if kind is groups:
                hits += covered
            else:
                naive_hits += covered
    assert hits >= 105, "at least 88 % where 95 % are promised"
    assert naive_hits < 90, "rows on their own would promise too much"
