"""Methods of located answers beside the reference probe: paired differences, all from the same resamples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped

from tacitly.baselines.controls import answer_strings
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
)
from tacitly.experiments.probe_stage import PROBE

NO_SCORES = "the reference probe has no scores there"


@dataclass(frozen=True, slots=True)
class BesideProbe:
    """The scores of located answers.

    Attributes:
        keys: Of each grouping, the group of each answer.
        found: Of each grouping, what every method says.
        weights: Resamples of the groups, where the probe has scores.
    """

    keys: Mapping[Grouping, Shaped[np.ndarray, " row"]]
    found: Mapping[Grouping, MethodScores]
    weights: Mapping[Grouping, Float[np.ndarray, "replicate row"]]

    @classmethod
    def of(cls, rows: pd.DataFrame, scores: pd.DataFrame, *, seed: int, replicates: int) -> Self:
        """Collect them.

        Args:
            rows: Greedy answers.
            scores: The score rows of all stages.
            seed: The seed of the study, for the resamples.
            replicates: How often groups are resampled.
        """
        known = rows[rows["correct"].notna()].reset_index(drop=True)
        entities = known["entity"].astype(str).to_numpy(dtype=object)
        keys: dict[Grouping, np.ndarray] = {"by_entity": entities, "by_answer": answer_strings(known)}
        found = {
            grouping: collect_scores(known, scores, answers="located", grouping=grouping, groups=keys[grouping])
            for grouping in GROUPINGS
        }
        weights = {
            grouping: Resamples.of(
                of, PROBE, replicates=replicates, rng=resampling_rng(seed, "located", grouping)
            ).weights
            for grouping, of in found.items()
            if PROBE in of.methods
        }
        return cls(keys, found, weights)

    def figures(self, grouping: Grouping, method: str, *, reason: str) -> dict[str, Any]:
        """A method's AUROC, and what it is above the probe's and the best baseline's, on the answers that both scored.

        Args:
            grouping: The folds.
            method: Whose.
            reason: Why it has no figure, if it has none.

        Returns:
            `auroc` and `ci`; `minus_probe` and `minus_baseline`, each `diff` and `ci`. What is not defined is null
            beside its reason.
        """
        found, weights = self.found[grouping], self.weights.get(grouping)
        if method not in found.methods or weights is None:
            nothing = {"diff": None, "ci": None, "reason": "there is nothing to compare"}
            return {"auroc": None, "ci": None, "reason": reason, "minus_probe": nothing, "minus_baseline": nothing}
        values = found.replicates(method, weights)
        return {
            **estimate(values, reason=REASON_ONE_CLASS),
            "minus_probe": _difference(found, method, PROBE, values, weights),
            "minus_baseline": _difference(found, method, BEST_BASELINE, values, weights),
        }


def undefined_groupings(probes: Mapping[str, Any]) -> dict[str, str]:
    """Why located answers have no folds under a grouping, by the record of the probes stage."""
    return {entry["grouping"]: entry["reason"] for entry in probes["reasons"] if entry["set"] == "located"}


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
