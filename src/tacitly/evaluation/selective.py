"""Answering only where a score is high: the error among the answers that are kept, as fewer and fewer are."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import digamma

Replicates = Float[np.ndarray, " replicate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What keeping the highest scores first is worth, under many weightings of the rows.

    Figures are taken within each fold and averaged with the weight of the fold's answers, since each fold has a probe
    of its own and scores of different folds cannot be ranked together.

    Attributes:
        aurc: Area under the risk-coverage curve: the error among the kept answers, averaged over how many are kept.
        random: The same where answers are kept at random: the share of wrong ones.
        oracle: The same where the right answers are kept first.
        accuracy: Accuracy of the kept answers at the coverage that was asked for.
    """

    aurc: Replicates
    random: Replicates
    oracle: Replicates
    accuracy: Replicates

    @property
    def prr(self) -> Replicates:
        """Prediction-rejection ratio: the area gained over keeping at random, as a share of what the oracle gains."""
        room = self.random - self.oracle
        ratio: Replicates = np.full(len(room), np.nan)
        np.divide(self.random - self.aurc, room, out=ratio, where=room > 1e-12)
        return ratio


def measure_selection(
    correct: Bool[np.ndarray, " row"],
    scores: Float[np.ndarray, " row"],
    folds: Int[np.ndarray, " row"],
    *,
    weights: Float[np.ndarray, "replicate row"],
    coverage: float = 0.8,
) -> Selection:
    """Measure what scores are worth for keeping some answers and rejecting others.

    Equal scores are kept in random order: their mean counts. A fold of one class counts too, since an error that
    cannot be ranked is still an error.

    Args:
        correct: Which answers are right.
        scores: Higher = more likely correct; NaN means not scored and is left out.
        folds: The fold that tests each answer; negative where none does.
        weights: One weighting of the rows per replicate, of whole numbers; ones for the plain figure.
        coverage: The share of the answers that is kept for `accuracy`; an answer at the border counts in part.

    Returns:
        The figures; NaN in a replicate that draws no answer.

    Reference:
        Geifman and El-Yaniv (2017), "Selective classification for deep neural networks" (risk and coverage); Malinin
        and Gales (2021), "Uncertainty estimation in autoregressive structured prediction", appendix B (the ratio).

    Example:
        >>> correct, scores = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1])
        >>> found = measure_selection(correct, scores, np.zeros(4, int), weights=np.ones((1, 4)), coverage=0.5)
        >>> found.aurc.round(3).tolist(), found.oracle.round(3).tolist(), found.accuracy.tolist()
        ([0.333], [0.208], [0.5])
        >>> found.prr.round(2).tolist()
        [0.57]
    """
    names = ("aurc", "random", "oracle", "accuracy")
    totals = {name: np.zeros(len(weights)) for name in names}
    mass = np.zeros(len(weights))
    usable = ~np.isnan(scores) & (folds >= 0)
    for fold in np.unique(folds[usable]):
        rows = np.flatnonzero(usable & (folds == fold))
        steps = _Steps.of(correct[rows], scores[rows], weights[:, rows])
        share = weights[:, rows].sum(axis=1, dtype=np.float64)
        wrong = steps.errors[:, -1]
        parts = (steps.area(), wrong, _oracle(share, wrong), share * (1 - steps.risk(coverage)))
        for name, part in zip(names, parts, strict=True):
            totals[name] += np.where(share > 0, part, 0.0)
        mass += share
    means = {
        name: np.divide(total, mass, out=np.full(len(mass), np.nan), where=mass > 0) for name, total in totals.items()
    }
    return Selection(**means)


