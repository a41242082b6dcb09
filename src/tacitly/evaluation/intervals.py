"""Intervals that resample groups: answers about one entity, or that gave one answer, come or go together."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped

from tacitly.errors import UndefinedMetricError

REPLICATES = 1000
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Both ends of a confidence interval."""

    lower: float
    upper: float


def resample_groups(
    groups: Shaped[np.ndarray, " row"], *, replicates: int = REPLICATES, rng: np.random.Generator
) -> Float[np.ndarray, "replicate row"]:
    """Draw groups with replacement, as many as there are; methods compared on the same draws are paired.

    Args:
        groups: The group of each row.
        replicates: How many draws.
        rng: Source of the draws.

    Returns:
        How often each row is in each draw.

    Raises:
        UndefinedMetricError: There is no group.

    Example:
        >>> weights = resample_groups(np.array(["a", "a", "b"]), replicates=4, rng=np.random.default_rng(0))
        >>> bool((weights[:, 0] == weights[:, 1]).all() and (weights[:, 0] + weights[:, 2] == 2).all())
        True
    """
    codes, names = pd.factorize(groups)
    if not len(names):
        raise UndefinedMetricError("there is nothing to resample")
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates)
    weights: Float[np.ndarray, "replicate row"] = counts.astype(np.float32)[:, codes]
    return weights


def percentile_interval(values: Float[np.ndarray, " replicate"], *, level: float = LEVEL) -> Interval | None:
    """The percentile interval of a resampled figure.

    Args:
        values: The figure in each replicate; NaN where the replicate does not define it.
        level: Confidence.

    Returns:
        The interval; None where fewer than half of the replicates define the figure.

    Example:
        >>> percentile_interval(np.arange(101.0), level=0.5)
        Interval(lower=25.0, upper=75.0)
    """
    defined = values[~np.isnan(values)]
    if not len(defined) or 2 * len(defined) < len(values):
        return None
    tail = (1 - level) / 2
    lower, upper = np.quantile(defined, [tail, 1 - tail])
    return Interval(lower=float(lower), upper=float(upper))
