"""The families' part of `metrics.json`, from labels and scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tacitly.baselines.controls import answer_strings
from tacitly.evaluation.intervals import REPLICATES
from tacitly.experiments.answer_table import GROUPINGS, Grouping
from tacitly.experiments.baseline_stage import BEST_BASELINE
from tacitly.experiments.detection_metrics import (
    REASON_ONE_CLASS,
    MethodScores,
    Resamples,
    SeedScores,
    collect_scores,
    estimate,
    resampling_rng,
    within_answer,
)
from tacitly.experiments.probe_stage import PROBE
from tacitly.experiments.score_rows import FAMILY_PREFIX

NO_SCORES = "the reference probe has no scores there"


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
    known = rows[rows["correct"].notna()].reset_index(drop=True)
    keys = {"by_entity": known["entity"].astype(str).to_numpy(dtype=object), "by_answer": answer_strings(known)}
    found = {
        grouping: collect_scores(known, scores, answers="located", grouping=grouping, groups=keys[grouping])
        for grouping in GROUPINGS
    }
    reasons = {e["grouping"]: e["reason"] for e in probes["reasons"] if e["set"] == "located"}
    skipped = {(e["family"], e["grouping"]): e["reason"] for e in reversed(families["skipped"])}
    weights = {
        grouping: Resamples.of(of, PROBE, replicates=replicates, rng=resampling_rng(seed, "located", grouping)).weights
        for grouping, of in found.items()
        if PROBE in of.methods
    }
    within: Grouping = "by_answer" if PROBE in found["by_answer"].methods else "by_entity"
    summary: dict[str, Any] = {}
    for name, told in families["families"].items():
        entry: dict[str, Any] = dict(told)
        for grouping, of in found.items():
            reason = skipped.get((name, grouping), reasons.get(grouping, NO_SCORES))
            entry[grouping] = {
                **compare_with_probe(of, FAMILY_PREFIX + name, weights.get(grouping), reason),
                "folds_skipped": sum((e["family"], e["grouping"]) == (name, grouping) for e in families["skipped"]),
            }
        pairs = within_answer(
            found[within],
            FAMILY_PREFIX + name,
            given=keys["by_answer"],
            replicates=replicates,
            rng=np.random.default_rng([seed, 7]),
        )
        if FAMILY_PREFIX + name not in found[within].methods:
            pairs["reason"] = entry[within].get("reason", NO_SCORES)
        summary[name] = {**entry, "within_answer": pairs}
    return summary


def compare_with_probe(found: MethodScores, method: str, weights: np.ndarray | None, reason: str) -> dict[str, Any]:
    """A method's AUROC, and what it is above that of the reference probe and of the best baseline, on what both scored.

    Args:
        found: The scores of one grouping.
        method: Whose.
        weights: Resamples of the groups; None where the probe has no scores.
        reason: Why the method has no figure, if it has none.
    """
    if method not in found.methods or weights is None:
        nothing = {"diff": None, "ci": None, "reason": "there is nothing to compare"}
        return {"auroc": None, "ci": None, "reason": reason, "minus_probe": nothing, "minus_baseline": nothing}
    values = found.replicates(method, weights)
    return {
        **estimate(values, reason=REASON_ONE_CLASS),
        "minus_probe": _difference(found, method, PROBE, values, weights),
        "minus_baseline": _difference(found, method, BEST_BASELINE, values, weights),
    }


def _difference(
    found: MethodScores, method: str, rival: str, values: np.ndarray | None, weights: np.ndarray
) -> dict[str, Any]:
    """AUROC minus the rival's, on the answers that the method scored; the rival scored them all."""
    if rival not in found.methods or values is None:
        return {"diff": None, "ci": None, "reason": "there is nothing to compare with"}
    if len(found.methods[method]) < len(found.methods[rival]):
        return {"diff": None, "ci": None, "reason": "it has no scores under some of the seeds"}
    shared = [
        SeedScores(np.where(np.isnan(mine.scores), np.nan, other.scores), other.folds)
        for mine, other in zip(found.methods[method], found.methods[rival], strict=True)
    ]
    others = MethodScores(correct=found.correct, groups=found.groups, methods={rival: shared})
    beaten = others.replicates(rival, weights)
    return estimate(None if beaten is None else values - beaten, key="diff", reason=REASON_ONE_CLASS)