def risk_curve(
    correct: Bool[np.ndarray, " row"],
    scores: Float[np.ndarray, " row"],
    folds: Int[np.ndarray, " row"],
    *,
    coverages: Float[np.ndarray, " group"],
) -> Float[np.ndarray, " group"]:
    """The error among the kept answers at each coverage, within folds and averaged with the weight of their answers.

    Args:
        correct: Which answers are right.
        scores: Higher = more likely correct; NaN means not scored and is left out.
        folds: The fold that tests each answer; negative where none does.
        coverages: The shares of the answers that are kept, above 0.

    Returns:
        One error rate per coverage; NaN where no answer is scored.

    Example:
        >>> correct, scores = np.array([True, False]), np.array([0.9, 0.1])
        >>> risk_curve(correct, scores, np.zeros(2, int), coverages=np.array([0.5, 1.0])).tolist()
        [0.0, 0.5]
    """
    usable = ~np.isnan(scores) & (folds >= 0)
    total, mass = np.zeros(len(coverages)), 0
    for fold in np.unique(folds[usable]):
        rows = usable & (folds == fold)
        steps = _Steps.of(correct[rows], scores[rows], np.ones((1, int(rows.sum()))))
        total += rows.sum() * np.array([steps.risk(coverage)[0] for coverage in coverages])
        mass += int(rows.sum())
    curve: Float[np.ndarray, " group"] = total / mass if mass else np.full(len(coverages), np.nan)
    return curve


@dataclass(frozen=True, slots=True)
class _Steps:
    """Answers from the highest score down, those of equal scores taken together; both counts begin with a 0.

    Attributes:
        kept: Weight of the answers down to each step.
        errors: Weight of the wrong ones among them.
    """

    kept: Float[np.ndarray, "replicate group"]
    errors: Float[np.ndarray, "replicate group"]

    @classmethod
    def of(
        cls,
        correct: Bool[np.ndarray, " row"],
        scores: Float[np.ndarray, " row"],
        weights: Float[np.ndarray, "replicate row"],
    ) -> "_Steps":
        order = np.argsort(-scores, kind="stable")
        starts = np.flatnonzero(np.concatenate([[True], np.diff(scores[order]) != 0]))
        ordered = weights[:, order].astype(np.float64)
        kept = np.cumsum(np.add.reduceat(ordered, starts, axis=1), axis=1)
        errors = np.cumsum(np.add.reduceat(ordered * ~correct[order], starts, axis=1), axis=1)
        zero = np.zeros((len(weights), 1))
        return cls(np.hstack([zero, kept]), np.hstack([zero, errors]))

    def area(self) -> Replicates:
        """The sum, over every number of kept answers, of the error among them.

        The k-th of m equally scored answers, e of them wrong, comes after N others with E errors, and the error among
        the kept is (E + e k / m) / (N + k) on average. Over k that sums to e + (E - e N / m) (H(N + m) - H(N)).
        """
        more, wrong = np.diff(self.kept, axis=1), np.diff(self.errors, axis=1)
        rate = np.divide(wrong, more, out=np.zeros_like(more), where=more > 0)
        gaps = np.diff(digamma(self.kept + 1), axis=1)
        area: Replicates = (wrong + (self.errors[:, :-1] - rate * self.kept[:, :-1]) * gaps).sum(axis=1)
        return area

    def risk(self, coverage: float) -> Replicates:
        """The error among the kept answers at one coverage."""
        wanted = coverage * self.kept[:, -1:]
        step = np.clip((self.kept < wanted).sum(axis=1), 1, self.kept.shape[1] - 1)
        line = np.arange(len(self.kept))
        below, above = self.kept[line, step - 1], self.kept[line, step]
        part = np.divide(wanted[:, 0] - below, above - below, out=np.zeros(len(line)), where=above > below)
        errors = self.errors[line, step - 1] + part * (self.errors[line, step] - self.errors[line, step - 1])
        risk: Replicates = np.divide(errors, wanted[:, 0], out=np.full(len(line), np.nan), where=wanted[:, 0] > 0)
        return risk


def _oracle(kept: Replicates, wrong: Replicates) -> Replicates:
    """The area where all right answers are kept before the first wrong one."""
    right = kept - wrong
    area: Replicates = wrong - right * (digamma(kept + 1) - digamma(right + 1))
    return area
