"""Scores as probabilities: Platt scaling, and how well probabilities agree with what happened."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from tacitly.errors import UndefinedMetricError

ECE_BINS = 15
ECE_ROWS = 10 * ECE_BINS
"""Fewer answers than ten to a bin have no calibration error: it would be chance."""

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
    target = smoothed_targets(correct)
    right = int(correct.sum())
    wrong = len(correct) - right
    centre, scale = float(scores.mean()), float(scores.std())
    if scale < 1e-12:
        return Platt(slope=_FLATTEST, intercept=float(np.log(right / wrong)) - _FLATTEST * centre)
    standard = (scores - centre) / scale

    def loss(parameters: Float[np.ndarray, " feature"]) -> tuple[float, Float[np.ndarray, " feature"]]:
        margin = parameters[0] * standard + parameters[1]
        value = -(target * log_expit(margin) + (1 - target) * log_expit(-margin)).mean()
        error = expit(margin) - target
        return float(value), np.array([(error * standard).mean(), error.mean()])

    start = np.array([1.0, np.log(right / wrong)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(_FLATTEST, None), (None, None)])
    slope = float(found.x[0]) / scale
    return Platt(slope=slope, intercept=float(found.x[1]) - slope * centre)


def smoothed_targets(correct: Bool[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
    """What a calibration is fitted to: a little less than 1 for right answers, a little more than 0 for wrong ones.

    Raises:
        UndefinedMetricError: The answers are all right, all wrong, or none.

    Reference:
        Platt (1999), section 2.2.

    Example:
        >>> smoothed_targets(np.array([True, False, False])).round(2).tolist()
        [0.67, 0.25, 0.25]
    """
    right = int(correct.sum())
    wrong = len(correct) - right
    if not right or not wrong:
        raise UndefinedMetricError(f"calibration needs both classes: {right} right and {wrong} wrong")
    targets: Float[np.ndarray, " row"] = np.where(correct, (right + 1) / (right + 2), 1 / (wrong + 2))
    return targets


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


def log_loss(correct: Bool[np.ndarray, " row"], probabilities: Float[np.ndarray, " row"]) -> float:
    """Mean of minus the logarithm of the probability that was given to what happened, in nats.

    Probabilities within 1e-12 of 0 or 1 count as that far off, so that one answer cannot make it infinite.

    Raises:
        UndefinedMetricError: There are no answers.

    Example:
        >>> round(log_loss(np.array([True, False]), np.array([0.5, 0.5])), 3)
        0.693
    """
    if not len(correct):
        raise UndefinedMetricError("no answer was tested")
    return float(np.mean(log_losses(correct, probabilities)))


def log_losses(
    correct: Bool[np.ndarray, " row"], probabilities: Float[np.ndarray, " row"]
) -> Float[np.ndarray, " row"]:
    """The log loss of each answer.

    Example:
        >>> log_losses(np.array([True]), np.array([0.0])).round(1).tolist()
        [27.6]
    """
    given = np.where(correct, probabilities, 1 - probabilities)
    losses: Float[np.ndarray, " row"] = -np.log(np.clip(given, 1e-12, 1.0))
    return losses
