"""How well probabilities agree with what happened, for every calibrator of the probe and for its rivals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from tacitly.evaluation.calibration import ECE_BINS, ECE_ROWS, expected_calibration_error, log_losses
from tacitly.evaluation.calibrators import CALIBRATORS
from tacitly.experiments.baseline_stage import BEST_BASELINE, BEST_CONTROL
from tacitly.experiments.calibrating import CALIBRATED_PREFIX, CHOSEN
from tacitly.experiments.detection_metrics import MethodScores, SeedScores, estimate
from tacitly.experiments.probe_stage import PROBE

NO_PROBABILITIES = "it has no probabilities"
RESAMPLED_ECE = "resampling exaggerates a calibration error"


def summarise_calibration(
    found: MethodScores, choices: Sequence[Mapping[str, Any]], *, weights: Float[np.ndarray, "replicate row"]
) -> dict[str, Any]:
    """Brier score, log loss and calibration error of what the folds chose, of each calibrator, and of the rivals.

    Every fold's calibrators are fitted on its training part, so that all say the chance that an answer is right and
    the tested parts can be looked at together.

    Args:
        found: The scores of one set and grouping.
        choices: What each outer fold of the probe chose.
        weights: The plain weighting of the rows, then draws of groups.

    Returns:
        `brier` and `ece` of the chosen calibrators and which each fold `chosen`; under `calibrators` the figures of
        each, under `best_baseline` and `best_control` those of the rivals, by Platt scaling.
    """
    chosen = _figures(found, CALIBRATED_PREFIX + CHOSEN, weights)
    return {
        "brier": chosen["brier"]["brier"],
        "brier_ci": chosen["brier"]["ci"],
        "log_loss": chosen["log_loss"]["log_loss"],
        "ece": chosen["ece"]["ece"],
        **({"ece_reason": chosen["ece"]["reason"]} if chosen["ece"]["ece"] is None else {}),
        "chosen": [choice["calibrator"] for choice in choices if "calibrator" in choice],
        "calibrators": {
            name: _figures(found, PROBE if name == "platt" else CALIBRATED_PREFIX + name, weights)
            for name in CALIBRATORS
        },
        **{name: _figures(found, CALIBRATED_PREFIX + name, weights) for name in (BEST_BASELINE, BEST_CONTROL)},
    }


def _figures(found: MethodScores, method: str, weights: Float[np.ndarray, "replicate row"]) -> dict[str, Any]:
    entries = found.methods.get(method, [])
    if not entries:
        nothing = {"ci": None, "reason": NO_PROBABILITIES}
        return {name: {name: None, **nothing} for name in ("brier", "log_loss", "ece")}
    brier, loss = ([], [])
    for entry in entries:
        scored = ~np.isnan(entry.scores)
        right, said = found.correct[scored], entry.scores[scored]
        brier.append(_mean((said - right) ** 2, weights[:, scored]))
        loss.append(_mean(log_losses(right, said), weights[:, scored]))
    return {
        "brier": estimate(np.mean(brier, axis=0), key="brier", reason=NO_PROBABILITIES),
        "log_loss": estimate(np.mean(loss, axis=0), key="log_loss", reason=NO_PROBABILITIES),
        "ece": _calibration_error(found, entries),
    }


def _calibration_error(found: MethodScores, entries: Sequence[SeedScores]) -> dict[str, Any]:
    """Averaged over seeds; it has no interval, and there is none of fewer than ten answers to a bin."""
    fewest = min(int((~np.isnan(entry.scores)).sum()) for entry in entries)
    if fewest < ECE_ROWS:
        few = f"{fewest} answers are too few for {ECE_BINS} bins: at least {ECE_ROWS} are needed"
        return {"ece": None, "ci": None, "reason": few}
    errors = []
    for entry in entries:
        scored = ~np.isnan(entry.scores)
        errors.append(expected_calibration_error(found.correct[scored], entry.scores[scored]))
    return {"ece": float(np.mean(errors)), "ci": None, "ci_reason": RESAMPLED_ECE}


def _mean(
    values: Float[np.ndarray, " row"], weights: Float[np.ndarray, "replicate row"]
) -> Float[np.ndarray, " replicate"]:
    mass = weights.sum(axis=1, dtype=np.float64)
    total = weights.astype(np.float64) @ values
    mean: Float[np.ndarray, " replicate"] = np.divide(total, mass, out=np.full(len(mass), np.nan), where=mass > 0)
    return mean
