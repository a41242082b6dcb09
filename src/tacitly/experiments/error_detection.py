"""Error detection: can a probe tell from inside a model that its answer is wrong, and better than what is outside?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from tacitly.activations.base import StateTable
from tacitly.evaluation.intervals import REPLICATES
from tacitly.experiments.baseline_stage import BaselineStage, score_baselines
from tacitly.experiments.detection_summary import recompute_aurocs, summarise_detection
from tacitly.experiments.detector_training import DetectorSource
from tacitly.experiments.probe_stage import ProbeStage, train_probes
from tacitly.probes.detector import Detector
from tacitly.progress import Progress

__all__ = [
    "BaselineStage",
    "DetectorSource",
    "ErrorDetectionResult",
    "ProbeStage",
    "recompute_aurocs",
    "run_error_detection",
    "score_baselines",
    "summarise_detection",
    "train_probes",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDetectionResult:
    """What the experiment leaves.

    Attributes:
        metrics: `by_entity`, `by_answer`, `all_answers`, `within_answer` and `grid`, as `metrics.json` holds them.
        folds: answer_id, grouping, seed, outer_fold.
        scores: Every score row of probes, baselines and controls.
        detector: The detector, or None.
        detector_reason: Why there is none.
    """

    metrics: dict[str, Any]
    folds: pd.DataFrame
    scores: pd.DataFrame
    detector: Detector | None
    detector_reason: str | None


def run_error_detection(
    rows: pd.DataFrame,
    states: StateTable,
    *,
    source: DetectorSource,
    seeds: Sequence[int] = (0,),
    seed: int = 0,
    replicates: int = REPLICATES,
    progress: Progress | None = None,
    further: Mapping[str, Float[np.ndarray, " row"]] | None = None,
) -> ErrorDetectionResult:
    """Run both stages and put the figures together.

    Args:
        rows: Greedy answers, one per row.
        states: Their states, in the same order.
        source: Whose answers they are, for the detector.
        seeds: One reshuffling of the outer folds each.
        seed: The seed of the study.
        replicates: How often groups are resampled for the intervals.
        progress: Hears of cells and folds.
        further: Scores of more baselines than the token probabilities, as `score_baselines` takes them.

    Returns:
        The figures, folds, scores and the detector.

    Reference:
        Orgad et al. (2025), sections 3 and 4; the project's method, sections 6 to 8.
    """
    probes = train_probes(rows, states, source=source, seeds=seeds, seed=seed, progress=progress)
    baselines = score_baselines(
        rows, states, probes=probes.record, seeds=seeds, seed=seed, progress=progress, further=further
    )
    scores = pd.concat([probes.scores, baselines.scores], ignore_index=True)
    metrics = summarise_detection(
        rows, scores, probes=probes.record, baselines=baselines.record, seed=seed, replicates=replicates
    )
    return ErrorDetectionResult(
        metrics=metrics,
        folds=probes.folds,
        scores=scores,
        detector=probes.detector,
        detector_reason=probes.detector_reason,
    )
