"""Folds: groups stay together, sizes are even, and training never meets what is tested."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.folds import assign_folds, nest, separate, undefined_by_answer

pytestmark = pytest.mark.unit


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=20, max_size=80), st.integers(0, 1000))
def test_a_group_has_one_fold_and_every_row_has_a_fold(groups, seed):
    groups = np.array(groups)
    if len(set(groups.tolist())) < 5:
        with pytest.raises(UndefinedMetricError, match="too few"):
            assign_folds(groups, n_folds=5, rng=np.random.default_rng(seed))
        return
    folds = assign_folds(groups, n_folds=5, rng=np.random.default_rng(seed))
    assert set(folds.tolist()) == set(range(5))
    for group in set(groups.tolist()):
        assert len(set(folds[groups == group].tolist())) == 1


def test_the_largest_group_comes_first_to_the_emptiest_fold():
    groups = np.repeat(np.arange(6), [10, 9, 8, 7, 3, 3])
    folds = assign_folds(groups, n_folds=4, rng=np.random.default_rng(0))
    assert sorted(np.bincount(folds).tolist()) == [9, 10, 10, 11]


def test_seeds_reshuffle_and_repeat():
    groups = np.arange(40)
    first, again, other = (assign_folds(groups, n_folds=5, rng=np.random.default_rng(s)) for s in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_folds_given_already_are_kept_and_spread_to_the_whole_group():
    groups = np.array(["a", "a", "b", "c", "c", "d"])
    folds = assign_folds(groups, n_folds=2, rng=np.random.default_rng(0), taken=np.array([1, -1, 0, -1, -1, -1]))
    assert folds[:3].tolist() == [1, 1, 0]
    assert folds[3] == folds[4] == 0, "the larger open group goes to the emptier fold"
    assert folds[5] == 1


def test_training_shares_neither_answer_nor_entity_with_the_tested_part():
    rng = np.random.default_rng(0)
    answers, entities = rng.integers(8, size=200).astype(str), rng.integers(60, size=200).astype(str)
    folds = assign_folds(answers, n_folds=4, rng=rng)
    everyone = np.ones(200, dtype=bool)
    for number in range(4):
        fold = separate(folds == number, number=number, among=everyone, apart=[entities, answers])
        outer = nest(fold, groups=answers, apart=[entities, answers], rng=rng)
        assert len(outer.inner) == 3
        assert (np.sum([inner.test for inner in outer.inner], axis=0) == fold.train).all()
        for part in (fold, *outer.inner):
            assert not (part.train & part.test).any()
            assert not set(answers[part.train]) & set(answers[part.test])
            assert not set(entities[part.train]) & set(entities[part.test])
        for inner in outer.inner:
            assert not (inner.train & ~fold.train).any()


def test_a_training_part_with_too_few_groups_has_no_inner_folds():
    groups = np.array(["a", "b", "c"])
    fold = separate(np.array([True, False, False]), number=0, among=np.ones(3, bool), apart=[groups])
    assert nest(fold, groups=groups, apart=[groups], rng=np.random.default_rng(0)).inner == ()


@pytest.mark.parametrize(
    ("given_answers", "reason"),
    [
        ([], "no answer has a located exact answer"),
        (["yes"] * 9, "1 distinct given answer, fewer than 15"),
        (["a", "b", "c"] * 30, "3 distinct given answers, fewer than 15"),
        ([*map(str, range(20)), *["x"] * 11], "one given answer makes up 35% of the rows, more than a third"),
        ([*map(str, range(20)), *["x"] * 10], None),
        ([str(i) for i in range(15)], None),
    ],
)
def test_by_answer_is_defined_only_for_enough_answers(given_answers, reason):
    assert undefined_by_answer(given_answers) == reason
