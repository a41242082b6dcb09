"""The calibrators of a probe, fitted on inner out-of-fold scores, and which of them the training part prefers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from tacitly.evaluation.calibration import Platt
from tacitly.evaluation.calibrators import (
    Calibrator,
    CalibratorChoice,
    CalibratorName,
    choose_calibrator,
    fit_isotonic,
    fit_temperature,
)
from tacitly.evaluation.folds import Fold
from tacitly.experiments.nested_fit import Choice
from tacitly.probes.grid import MarginScale

CALIBRATED_PREFIX = "calibrated:"
"""Begins the rows of calibrated probabilities: `probe` is Platt's, `calibrated:chosen` what the fold chose."""

CHOSEN = "chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """From a refitted probe's log-odds to probabilities.

    Attributes:
        choice: Which calibrator fits the training part best.
        fitted: Every calibrator; they take the refitted probe's own log-odds.
        inner: The chosen one's probabilities of the training rows, each from an inner probe that has not seen it; NaN
            for other rows.
    """

    choice: CalibratorChoice
    fitted: Mapping[CalibratorName, Calibrator]
    inner: Float[np.ndarray, " row"]

    @property
    def chosen(self) -> Calibrator:
        """The chosen calibrator."""
        return self.fitted[self.choice.name]

    def methods(self, log_odds: Float[np.ndarray, " row"]) -> dict[str, Float[np.ndarray, " row"]]:
        """The probabilities of every calibrator but Platt, whose are the probe's own, and of the chosen one."""
        found = {name: one.probability(log_odds) for name, one in self.fitted.items()}
        named = {CALIBRATED_PREFIX + name: values for name, values in found.items() if name != "platt"}
        return {**named, CALIBRATED_PREFIX + CHOSEN: found[self.choice.name]}


def calibrate(
    choice: Choice, scale: MarginScale, correct: Bool[np.ndarray, " row"], *, inner: Sequence[Fold]
) -> Calibration:
    """Fit the calibrators of a probe on what its inner probes said of rows that they had not seen.

    Inner probes and the refitted one differ in the level and the spread of their log-odds, so the inner scores are
    first brought to the refitted probe's: a temperature has no other way to know where its one half lies.

    Args:
        choice: What was chosen on the inner folds, with their scores.
        scale: Where the refitted probe's log-odds lie.
        correct: The labels.
        inner: The inner folds.

    Returns:
        The calibrators and the choice among them.
    """
    log_odds = scale.restore(choice.margins)
    scored = ~np.isnan(log_odds)
    fitted: dict[CalibratorName, Calibrator] = {
        "temperature": fit_temperature(log_odds[scored], correct[scored]),
        "platt": on_log_odds(choice.platt, scale),
        "isotonic": fit_isotonic(log_odds[scored], correct[scored]),
    }
    chosen = choose_calibrator(log_odds, correct, inner=inner)
    probabilities = np.full(len(correct), np.nan)
    probabilities[scored] = fitted[chosen.name].probability(log_odds[scored])
    return Calibration(choice=chosen, fitted=fitted, inner=probabilities)


def on_log_odds(platt: Platt, scale: MarginScale) -> Platt:
    """Platt scaling of the scale that folds share, as one of a probe's own log-odds.

    Example:
        >>> on_log_odds(Platt(slope=2.0, intercept=0.5), MarginScale(mean=1.0, spread=4.0))
        Platt(slope=0.5, intercept=0.0)
    """
    slope = platt.slope / scale.spread
    return Platt(slope=slope, intercept=platt.intercept - slope * scale.mean)
