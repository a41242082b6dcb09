"""From a probe's log-odds to the chance that an answer is right: temperature, Platt, isotonic, and which of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit
from sklearn.isotonic import IsotonicRegression

from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.calibration import Platt, brier, fit_platt, smoothed_targets
from tacitly.evaluation.folds import Fold

CalibratorName = Literal["temperature", "platt", "isotonic"]
CALIBRATORS: tuple[CalibratorName, ...] = ("temperature", "platt", "isotonic")
"""The one with the fewest parameters first, which is chosen among equally good ones."""

_FLATTEST, _STEEPEST = 1e-3, 1e3


@runtime_checkable
class Calibrator(Protocol):
    """Turns log-odds into probabilities, and never turns their order round."""

    def probability(self, scores: Float[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
        """The calibrated probability of each score."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """Log-odds to calibrated probability: `expit(log_odds / temperature)`; log-odds of 0 stay at one half."""

    temperature: float

    def probability(self, scores: Float[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
        """The calibrated probability of each score.

        Example:
            >>> Temperature(2.0).probability(np.array([0.0])).tolist()
            [0.5]
        """
        probability: Float[np.ndarray, " row"] = expit(scores / self.temperature)
        return probability


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Platt's probability, corrected by the rising line that fits best; flat to both sides of its knots.

    Attributes:
        platt: The first step, which keeps the knots between 0 and 1 whatever the scale of the log-odds.
        said: Platt's probability at each knot, rising.
        right: The calibrated probability there, never falling.
    """

    platt: Platt
    said: Float[np.ndarray, " group"]
    right: Float[np.ndarray, " group"]

    def probability(self, scores: Float[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
        """The calibrated probability of each score; NaN stays NaN.

        Example:
            >>> steps = Isotonic(Platt(1.0, 0.0), said=np.array([0.4, 0.6]), right=np.array([0.2, 0.9]))
            >>> steps.probability(np.array([-9.0, 0.0, 9.0])).round(2).tolist()
            [0.2, 0.55, 0.9]
        """
        probability: Float[np.ndarray, " row"] = np.interp(self.platt.probability(scores), self.said, self.right)
        return np.where(np.isnan(scores), np.nan, probability)  # a line of one knot knows no NaN


def fit_temperature(scores: Float[np.ndarray, " row"], correct: Bool[np.ndarray, " row"]) -> Temperature:
    """Fit one temperature on log-odds of answers that the probe has not seen.

    Args:
        scores: Out-of-fold log-odds; without NaN.
        correct: Which answers are right.

    Returns:
        The temperature with the lowest log loss, between a thousandth and a thousand times the size of the log-odds.

    Raises:
        UndefinedMetricError: The answers are all right, all wrong, or none.

    Reference:
        Guo et al. (2017), "On calibration of modern neural networks", section 4.2; with the targets of Platt (1999),
        so that log-odds which part the classes do not call for a temperature of 0.

    Example:
        >>> scores = np.array([-4.0, -4.0, 4.0, 4.0])
        >>> fit_temperature(scores, np.array([False, True, False, True])).temperature > 100
        True
    """
    target = smoothed_targets(correct)
    size = float(np.sqrt(np.mean(scores**2)))
    if size < 1e-12:
        return Temperature(1.0)
    standard = scores / size

    def loss(log_slope: float) -> float:
        margin = np.exp(log_slope) * standard
        return float(-(target * log_expit(margin) + (1 - target) * log_expit(-margin)).mean())

    found = minimize_scalar(loss, bounds=(np.log(_FLATTEST), np.log(_STEEPEST)), method="bounded")
    return Temperature(size / float(np.exp(found.x)))


def fit_isotonic(scores: Float[np.ndarray, " row"], correct: Bool[np.ndarray, " row"]) -> Isotonic:
    """Fit the rising line of least squared error on log-odds of answers that the probe has not seen.

    Args:
        scores: Out-of-fold log-odds; without NaN.
        correct: Which answers are right.

    Returns:
        The calibration; of n answers it says no less than 1 / (n + 2) and no more than 1 minus that.

    Raises:
        UndefinedMetricError: The answers are all right, all wrong, or none.

    Reference:
        Zadrozny and Elkan (2002), "Transforming classifier scores into accurate multiclass probability estimates".

    Example:
        >>> steps = fit_isotonic(np.array([-1.0, 0.0, 1.0, 2.0]), np.array([False, True, False, True]))
        >>> steps.right.round(2).tolist()
        [0.17, 0.5, 0.5, 0.83]
    """
    platt = fit_platt(scores, correct)
    least = 1 / (len(scores) + 2)
    line = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip")
    line.fit(platt.probability(scores), correct.astype(np.float64))
    return Isotonic(platt, said=line.X_thresholds_.astype(np.float64), right=line.y_thresholds_.astype(np.float64))


def fit_calibrator(
    name: CalibratorName, scores: Float[np.ndarray, " row"], correct: Bool[np.ndarray, " row"]
) -> Calibrator:
    """Fit a calibrator by its name.

    Args:
        name: Which one.
        scores: Out-of-fold log-odds; without NaN.
        correct: Which answers are right.

    Raises:
        UndefinedMetricError: The answers are all right, all wrong, or none.

    Example:
        >>> type(fit_calibrator("platt", np.array([-1.0, 1.0]), np.array([False, True]))).__name__
        'Platt'
    """
    if name == "temperature":
        return fit_temperature(scores, correct)
    return fit_platt(scores, correct) if name == "platt" else fit_isotonic(scores, correct)


@dataclass(frozen=True, slots=True)
class CalibratorChoice:
    """Which calibrator fits the training part best.

    Attributes:
        name: The one with the lowest Brier score.
        brier: The Brier score of each on answers that it was not fitted on; None where no inner fold allows one.
    """

    name: CalibratorName
    brier: Mapping[CalibratorName, float] | None


def choose_calibrator(
    scores: Float[np.ndarray, " row"], correct: Bool[np.ndarray, " row"], *, inner: Sequence[Fold]
) -> CalibratorChoice:
    """Choose a calibrator by cross-validation over the inner folds of a training part.

    Each calibrator is fitted on the training rows of an inner fold and judged on the rows that the fold tests.

    Args:
        scores: Log-odds of the training rows, each from an inner probe that has not seen it; NaN for other rows.
        correct: Which answers are right.
        inner: The inner folds.

    Returns:
        The choice: Platt where no inner fold has both classes to fit on.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> correct = np.arange(300) % 3 > 0
        >>> tested = [np.arange(300) // 100 == part for part in range(3)]
        >>> folds = [Fold(number=part, train=~rows, test=rows) for part, rows in enumerate(tested)]
        >>> choose_calibrator(3 + correct + rng.normal(size=300), correct, inner=folds).name
        'platt'
    """
    scored = ~np.isnan(scores)
    said: dict[CalibratorName, list[Float[np.ndarray, " row"]]] = {name: [] for name in CALIBRATORS}
    labels: list[Bool[np.ndarray, " row"]] = []
    for fold in inner:
        train, test = fold.train & scored, fold.test & scored
        try:
            fitted = {name: fit_calibrator(name, scores[train], correct[train]) for name in CALIBRATORS}
        except UndefinedMetricError:
            continue
        for name, calibrator in fitted.items():
            said[name].append(calibrator.probability(scores[test]))
        labels.append(correct[test])
    if not sum(len(part) for part in labels):
        return CalibratorChoice("platt", None)
    found = {name: brier(np.concatenate(labels), np.concatenate(parts)) for name, parts in said.items()}
    return CalibratorChoice(min(CALIBRATORS, key=lambda name: found[name]), found)
