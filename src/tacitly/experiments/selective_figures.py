"""What the probe is worth for keeping some answers and rejecting others, beside its best rivals."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from tacitly.evaluation.selective import Selection, measure_selection
from tacitly.experiments.baseline_stage import BEST_BASELINE, BEST_CONTROL
from tacitly.experiments.detection_metrics import REASON_ONE_CLASS, MethodScores, estimate
from tacitly.experiments.probe_stage import PROBE

COVERAGE = 0.8
METHODS = (PROBE, BEST_BASELINE, BEST_CONTROL)
FIGURES: dict[str, Callable[[Selection], Float[np.ndarray, " replicate"]]] = {
    "aurc": lambda found: found.aurc,
    "accuracy_at_80": lambda found: found.accuracy,
    "prr": lambda found: found.prr,
}
NO_SCORES = "it has no scores"


def summarise_selection(found: MethodScores, *, weights: Float[np.ndarray, "replicate row"]) -> dict[str, Any]:
    """Area under the risk-coverage curve, accuracy at 80 % coverage and prediction-rejection ratio, within folds.

    All three methods are measured on the same answers and the same draws of groups.

    Args:
        found: The scores of one set and grouping.
        weights: The plain weighting of the rows, then draws of groups.

    Returns:
        For each figure `probe`, `best_baseline`, `best_control` with their intervals, and the probe's less each
        rival's; and the `aurc` of keeping at `random` and of an `oracle`.
    """
    measured = {method: _measure(found, method, weights) for method in METHODS}
    whole = {name: {method: read(one) for method, one in measured.items() if one} for name, read in FIGURES.items()}
    entry: dict[str, Any] = {}
    for name, values in whole.items():
        entry[name] = {
            method: estimate(values.get(method), key=name, reason=_reason(found, method)) for method in METHODS
        }
        for rival in METHODS[1:]:
            both = values.get(PROBE), values.get(rival)
            less = None if both[0] is None or both[1] is None else both[0] - both[1]
            entry[name][f"minus_{rival}"] = estimate(less, key="diff", reason=_reason(found, rival))
    probe = measured[PROBE]
    for name in ("random", "oracle"):
        bound = None if probe is None else getattr(probe, name)
        entry["aurc"][name] = estimate(bound, key="aurc", reason=NO_SCORES)
    return entry


def _reason(found: MethodScores, method: str) -> str:
    return REASON_ONE_CLASS if method in found.methods else NO_SCORES


def _measure(found: MethodScores, method: str, weights: Float[np.ndarray, "replicate row"]) -> Selection | None:
    """A method's figures, averaged over seeds."""
    seeds = [
        measure_selection(found.correct, entry.scores, entry.folds, weights=weights, coverage=COVERAGE)
        for entry in found.methods.get(method, [])
    ]
    if not seeds:
        return None
    names = ("aurc", "random", "oracle", "accuracy")
    return Selection(**{name: np.mean([getattr(one, name) for one in seeds], axis=0) for name in names})
