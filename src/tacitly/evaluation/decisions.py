"""What a threshold on a score is worth, beside the AUROC."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from tacitly.errors import UndefinedMetricError


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """How good the verdicts "right" and "wrong" are; a figure about errors is None where nothing defines it.

    Attributes:
        accuracy: Share of verdicts that agree with the label.
        majority_accuracy: The same for always giving the commoner label of the tested answers.
        precision_error: Of the answers called wrong, the share that is wrong; None where none was called wrong.
        recall_error: Of the wrong answers, the share that was called wrong; None where none is wrong.
        f1_error: Harmonic mean of both; None where either is.
    """

    accuracy: float
    majority_accuracy: float
    precision_error: float | None
    recall_error: float | None
    f1_error: float | None


def choose_threshold(correct: Bool[np.ndarray, " row"], scores: Float[np.ndarray, " row"]) -> float:
    """The threshold with the highest accuracy, where a score of at least the threshold means "right".

    Half way between two neighbouring scores; among equally good ones the one nearest to the median score, so that
    the verdicts are not all the same without need.

    Args:
        correct: Which answers are right.
        scores: Higher = more likely correct; without NaN.

    Returns:
        The threshold.

    Raises:
        UndefinedMetricError: There are no scores.

    Example:
        >>> choose_threshold(np.array([False, False, True]), np.array([0.1, 0.3, 0.7]))
        0.5
    """
    if not len(scores):
        raise UndefinedMetricError("a threshold needs at least one score")
    values = np.unique(scores)
    middles = (values[1:] + values[:-1]) / 2
    margin = max(1e-6, float(values[-1] - values[0]) * 1e-3)
    candidates = np.concatenate([[values[0] - margin], middles, [values[-1] + margin]])
    right, wrong = np.sort(scores[correct]), np.sort(scores[~correct])
    hits = len(right) - np.searchsorted(right, candidates) + np.searchsorted(wrong, candidates)
    best = candidates[hits == hits.max()]
    return float(best[np.argmin(np.abs(best - np.median(scores)))])


def measure_decisions(correct: Bool[np.ndarray, " row"], called_right: Bool[np.ndarray, " row"]) -> Decisions:
    """Compare verdicts with labels.

    Args:
        correct: Which answers are right.
        called_right: Which answers the detector calls right.

    Returns:
        Accuracy, and precision, recall and F1 of finding the errors.

    Raises:
        UndefinedMetricError: There are no answers.

    Example:
        >>> measure_decisions(np.array([True, False, False]), np.array([True, True, False])).recall_error
        0.5
    """
    if not len(correct):
        raise UndefinedMetricError("no answer was tested")
    found = float((~correct & ~called_right).sum())
    called, wrong = float((~called_right).sum()), float((~correct).sum())
    precision = found / called if called else None
    recall = found / wrong if wrong else None
    f1 = 2 * found / (called + wrong) if called and wrong else None
    return Decisions(
        accuracy=float((correct == called_right).mean()),
        majority_accuracy=float(max(correct.mean(), 1 - correct.mean())),
        precision_error=precision,
        recall_error=recall,
        f1_error=f1,
    )
