"""Does the promise of abstention follow from the answers that were kept for it?"""

from typing import Any

import numpy as np
import pandas as pd

from tacitly.activations.base import StateTable
from tacitly.experiments.abstention import make_promise, score_answers
from tacitly.probes.detector import Detector

NEAR = 1e-6


def promise_off(
    detector: Detector,
    kept: pd.DataFrame,
    rows: pd.DataFrame,
    states: StateTable,
    *,
    written: pd.DataFrame,
    stated: Any,
) -> str | None:
    """Score the kept answers again and test the same thresholds on them.

    Args:
        detector: The detector, with its promise.
        kept: Which answers were kept, and which were drawn.
        rows: The drawn answers.
        states: Their states, in the same order.
        written: What the detector was written down to say of them: answer_id, role, probability.
        stated: The promise in `metrics.json`.

    Returns:
        What is off; None where nothing is.
    """
    promise = detector.abstention
    if promise is None:
        return "answers were kept, and the detector has no promise"
    scored = score_answers(detector, rows, states)
    said = scored.merge(written, on="answer_id", how="outer", suffixes=("", "_written"))
    if not np.allclose(said["probability"], said["probability_written"], atol=NEAR, equal_nan=True):
        return "the detector does not say of the kept answers what is written down"
    thresholds = tuple(trial.threshold for trial in promise.trials)
    again = make_promise(kept, rows, scored, thresholds=thresholds, alpha=promise.alpha, delta=promise.delta)
    if again != promise:
        return "the kept answers give another threshold, or other counts, than the detector's"
    if stated != promise.model_dump(mode="json"):
        return "metrics.json states another promise than the detector's"
    return None
