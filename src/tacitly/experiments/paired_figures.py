"""Figures of two models over the same questions, with intervals that resample the same groups for both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped

from tacitly.evaluation.intervals import resample_groups
from tacitly.experiments.detection_metrics import estimate

Replicates = Float[np.ndarray, " replicate"]
FEWEST_GROUPS = 10
"""Fewer entities, or given answers, cannot say how far a figure might have moved with others of their kind."""

TOO_FEW = f"it rests on fewer than {FEWEST_GROUPS} entities or given answers"
NO_CLASSES = "too few draws have both classes"
NO_WIDTH = "every draw gives the same, so they cannot say how far it might have moved"


@dataclass(frozen=True, slots=True)
class Draws:
    """Weightings of the questions: the plain one first, then draws of whole groups with replacement.

    Questions outside the part that is looked at have weight 0 in all of them.

    Attributes:
        weights: One weighting per line.
        groups: The group of each question, as a number.
    """

    weights: Float[np.ndarray, "replicate row"]
    groups: Int[np.ndarray, " row"]

    @classmethod
    def of(
        cls,
        groups: Shaped[np.ndarray, " row"],
        *,
        which: Bool[np.ndarray, " row"],
        replicates: int,
        rng: np.random.Generator,
    ) -> "Draws":
        """Draw the groups of some questions.

        Args:
            groups: What each question is about, or what its answer gave.
            which: The questions that are looked at.
            replicates: How many draws.
            rng: Source of the draws.

        Example:
            >>> names, which = np.array([f"e{i}" for i in range(12)]), np.arange(12) < 11
            >>> draws = Draws.of(names, which=which, replicates=9, rng=np.random.default_rng(0))
            >>> draws.weights.shape, draws.count(which), draws.count_groups(which)
            ((10, 12), 11, 11)
        """
        codes = pd.factorize(groups)[0]
        weights = np.zeros((1 + replicates, len(groups)), dtype=np.float32)
        weights[0, which] = 1
        weights[1:, which] = resample_groups(codes[which], replicates=replicates, rng=rng)
        return cls(weights, codes)

    @property
    def looked_at(self) -> Bool[np.ndarray, " row"]:
        """Which questions are looked at."""
        found: Bool[np.ndarray, " row"] = self.weights[0] > 0
        return found

    def count_groups(self, rows: Bool[np.ndarray, " row"]) -> int:
        """How many groups those of these rows that are looked at belong to."""
        return len(np.unique(self.groups[rows & self.looked_at]))

    def count(self, rows: Bool[np.ndarray, " row"]) -> int:
        """How many of these rows are looked at."""
        return int((rows & self.looked_at).sum())

    def mean(self, values: Float[np.ndarray, " row"], *, among: Bool[np.ndarray, " row"]) -> Replicates:
        """The mean of a value over some rows in every draw; NaN where a draw has none of them, or too few groups do."""
        weights = self.weights[:, among].astype(np.float64)
        mass = weights.sum(axis=1)
        mean: Replicates = np.divide(
            weights @ values[among], mass, out=np.full(len(self.weights), np.nan), where=mass > 0
        )
        return self.only_plain_if_few(mean, among)

    def only_plain_if_few(self, values: Replicates, rows: Bool[np.ndarray, " row"]) -> Replicates:
        """A figure of some rows in every draw; of the plain weighting alone where they are of too few groups."""
        if self.count_groups(rows) >= FEWEST_GROUPS:
            return values
        return np.concatenate([values[:1], np.full(len(values) - 1, np.nan)])

    def share(self, hits: Bool[np.ndarray, " row"], *, among: Bool[np.ndarray, " row"]) -> Replicates:
        """The share of some rows that are hits, in every draw."""
        return self.mean(hits.astype(np.float64), among=among)


def figure(values: Replicates | None, *, reason: str) -> dict[str, Any]:
    """A figure as JSON holds it: `value` and `ci`, each null with a reason where it is not defined.

    A figure that no draw moves, such as a share of 0, has no interval: one without width would look certain.

    Example:
        >>> figure(np.array([0.5]), reason="")
        {'value': 0.5, 'ci': None, 'ci_reason': 'it rests on fewer than 10 entities or given answers'}
        >>> figure(None, reason="no answers")["reason"]
        'no answers'
    """
    found = estimate(values, key="value", reason=reason)
    if values is None or found["value"] is None:
        return found
    ends = found["ci"]
    if np.isnan(values[1:]).all():
        return {**found, "ci_reason": TOO_FEW}
    if ends is None:
        return {**found, "ci_reason": NO_CLASSES}
    if ends[1] - ends[0] < 1e-9:
        return {**found, "ci": None, "ci_reason": NO_WIDTH}
    return found


def paired_figure(
    base: Replicates | None,
    tuned: Replicates | None,
    *,
    reason: str,
    base_reason: str | None = None,
    tuned_reason: str | None = None,
) -> dict[str, Any]:
    """One figure of both models and the tuned model's minus the base model's, from the same draws.

    Args:
        base: The base model's figure in every draw; None where it has none.
        tuned: The tuned model's.
        reason: Why it is not defined where the numbers are NaN.
        base_reason: Why the base model has none.
        tuned_reason: Why the tuned model has none.

    Example:
        >>> found = paired_figure(np.array([0.5, 0.4, 0.6]), np.array([0.7, 0.6, 0.9]), reason="")
        >>> round(found["difference"]["value"], 6), [round(end, 2) for end in found["difference"]["ci"]]
        (0.2, [0.2, 0.3])
    """
    difference = None if base is None or tuned is None else tuned - base
    sides = {
        "base": figure(base, reason=base_reason or reason),
        "tuned": figure(tuned, reason=tuned_reason or reason),
    }
    missing = {name: entry["reason"] for name, entry in sides.items() if entry["value"] is None}
    return {**sides, "difference": figure(difference, reason=join_reasons(missing))}


def join_reasons(reasons: Mapping[str, str]) -> str:
    """Why `base`, `tuned` or both have no figure; once where it is the same for both.

    Example:
        >>> join_reasons({"base": "one class"}), join_reasons({"base": "one class", "tuned": "one class"})
        ('in the base model, one class', 'one class')
    """
    if len(reasons) > 1 and len(set(reasons.values())) == 1:
        return next(iter(reasons.values()))
    return "; ".join(f"in the {name} model, {reason}" for name, reason in reasons.items())
