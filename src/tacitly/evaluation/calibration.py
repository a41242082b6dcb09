"""Scores as probabilities: Platt scaling, and how well probabilities agree with what happened."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from tacitly.errors import UndefinedMetricError

ECE_BINS = 15
_FLATTEST = 1e-3


@dataclass(frozen=True, slots=True)
class Platt:
    """Log-odds to calibrated probability: `expit(slope * score + intercept)`.

    The slope is always positive: calibration never flips the direction of a score.
    """

    slope: float
    intercept: float

    def probability(self, scores: Float[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
        """The calibrated probability of each score.

        Example:
            >>> Platt(slope=1.0, intercept=0.0).probability(np.array([0.0])).tolist()
            [0.5]
        """
        probability: Float[np.ndarray, " row"] = expit(self.slope * scores + self.intercept)
        return probability


def fit_platt(scores: Float[np.ndarray, " row"], correct: Bool[np.ndarray, " row"]) -> Platt:
    """Fit Platt scaling on scores of answers that the probe has not seen.

    Args:
        scores: Out-of-fold scores; without NaN.
        correct: Which answers are right.

    Returns:
        The calibration, with a slope of at least a thousandth per standard deviation of the scores.

    Raises:
        UndefinedMetricError: The answers are all right, all wrong, or none.

    Reference:
        Platt (1999), "Probabilistic outputs for support vector machines", section 2.2 (the smoothed targets).

    Example:
        >>> fit_platt(np.array([-1.0, 1.0, -2.0, 2.0]), np.array([False, True, False, True])).slope > 0
        True
    """
    right = int(correct.sum())
    wrong = len(correct) - right
    if not right or not wrong:
        raise UndefinedMetricError(f"calibration needs both classes: {right} right and {wrong} wrong")
    centre, scale = float(scores.mean()), float(scores.std())
    if scale < 1e-12:
        return Platt(slope=_FLATTEST, intercept=float(np.log(right / wrong)) - _FLATTEST * centre)
    standard = (scores - centre) / scale
    target = np.where(correct, (right + 1) / (right + 2), 1 / (wrong + 2))

    def loss(parameters: Float[np.ndarray, " feature"]) -> tuple[float, Float[np.ndarray, " feature"]]:
        margin = parameters[0] * standard + parameters[1]
        value = -(target * log_expit(margin) + (1 - target) * log_expit(-margin)).mean()
        error = expit(margin) - target
        return float(value), np.array([(error * standard).mean(), error.mean()])

    start = np.array([1.0, np.log(right / wrong)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(_FLATTEST, None), (None, None)])
    slope = float(found.x[0]) / scale
    return Platt(slope=slope, intercept=float(found.x[1]) - slope * centre)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Answers of like probability: the mean of what was said, and the share that was right."""

    probability: float
    right: float
    answers: int


def reliability(
    correct: Bool[np.ndarray, " row"], probabilities: Float[np.ndarray, " row"], *, bins: int = ECE_BINS
) -> tuple[ReliabilityBin, ...]:
    """What was said against what happened, in bins of equal count.

    Args:
        correct: Which answers are right.
        probabilities: Calibrated probabilities; without NaN.
        bins: At most this many bins; never more than there are answers.

    Returns:
        The bins from the lowest probability to the highest.

    Example:
        >>> [bin.right for bin in reliability(np.array([False, True]), np.array([0.2, 0.9]), bins=2)]
        [0.0, 1.0]
    """
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, max(1, len(order)))) if len(part)]
    return tuple(
        ReliabilityBin(
            probability=float(probabilities[part].mean()), right=float(correct[part].mean()), answers=len(part)
        )
        for part in parts
    )


def expected_calibration_error(
    correct: Bool[np.ndarray, " row"], probabilities: Float[np.ndarray, " row"], *, bins: int = ECE_BINS
) -> float:
    """Mean gap between what was said and what happened, over bins of equal count.

    Raises:
        UndefinedMetricError: There are no answers.

    Example:
        >>> expected_calibration_error(np.array([True, True]), np.array([0.5, 0.5]), bins=1)
        0.5
    """
    if not len(correct):
        raise UndefinedMetricError("no answer was tested")
    found = reliability(correct, probabilities, bins=bins)
    return sum(abs(entry.probability - entry.right) * entry.answers for entry in found) / len(correct)


def brier(correct: Bool[np.ndarray, " row"], probabilities: Float[np.ndarray, " row"]) -> float:
    """Mean squared difference between probability and outcome.

    Raises:
        UndefinedMetricError: There are no answers.

    Example:
        >>> brier(np.array([True, False]), np.array([0.5, 0.5]))
        0.25
    """
    if not len(correct):
        raise UndefinedMetricError("no answer was tested")
    return float(np.mean((probabilities - correct) ** 2))
