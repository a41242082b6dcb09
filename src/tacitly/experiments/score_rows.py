"""Score rows: what each method says about each tested answer."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float

from tacitly.experiments.answer_table import AnswerTable, SetName
from tacitly.experiments.fold_plan import FoldPlan

SCORE_COLUMNS = ("answer_id", "method", "grouping", "seed", "outer_fold", "score")
CONTROL_PREFIX = "control:"
FAMILY_PREFIX = "family:"
TOKENS_PREFIX = "tokens:"
ALL_PREFIX = "all:"
SAMPLES_PREFIX = "samples:"
APART = (SAMPLES_PREFIX,)
"""Methods that are not about whether a greedy answer is right; no figure of error detection counts them."""


def method_in(answers: SetName, method: str) -> str:
    """The name of a method in the files: those of all answers begin with `all:`.

    Example:
        >>> method_in("located", "probe"), method_in("all", "control:length")
        ('probe', 'all:control:length')
    """
    return method if answers == "located" else ALL_PREFIX + method


def of_error_detection(scores: pd.DataFrame) -> pd.DataFrame:
    """Those of the score rows that say whether greedy answers are right.

    Example:
        >>> of_error_detection(pd.DataFrame({"method": ["probe", "samples:probe"]}))["method"].tolist()
        ['probe']
    """
    return scores[~scores["method"].str.startswith(APART)] if len(scores) else scores


@dataclass(slots=True)
class ScoreRows:
    """Collects score rows.

    Args:
        table: The answers that are scored.
    """

    table: AnswerTable
    _parts: dict[str, list[np.ndarray]] = field(default_factory=lambda: {name: [] for name in SCORE_COLUMNS})

    def add(self, plan: FoldPlan, number: int, method: str, scores: Float[np.ndarray, " row"]) -> None:
        """Add one method's scores for one outer fold; rows with NaN are not scored.

        Args:
            plan: The folds.
            number: The outer fold.
            method: The method, without the prefix of its set.
            scores: One score per answer of the table.
        """
        scored = ~np.isnan(scores)
        count = int(scored.sum())
        columns = (
            self.table.ids(scored),
            np.full(count, method_in(plan.answers, method), dtype=object),
            np.full(count, plan.grouping, dtype=object),
            np.full(count, plan.seed, dtype=np.int64),
            np.full(count, number, dtype=np.int64),
            scores[scored].astype(np.float64),
        )
        for name, values in zip(SCORE_COLUMNS, columns, strict=True):
            self._parts[name].append(values)

    def frame(self) -> pd.DataFrame:
        """All rows so far."""
        if not self._parts["score"]:
            return pd.DataFrame({name: pd.Series(dtype=object) for name in SCORE_COLUMNS})
        return pd.DataFrame({name: np.concatenate(parts) for name, parts in self._parts.items()})
