"""Folds in groups: who is tested by a probe that never saw their group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int, Shaped

from tacitly.errors import UndefinedMetricError

OUTER_FOLDS = 5
INNER_FOLDS = 3
MIN_GIVEN_ANSWERS = 15
MAX_ANSWER_SHARE = 1 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One tested part and the rows that a probe may learn from.

    Attributes:
        number: The fold's number; 0 where a task has its own test split.
        train: Rows of the training part, as a mask over all rows.
        test: Rows of the tested part. Rows in neither are left out, since they share a group with the tested part.
    """

    number: int
    train: Bool[np.ndarray, " row"]
    test: Bool[np.ndarray, " row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OuterFold:
    """An outer fold with the inner folds of its training part.

    Attributes:
        fold: The outer fold.
        inner: Its inner folds; their rows all lie in the training part of the outer one.
    """

    fold: Fold
    inner: tuple[Fold, ...]


def assign_folds(
    groups: Shaped[np.ndarray, " row"],
    *,
    n_folds: int,
    rng: np.random.Generator,
    taken: Int[np.ndarray, " row"] | None = None,
) -> Int[np.ndarray, " row"]:
    """Give every group one fold: the largest group first, each to the fold that has the fewest rows so far.

    Groups of equal size come in random order, and so do folds of equal size: that is what a seed reshuffles.

    Args:
        groups: The group of each row.
        n_folds: How many folds to fill.
        rng: Source of the order among equals.
        taken: Folds given already, -1 where there is none. A group with a fold keeps it, for all of its rows.

    Returns:
        The fold of each row.

    Raises:
        UndefinedMetricError: There are fewer groups than folds.

    Example:
        >>> groups = np.array(["a", "a", "a", "b", "b", "c"])
        >>> folds = assign_folds(groups, n_folds=2, rng=np.random.default_rng(0))
        >>> bool(folds[0] != folds[3] and folds[3] == folds[5])
        True
    """
    codes, names = pd.factorize(groups)
    if len(names) < n_folds:
        raise UndefinedMetricError(f"{len(names)} groups are too few for {n_folds} folds")
    of_group = np.full(len(names), -1)
    filled = np.zeros(n_folds, dtype=np.int64)
    sizes = np.bincount(codes, minlength=len(names))
    if taken is not None:
        placed = taken >= 0
        of_group[codes[placed]] = taken[placed]
        kept = of_group >= 0
        np.add.at(filled, of_group[kept], sizes[kept])
    order = rng.permutation(len(names))
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        if of_group[group] < 0:
            emptiest = np.flatnonzero(filled == filled.min())
            of_group[group] = emptiest[rng.integers(len(emptiest))]
            filled[of_group[group]] += sizes[group]
    return of_group[codes]


def separate(
    test: Bool[np.ndarray, " row"],
    *,
    number: int,
    among: Bool[np.ndarray, " row"],
    apart: Sequence[Shaped[np.ndarray, " row"]],
) -> Fold:
    """Make a fold: training rows are those of `among` that share no key with the tested part.

    Args:
        test: The tested rows.
        number: The fold's number.
        among: The rows that are evaluated at all.
        apart: Keys that both parts may not share, such as the entity of each row.

    Returns:
        The fold.

    Example:
        >>> entity = np.array(["x", "y", "x"])
        >>> test = np.array([True, False, False])
        >>> separate(test, number=0, among=np.ones(3, bool), apart=[entity]).train.tolist()
        [False, True, False]
    """
    tested = test & among
    train = among & ~tested
    for keys in apart:
        train = train & ~np.isin(keys, np.unique(keys[tested]))
    return Fold(number=number, train=train, test=tested)


def nest(
    fold: Fold,
    *,
    groups: Shaped[np.ndarray, " row"],
    apart: Sequence[Shaped[np.ndarray, " row"]],
    rng: np.random.Generator,
    n_folds: int = INNER_FOLDS,
) -> OuterFold:
    """Split a fold's training part into inner folds, grouped in the same way.

    Args:
        fold: The outer fold.
        groups: The group of each row.
        apart: Keys that training and tested part may not share.
        rng: Source of the order among groups of equal size.
        n_folds: How many inner folds.

    Returns:
        The outer fold with its inner ones: none where the training part has fewer groups than `n_folds`.
    """
    rows = np.flatnonzero(fold.train)
    try:
        assigned = assign_folds(groups[rows], n_folds=n_folds, rng=rng)
    except UndefinedMetricError:
        return OuterFold(fold=fold, inner=())
    inner = []
    for number in range(n_folds):
        test = np.zeros_like(fold.train)
        test[rows[assigned == number]] = True
        inner.append(separate(test, number=number, among=fold.train, apart=apart))
    return OuterFold(fold=fold, inner=tuple(inner))


def undefined_by_answer(given: Sequence[str]) -> str | None:
    """Why folds by given answer are not defined, if they are not.

    Args:
        given: What each located answer gave, in canonical form.

    Returns:
        The reason, or None where `by_answer` is defined.

    Example:
        >>> undefined_by_answer(["yes", "no", "no"])
        '2 distinct given answers, fewer than 15'
    """
    if not len(given):
        return "no answer has a located exact answer"
    counts = pd.Series(list(given)).value_counts()
    if len(counts) < MIN_GIVEN_ANSWERS:
        plural = "answer" if len(counts) == 1 else "answers"
        return f"{len(counts)} distinct given {plural}, fewer than {MIN_GIVEN_ANSWERS}"
    if counts.iloc[0] > MAX_ANSWER_SHARE * len(given):
        return f"one given answer makes up {counts.iloc[0] / len(given):.0%} of the rows, more than a third"
    return None
