"""The families' part of `metrics.json`, from labels and scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tacitly.evaluation.intervals import REPLICATES
from tacitly.experiments.answer_table import Grouping
from tacitly.experiments.beside_probe import NO_SCORES, BesideProbe, undefined_groupings
from tacitly.experiments.detection_metrics import within_answer
from tacitly.experiments.probe_stage import PROBE
from tacitly.experiments.score_rows import FAMILY_PREFIX


def summarise_families(
    rows: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    families: Mapping[str, Any],
    probes: Mapping[str, Any],
    seed: int = 0,
    replicates: int = REPLICATES,
) -> dict[str, Any]:
    """Put the families' figures together, over located answers.

    Args:
        rows: Greedy answers.
        scores: The score rows of all stages.
        families: The record of the families stage.
        probes: The record of the probes stage.
        seed: The seed of the study, for the resamples.
        replicates: How often groups are resampled.

    Returns:
        By name: `supervised`, `reads`, `words`, `seconds`, `cpu_seconds`; under `by_entity` and `by_answer` the
        `auroc` with its `ci`, `folds_skipped`, and `minus_probe` and `minus_baseline` (`diff` and `ci`, paired, on the
        answers that both scored); and `within_answer`. What is not defined is null beside its reason.
    """
    beside = BesideProbe.of(rows, scores, seed=seed, replicates=replicates)
    reasons = undefined_groupings(probes)
    skipped = {(e["family"], e["grouping"]): e["reason"] for e in reversed(families["skipped"])}
    within: Grouping = "by_answer" if PROBE in beside.found["by_answer"].methods else "by_entity"
    summary: dict[str, Any] = {}
    for name, told in families["families"].items():
        entry: dict[str, Any] = dict(told)
        for grouping in beside.found:
            reason = skipped.get((name, grouping), reasons.get(grouping, NO_SCORES))
            entry[grouping] = {
                **beside.figures(grouping, FAMILY_PREFIX + name, reason=reason),
                "folds_skipped": sum((e["family"], e["grouping"]) == (name, grouping) for e in families["skipped"]),
            }
        pairs = within_answer(
            beside.found[within],
            FAMILY_PREFIX + name,
            given=beside.keys["by_answer"],
            replicates=replicates,
            rng=np.random.default_rng([seed, 7]),
        )
        if FAMILY_PREFIX + name not in beside.found[within].methods:
            pairs["reason"] = entry[within].get("reason", NO_SCORES)
        summary[name] = {**entry, "within_answer": pairs}
    return summary
