"""How far two judges of the same answers agree."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped

from tacitly.evaluation.intervals import Interval, percentile_interval, resample_groups

FEWEST_GROUPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two judges on the same answers.

    Attributes:
        both_right: Answers that both call right.
        both_wrong: Answers that both call wrong.
        only_first_right: Answers that the first calls right and the second wrong.
        only_second_right: Answers that the second calls right and the first wrong.
        unknown_first: Answers of which the first cannot tell.
        unknown_second: Answers of which the second cannot tell.
        kappa: Cohen's kappa over the answers that both can tell; None where it is not defined.
        kappa_interval: Its interval, resampling groups; None where there are fewer than ten groups.
        reason: Why kappa is not defined.
    """

    both_right: int
    both_wrong: int
    only_first_right: int
    only_second_right: int
    unknown_first: int
    unknown_second: int
    kappa: float | None
    kappa_interval: Interval | None
    reason: str | None

    @property
    def answers(self) -> int:
        """How many answers both judges can tell."""
        return self.both_right + self.both_wrong + self.only_first_right + self.only_second_right


def agree(
    first: Shaped[np.ndarray, " answer"],
    second: Shaped[np.ndarray, " answer"],
    groups: Shaped[np.ndarray, " answer"],
    *,
    rng: np.random.Generator,
) -> Agreement:
    """Compare two judges.

    Args:
        first: What the first says of each answer: True, False, or None where it cannot tell.
        second: What the second says.
        groups: What each answer is about; the interval resamples it.
        rng: Source of the draws.

    Returns:
        Their counts, and Cohen's kappa with a 95 % interval.

    Reference:
        Cohen, "A Coefficient of Agreement for Nominal Scales" (1960).

    Example:
        >>> said, says = np.array([True, True, False, None]), np.array([True, False, False, True])
        >>> found = agree(said, says, np.arange(4), rng=np.random.default_rng(0))
        >>> found.answers, found.only_first_right, found.unknown_first, round(found.kappa, 2)
        (3, 1, 1, 0.4)
    """
    told = np.array([a is not None and b is not None for a, b in zip(first, second, strict=True)], dtype=bool)
    one, other = first[told].astype(bool), second[told].astype(bool)
    kappa = _kappa(one, other, np.ones((1, len(one))))[0] if len(one) else np.nan
    interval = None
    if not np.isnan(kappa) and len(np.unique(groups[told])) >= FEWEST_GROUPS:
        interval = percentile_interval(_kappa(one, other, resample_groups(groups[told], rng=rng)))
    undefined = "no answer is judged by both" if not len(one) else "both call every answer the same, and always so"
    return Agreement(
        both_right=int((one & other).sum()),
        both_wrong=int((~one & ~other).sum()),
        only_first_right=int((one & ~other).sum()),
        only_second_right=int((~one & other).sum()),
        unknown_first=sum(value is None for value in first),
        unknown_second=sum(value is None for value in second),
        kappa=None if np.isnan(kappa) else float(kappa),
        kappa_interval=interval,
        reason=undefined if np.isnan(kappa) else None,
    )


def _kappa(
    first: Bool[np.ndarray, " answer"],
    second: Bool[np.ndarray, " answer"],
    weights: Float[np.ndarray, "replicate answer"],
) -> Float[np.ndarray, " replicate"]:
    """Cohen's kappa of each replicate; NaN where chance alone explains all."""
    total = weights.sum(axis=1)
    same = weights @ (first == second) / total
    right, also_right = weights @ first / total, weights @ second / total
    chance = right * also_right + (1 - right) * (1 - also_right)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa: Float[np.ndarray, " replicate"] = np.where(chance < 1, (same - chance) / (1 - chance), np.nan)
    return kappa
