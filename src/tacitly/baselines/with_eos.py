"""Token probabilities as LM-Polygraph takes them: the end token counts as one of the answer's."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from tacitly.baselines.base import Baseline
from tacitly.baselines.token_probability import Stem, read_numbers, read_tokens

_ENDS = {"logprob": "end_logprob", "entropies": "end_entropy"}


@dataclass(frozen=True, slots=True)
class PerplexityWithEos:
    """Minus the perplexity of the answer's tokens and its end token; of its tokens alone where it was cut.

    Reference:
        LM-Polygraph's `Perplexity` is the logarithm of this perplexity.

    Example:
        >>> rows = pd.DataFrame({"token_logprobs": [np.log([0.5, 0.25])], "end_logprob": [np.log(0.125)]})
        >>> round(float(PerplexityWithEos().scores(rows)[0]), 6)
        -4.0
    """

    name: str = "perplexity_with_eos"

    def scores(self, rows: pd.DataFrame) -> Float[np.ndarray, " row"]:
        """One score per answer; NaN where it has no tokens."""
        # A perplexity beyond e^60 says no more than e^60 does, and would overflow.
        perplexity: Float[np.ndarray, " row"] = np.exp(np.minimum(-_means(rows, "logprob"), 60.0))
        return -perplexity


@dataclass(frozen=True, slots=True)
class EntropyWithEos:
    """Minus the mean entropy, in nats, of the distributions that the tokens and the end token were taken from.

    Reference:
        LM-Polygraph's `MeanTokenEntropy`.

    Example:
        >>> rows = pd.DataFrame({"token_entropies": [np.array([0.5, 1.5])], "end_entropy": [0.1]})
        >>> round(float(EntropyWithEos().scores(rows)[0]), 6)
        -0.7
    """

    name: str = "entropy_mean_with_eos"

    def scores(self, rows: pd.DataFrame) -> Float[np.ndarray, " row"]:
        """One score per answer; NaN where it has no tokens."""
        return -_means(rows, "entropies")


def eos_baselines() -> tuple[Baseline, ...]:
    """Every baseline of this file.

    Example:
        >>> [baseline.name for baseline in eos_baselines()]
        ['perplexity_with_eos', 'entropy_mean_with_eos']
    """
    return PerplexityWithEos(), EntropyWithEos()


def _means(rows: pd.DataFrame, stem: Stem) -> Float[np.ndarray, " row"]:
    """The mean over the answer's tokens and its end token."""
    found = []
    for values, end in zip(read_tokens(rows, stem, "answer"), read_numbers(rows, _ENDS[stem]), strict=True):
        counted = values if np.isnan(end) else np.append(values, end)
        found.append(float(counted.mean()) if len(values) else np.nan)
    return np.array(found, dtype=np.float64)
