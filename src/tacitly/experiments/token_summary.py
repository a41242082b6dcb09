"""The token scores' part of `metrics.json`, from labels and scores."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tacitly.evaluation.intervals import REPLICATES
from tacitly.experiments.answer_table import GROUPINGS
from tacitly.experiments.beside_probe import NO_SCORES, BesideProbe, undefined_groupings
from tacitly.experiments.detection_metrics import SeedScores
from tacitly.experiments.score_rows import TOKENS_PREFIX
from tacitly.experiments.token_rows import MOMENTS

OLDER = "the probes were trained by an older tacitly"


def summarise_tokens(
    rows: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    probes: Mapping[str, Any],
    seed: int = 0,
    replicates: int = REPLICATES,
) -> dict[str, Any]:
    """How well scores of answers that are still being written tell right from wrong, beside the exact answer's probe.

    Args:
        rows: Greedy answers.
        scores: The score rows of all stages.
        probes: The record of the probes stage.
        seed: The seed of the study, for the resamples.
        replicates: How often groups are resampled.

    Returns:
        Under `by_entity` and `by_answer`, for `first`, `middle` and `end`: the `auroc` with its `ci`, `answers` (how
        many have a score then), `minus_probe` and `minus_baseline` (`diff` and `ci`, paired, on those answers). What is
        not defined is null beside its reason.
    """
    beside = BesideProbe.of(rows, scores, seed=seed, replicates=replicates)
    reasons, told = undefined_groupings(probes), probes.get("tokens")
    summary: dict[str, Any] = {}
    for grouping in GROUPINGS:
        why = [e["reason"] for e in told or () if e["grouping"] == grouping and "reason" in e]
        reason = OLDER if told is None else next(iter(why), reasons.get(grouping, NO_SCORES))
        methods = beside.found[grouping].methods
        summary[grouping] = {
            moment: {
                **beside.figures(grouping, TOKENS_PREFIX + moment, reason=reason),
                "answers": _count(methods.get(TOKENS_PREFIX + moment, ())),
            }
            for moment in MOMENTS
        }
    return summary


def _count(of_seeds: Sequence[SeedScores]) -> int:
    return int((~np.isnan(of_seeds[0].scores)).sum()) if of_seeds else 0
