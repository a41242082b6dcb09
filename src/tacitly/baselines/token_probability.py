"""Baselines from the probabilities of the tokens that were written, over the answer or its exact answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Float

from tacitly.baselines.base import Baseline

Region = Literal["answer", "exact"]
Quantity = Literal["probability", "logit"]
Pooling = Literal["mean", "min", "max", "last", "after"]
Stem = Literal["logprob", "logit", "entropies"]
_REGIONS: tuple[Region, ...] = ("answer", "exact")
_QUANTITIES: tuple[Quantity, ...] = ("probability", "logit")
_POOLINGS: tuple[Pooling, ...] = ("mean", "min", "max", "last", "after")

_POOL: dict[str, Callable[[Float[np.ndarray, " token"]], float]] = {
    "mean": lambda values: float(np.mean(values)),
    "min": lambda values: float(np.min(values)),
    "max": lambda values: float(np.max(values)),
    "last": lambda values: float(values[-1]),
}


@dataclass(frozen=True, slots=True)
class TokenProbability:
    """One statistic of the tokens' probabilities or raw logits: sure tokens mean more likely correct.

    `after` is the token that follows: for the answer the end token, for the exact answer the next one of the answer.
    Where nothing follows, since the answer was cut, there is no score.

    Args:
        quantity: `probability` or `logit`.
        pooling: How the tokens become one number.
        region: Over the whole answer or over the exact answer only.

    Reference:
        Orgad et al. (2025), section 3.2 ("Aggregated probabilities / logits").

    Example:
        >>> rows = pd.DataFrame({"token_logprobs": [np.log([0.5, 0.25])]})
        >>> TokenProbability("probability", "min", "answer").scores(rows).tolist()
        [0.25]
    """

    quantity: Quantity
    pooling: Pooling
    region: Region

    @property
    def name(self) -> str:
        """Such as `probability_min_exact`."""
        return f"{self.quantity}_{self.pooling}_{self.region}"

    def scores(self, rows: pd.DataFrame) -> Float[np.ndarray, " row"]:
        """One score per answer; NaN where it has no such token."""
        stem: Stem = "logprob" if self.quantity == "probability" else "logit"
        values = _after(rows, stem, self.region) if self.pooling == "after" else self._pooled(rows, stem)
        if self.quantity == "probability" and self.pooling == "after":
            values = np.exp(values)
        return values

    def _pooled(self, rows: pd.DataFrame, stem: Stem) -> Float[np.ndarray, " row"]:
        pool = _POOL[self.pooling]
        as_probability = self.quantity == "probability"
        found = [
            pool(np.exp(v) if as_probability else v) if len(v) else np.nan for v in read_tokens(rows, stem, self.region)
        ]
        return np.array(found, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Perplexity:
    """Minus the perplexity of the tokens, the end token not counted.

    Example:
        >>> rows = pd.DataFrame({"token_logprobs": [np.log([0.5, 0.5])]})
        >>> Perplexity("answer").scores(rows).tolist()
        [-2.0]
    """

    region: Region

    @property
    def name(self) -> str:
        """Such as `perplexity_answer`."""
        return f"perplexity_{self.region}"

    def scores(self, rows: pd.DataFrame) -> Float[np.ndarray, " row"]:
        """One score per answer; NaN where it has no tokens."""
        means = [np.mean(values) if len(values) else np.nan for values in read_tokens(rows, "logprob", self.region)]
        # A perplexity beyond e^60 says no more than e^60 does, and would overflow.
        return -np.exp(np.minimum(-np.array(means, dtype=np.float64), 60.0))


@dataclass(frozen=True, slots=True)
class TokenEntropy:
    """Minus the mean or the highest entropy of the distributions that the tokens were taken from, in nats.

    Example:
        >>> rows = pd.DataFrame({"token_entropies": [np.array([0.5, 1.5])]})
        >>> TokenEntropy("mean", "answer").scores(rows).tolist()
        [-1.0]
    """

    pooling: Literal["mean", "max"]
    region: Region

    @property
    def name(self) -> str:
        """Such as `entropy_mean_exact`."""
        return f"entropy_{self.pooling}_{self.region}"

    def scores(self, rows: pd.DataFrame) -> Float[np.ndarray, " row"]:
        """One score per answer; NaN where it has no tokens."""
        pool = _POOL[self.pooling]
        found = [-pool(v) if len(v) else np.nan for v in read_tokens(rows, "entropies", self.region)]
        return np.array(found, dtype=np.float64)


def token_baselines() -> tuple[Baseline, ...]:
    """Every baseline of this file.

    Example:
        >>> len(token_baselines())
        26
    """
    found: list[Baseline] = []
    for region in _REGIONS:
        for quantity in _QUANTITIES:
            found += [TokenProbability(quantity, pooling, region) for pooling in _POOLINGS]
        found += [Perplexity(region), TokenEntropy("mean", region), TokenEntropy("max", region)]
    return tuple(found)


_COLUMNS = {"logprob": "token_logprobs", "logit": "token_logits", "entropies": "token_entropies"}


def read_tokens(rows: pd.DataFrame, stem: Stem, region: Region) -> list[Float[np.ndarray, " _token"]]:
    """The numbers of the region's tokens for each answer; empty where there are none."""
    empty = np.zeros(0)
    columns = rows[_COLUMNS[stem]]
    whole = [empty if _missing(values) else np.asarray(values, dtype=np.float64) for values in columns]
    if region == "answer":
        return whole
    spans = zip(whole, read_numbers(rows, "first_token"), read_numbers(rows, "last_token"), strict=True)
    return [
        empty if np.isnan(first) or np.isnan(last) else values[int(first) : int(last) + 1]
        for values, first, last in spans
    ]


def read_numbers(rows: pd.DataFrame, column: str) -> Float[np.ndarray, " row"]:
    """A column of numbers of any kind, NaN where it is missing."""
    numbers: Float[np.ndarray, " row"] = pd.to_numeric(rows[column]).to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers


def _after(rows: pd.DataFrame, stem: Stem, region: Region) -> Float[np.ndarray, " row"]:
    """The number of the token that follows the region."""
    ends = read_numbers(rows, f"end_{stem}")
    if region == "answer":
        return ends
    found = []
    for values, last, end in zip(
        read_tokens(rows, stem, "answer"), read_numbers(rows, "last_token"), ends, strict=True
    ):
        if np.isnan(last) or not len(values):
            found.append(np.nan)
        else:
            found.append(values[int(last) + 1] if int(last) + 1 < len(values) else end)
    return np.array(found, dtype=np.float64)


def _missing(values: object) -> bool:
    return values is None or (isinstance(values, float) and np.isnan(values))
