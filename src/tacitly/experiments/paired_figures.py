"""Figures of two models over the same questions, with intervals that resample the same entities for both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from tacitly.evaluation.intervals import resample_groups
from tacitly.experiments.detection_metrics import estimate

Replicates = Float[np.ndarray, " replicate"]
FEWEST_ENTITIES = 2


@dataclass(frozen=True, slots=True)
class Draws:
    """Weightings of the questions: the plain one first, then draws of entities with replacement.

    Questions outside the part that is looked at have weight 0 in all of them.

    Attributes:
        weights: One weighting per line; the plain one alone where there are fewer than two entities.
        entities: How many entities are drawn from.
    """

    weights: Float[np.ndarray, "replicate row"]
    entities: int

    @classmethod
    def of(
        cls,
        entities: Shaped[np.ndarray, " row"],
        *,
        which: Bool[np.ndarray, " row"],
        replicates: int,
        rng: np.random.Generator,
    ) -> "Draws":
        """Draw the entities of some questions.

        Args:
            entities: What each question is about.
            which: The questions that are looked at.
            replicates: How many draws.
            rng: Source of the draws.

        Example:
            >>> which = np.array([True, True, False])
            >>> draws = Draws.of(np.array(["x", "y", "z"]), which=which, replicates=9, rng=np.random.default_rng(0))
            >>> draws.weights.shape, draws.weights[0].tolist(), draws.entities
            ((10, 3), [1.0, 1.0, 0.0], 2)
        """
        found = len(np.unique(entities[which].astype(str)))
        drawn = replicates if found >= FEWEST_ENTITIES else 0
        weights = np.zeros((1 + drawn, len(entities)), dtype=np.float32)
        weights[0, which] = 1
        if drawn:
            weights[1:, which] = resample_groups(entities[which], replicates=drawn, rng=rng)
        return cls(weights, found)

    def count(self, rows: Bool[np.ndarray, " row"]) -> int:
        """How many of these rows are looked at."""
        return int((rows & (self.weights[0] > 0)).sum())

    def mean(self, values: Float[np.ndarray, " row"], *, among: Bool[np.ndarray, " row"]) -> Replicates:
        """The mean of a value over some rows in every draw; NaN where a draw has none of them."""
        weights = self.weights[:, among].astype(np.float64)
        mass = weights.sum(axis=1)
        mean: Replicates = np.divide(
            weights @ values[among], mass, out=np.full(len(self.weights), np.nan), where=mass > 0
        )
        return mean

    def share(self, hits: Bool[np.ndarray, " row"], *, among: Bool[np.ndarray, " row"]) -> Replicates:
        """The share of some rows that are hits, in every draw."""
        return self.mean(hits.astype(np.float64), among=among)


def figure(values: Replicates | None, *, reason: str) -> dict[str, Any]:
    """A figure as JSON holds it: `value` and `ci`, each null with a reason where it is not defined.

    Example:
        >>> figure(np.array([0.5]), reason="")
        {'value': 0.5, 'ci': None, 'ci_reason': 'too few groups to resample'}
        >>> figure(None, reason="no answers")["reason"]
        'no answers'
    """
    found = estimate(values, key="value", reason=reason)
    if found["value"] is not None and found["ci"] is None:
        few = values is None or len(values) < 2
        found["ci_reason"] = "too few groups to resample" if few else "too few draws have both classes"
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
        >>> found = paired_figure(np.array([0.5, 0.4, 0.6]), np.array([0.7, 0.6, 0.8]), reason="")
        >>> round(found["difference"]["value"], 6), [round(end, 6) for end in found["difference"]["ci"]]
        (0.2, [0.2, 0.2])
    """
    difference = None if base is None or tuned is None else tuned - base
    sides = {
        "base": figure(base, reason=base_reason or reason),
        "tuned": figure(tuned, reason=tuned_reason or reason),
    }
    return {
        **sides,
        "difference": figure(difference, reason=_missing(sides)),
    }


def _missing(sides: Mapping[str, Mapping[str, Any]]) -> str:
    """Why there is no difference: the sides' own reasons, once where both have the same."""
    reasons = {name: entry["reason"] for name, entry in sides.items() if entry["value"] is None}
    if len(set(reasons.values())) == 1 and len(reasons) == len(sides):
        return str(next(iter(reasons.values())))
    return "; ".join(f"in the {name} model, {reason}" for name, reason in reasons.items())
