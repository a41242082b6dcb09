"""The token scores' part of `metrics.json`, from labels and scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tacitly.baselines.controls import answer_strings
from tacitly.evaluation.intervals import REPLICATES
from tacitly.experiments.answer_table import GROUPINGS
from tacitly.experiments.detection_metrics import Resamples, collect_scores, resampling_rng
from tacitly.experiments.family_summary import NO_SCORES, compare_with_probe
from tacitly.experiments.probe_stage import PROBE
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
    known = rows[rows["correct"].notna()].reset_index(drop=True)
    keys = {"by_entity": known["entity"].astype(str).to_numpy(dtype=object), "by_answer": answer_strings(known)}
    reasons = {e["grouping"]: e["reason"] for e in probes["reasons"] if e["set"] == "located"}
    told = probes.get("tokens")
    summary: dict[str, Any] = {}
    for grouping in GROUPINGS:
        found = collect_scores(known, scores, answers="located", grouping=grouping, groups=keys[grouping])
        why = [e["reason"] for e in told or () if e["grouping"] == grouping and "reason" in e]
        reason = OLDER if told is None else next(iter(why), reasons.get(grouping, NO_SCORES))
        weights = None
        if PROBE in found.methods:
            rng = resampling_rng(seed, "located", grouping)
            weights = Resamples.of(found, PROBE, replicates=replicates, rng=rng).weights
        summary[grouping] = {
            moment: {
                **compare_with_probe(found, TOKENS_PREFIX + moment, weights, reason),
                "answers": _count(found.methods.get(TOKENS_PREFIX + moment)),
            }
            for moment in MOMENTS
        }
    return summary


def _count(of_seeds: Any) -> int:
    return 0 if not of_seeds else int((~np.isnan(of_seeds[0].scores)).sum())
