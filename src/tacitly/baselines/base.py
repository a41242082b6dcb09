"""What every baseline and control is: from rows of answers to one score each."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from tacitly.baselines.sampled_question import SampledQuestion


@runtime_checkable
class Baseline(Protocol):
    """Scores answers without looking inside the model; higher means more likely correct, fixed in advance."""

    @property
    def name(self) -> str:
        """What the scores are called."""

    def scores(self, rows: pd.DataFrame) -> Float[np.ndarray, " row"]:
        """One score per answer; NaN where an answer does not have what the baseline reads."""


@runtime_checkable
class SamplingBaseline(Protocol):
    """Scores a greedy answer by samples of the same question; higher means more likely correct, fixed in advance."""

    @property
    def name(self) -> str:
        """What the scores are called; ends with the equivalence or similarity that it rests on, if it rests on one."""

    def score(self, question: SampledQuestion) -> float:
        """The score of the greedy answer; NaN where the samples do not have what the baseline reads."""


@runtime_checkable
class Control(Protocol):
    """Scores answers by something that is not knowledge about their truth; it may learn from a training part."""

    @property
    def name(self) -> str:
        """What the scores are called."""

    def scores(
        self,
        rows: pd.DataFrame,
        correct: Bool[np.ndarray, " row"],
        *,
        train: Bool[np.ndarray, " row"],
        test: Bool[np.ndarray, " row"],
    ) -> Float[np.ndarray, " row"]:
        """One score per tested answer; NaN elsewhere."""


@dataclass(frozen=True, slots=True)
class SampleCount:
    """A fake that counts the samples."""

    name: str = "sample_count"

    def score(self, question: SampledQuestion) -> float:
        """How many there are."""
        return float(len(question.texts))


@dataclass(frozen=True, slots=True)
class ColumnBaseline:
    """A fake that reads its scores from a column.

    Example:
        >>> ColumnBaseline("n_tokens").scores(pd.DataFrame({"n_tokens": [3, 4]})).tolist()
        [3.0, 4.0]
    """

    name: str

    def scores(self, rows: pd.DataFrame) -> Float[np.ndarray, " row"]:
        """The column, as numbers."""
        return rows[self.name].to_numpy(dtype=np.float64, na_value=np.nan)
