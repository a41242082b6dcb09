"""What scores are worth: AUROC within folds, within one answer string, and decisions at a threshold."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from tacitly.errors import UndefinedMetricError


def snap_ties(scores: Float[np.ndarray, " row"], *, relative: float = 1e-6) -> Float[np.ndarray, " row"]:
    """Make equal what differs by the noise of floating-point sums only, so that it counts as a tie.

    Scores that follow each other within `relative` times the largest magnitude (at least 1, since the scores of
    probes are log-odds) become the smallest of them. NaN stays NaN.

    Example:
        >>> snap_ties(np.array([0.5, 0.5 + 1e-9, 2.0])).tolist()
        [0.5, 0.5, 2.0]
    """
    if not len(scores) or np.isnan(scores).all():
        return scores.copy()
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    tolerance = relative * max(1.0, float(np.nanmax(np.abs(scores))))
    starts = np.concatenate([[True], ~(np.diff(ordered) <= tolerance)])
    snapped = np.empty_like(scores)
    snapped[order] = ordered[np.flatnonzero(starts)[np.cumsum(starts) - 1]]
    return snapped


def weighted_aurocs(
    correct: Bool[np.ndarray, " row"],
    scores: Float[np.ndarray, " row"],
    *,
    weights: Float[np.ndarray, "replicate row"],
) -> Float[np.ndarray, " replicate"]:
    """The AUROC of one set of scores under many weightings of its rows; ties count one half.

    Args:
        correct: Which answers are right.
        scores: Higher = more likely correct; without NaN.
        weights: One weighting of the rows per replicate.

    Returns:
        One AUROC per replicate, NaN where all weight lies on one class.

    Example:
        >>> correct, scores = np.array([False, True, True]), np.array([0.1, 0.1, 0.9])
        >>> weighted_aurocs(correct, scores, weights=np.ones((1, 3))).tolist()
        [0.75]
    """
    if not len(scores):
        return np.full(len(weights), np.nan)
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(scores[order]) != 0]))
    ordered = weights[:, order].astype(np.float64)
    right = correct[order]
    right_weight = np.add.reduceat(ordered * right, starts, axis=1)
    wrong_weight = np.add.reduceat(ordered * ~right, starts, axis=1)
    below = np.cumsum(wrong_weight, axis=1) - 0.5 * wrong_weight
    pairs = right_weight.sum(axis=1) * wrong_weight.sum(axis=1)
    wins = (right_weight * below).sum(axis=1)
    found: Float[np.ndarray, " replicate"] = np.full(len(weights), np.nan)
    np.divide(wins, pairs, out=found, where=pairs > 0)
    return found


def auroc(correct: Bool[np.ndarray, " row"], scores: Float[np.ndarray, " row"]) -> float:
    """The chance that a right answer scores higher than a wrong one; ties count one half.

    Args:
        correct: Which answers are right.
        scores: Higher = more likely correct; NaN means not scored and is left out.

    Returns:
        The AUROC.

    Raises:
        UndefinedMetricError: The scored answers are all right, all wrong, or none.

    Example:
        >>> auroc(np.array([True, False, True]), np.array([0.9, 0.1, 0.1]))
        0.75
    """
    scored = ~np.isnan(scores)
    value = weighted_aurocs(correct[scored], scores[scored], weights=np.ones((1, int(scored.sum()))))[0]
    if np.isnan(value):
        right = int(correct[scored].sum())
        raise UndefinedMetricError(f"AUROC needs both classes: {right} right and {int(scored.sum()) - right} wrong")
    return float(value)


def fold_aurocs(
    correct: Bool[np.ndarray, " row"],
    scores: Float[np.ndarray, " row"],
    folds: Int[np.ndarray, " row"],
    *,
    weights: Float[np.ndarray, "replicate row"],
) -> Float[np.ndarray, " replicate"]:
    """AUROC within each fold, averaged with the weight of the fold's answers.

    Scores are compared within a fold only, since each fold has a probe and a base rate of its own. A fold whose
    answers are all right or all wrong is left out of the average.

    Args:
        correct: Which answers are right.
        scores: Higher = more likely correct; NaN means not scored and is left out.
        folds: The fold that tests each answer; negative where none does.
        weights: One weighting of the rows per replicate; ones for the plain figure.

    Returns:
        One mean AUROC per replicate, NaN where no fold has both classes.

    Example:
        >>> correct, scores = np.array([True, False, True, False]), np.array([0.6, 0.4, 0.2, 0.1])
        >>> fold_aurocs(correct, scores, np.array([0, 0, 1, 1]), weights=np.ones((1, 4))).tolist()
        [1.0]
    """
    total = np.zeros(len(weights))
    mass = np.zeros(len(weights))
    usable = ~np.isnan(scores) & (folds >= 0)
    for fold in np.unique(folds[usable]):
        rows = np.flatnonzero(usable & (folds == fold))
        values = weighted_aurocs(correct[rows], scores[rows], weights=weights[:, rows])
        share = np.where(np.isnan(values), 0.0, weights[:, rows].sum(axis=1))
        total += np.where(share > 0, np.nan_to_num(values), 0.0) * share
        mass += share
    mean: Float[np.ndarray, " replicate"] = np.full(len(weights), np.nan)
    np.divide(total, mass, out=mean, where=mass > 0)
    return mean


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPairs:
    """Comparisons of right with wrong answers that gave the same exact answer, one entry per string and fold.

    Attributes:
        wins: Pairs in which the right answer scores higher, ties counted one half.
        pairs: Pairs compared.
        strings: Index of the answer string of each entry.
        names: The answer strings.
    """

    wins: Float[np.ndarray, " group"]
    pairs: Float[np.ndarray, " group"]
    strings: Int[np.ndarray, " group"]
    names: tuple[str, ...]


def compare_within_answers(
    correct: Bool[np.ndarray, " row"],
    scores: Float[np.ndarray, " row"],
    *,
    given: Shaped[np.ndarray, " row"],
    folds: Int[np.ndarray, " row"],
) -> AnswerPairs:
    """Compare right and wrong answers that gave the same string inside one fold.

    Args:
        correct: Which answers are right.
        scores: Higher = more likely correct; NaN means not scored and is left out.
        given: The exact answer that each answer gave.
        folds: The fold that tests each answer; negative where none does.

    Returns:
        The pairs, with no entries where no string was given both rightly and wrongly.

    Example:
        >>> correct, scores = np.array([True, False, True]), np.array([0.9, 0.9, 0.1])
        >>> pairs = compare_within_answers(correct, scores, given=np.array(["a", "a", "b"]), folds=np.zeros(3, int))
        >>> pairs.wins.tolist(), pairs.pairs.tolist(), pairs.names
        ([0.5], [1.0], ('a',))
    """
    usable = ~np.isnan(scores) & (folds >= 0)
    wins, pairs, names = [], [], []
    for name in sorted(set(given[usable])):
        of_name = usable & (given == name)
        for fold in np.unique(folds[of_name]):
            rows = of_name & (folds == fold)
            right, wrong = scores[rows & correct], scores[rows & ~correct]
            if len(right) and len(wrong):
                gaps = right[:, None] - wrong[None, :]
                wins.append(float((gaps > 0).sum() + 0.5 * (gaps == 0).sum()))
                pairs.append(float(gaps.size))
                names.append(str(name))
    unique = tuple(dict.fromkeys(names))
    index = {name: i for i, name in enumerate(unique)}
    strings = np.array([index[name] for name in names], dtype=np.int64)
    return AnswerPairs(wins=np.array(wins), pairs=np.array(pairs), strings=strings, names=unique)
