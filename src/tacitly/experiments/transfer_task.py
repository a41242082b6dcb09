"""A task of a transfer: its answers and what they are about, so that what shares an entity can be kept apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from tacitly.experiments.answer_table import AnswerTable, Grouping
from tacitly.experiments.fold_plan import FoldPlan, plan_folds
from tacitly.experiments.probe_exchange import ProbedRun

Keys = Sequence[frozenset[str]]


@dataclass(frozen=True, kw_only=True)
class TransferTask:
    """A finished run as a source of probes and as a target.

    Attributes:
        name: How it is told from the others.
        model: The sha256 of its model's weights.
        probed: Its answers and their states.
        scores: Its score rows.
        names: The normalised names of what each answer's question is about.
        reasons: Why it has no figures of its own under a grouping.
        seed: The seed of its study.
    """

    name: str
    model: str
    probed: ProbedRun
    scores: pd.DataFrame
    names: Sequence[tuple[str, ...]]
    reasons: Mapping[Grouping, str]
    seed: int

    @property
    def table(self) -> AnswerTable:
        """Its answers."""
        return self.probed.table

    @property
    def located(self) -> Bool[np.ndarray, " row"]:
        """Its answers with a label and a located exact answer."""
        return self.table.sets["located"].rows

    @cached_property
    def plan(self) -> FoldPlan | str:
        """The folds over all of its located answers from which its detector's cell is chosen, or why it has none."""
        plans = plan_folds(self.table, seeds=(0,), seed=self.seed)
        for grouping in ("by_answer", "by_entity"):
            if ("located", grouping) in plans.detector:
                return plans.detector["located", grouping]
        return plans.reasons["located", "by_entity"]

    def keys(self, grouping: Grouping) -> Keys:
        """What no two parts may share: every name of an entity; by answer also what was given."""
        return self._keys[grouping]

    @cached_property
    def _keys(self) -> Mapping[Grouping, Keys]:
        names = [frozenset(f"name {name}" for name in names) for names in self.names]
        given = self.table.groups["by_answer"]
        both = [mine | {f"given {text}"} for mine, text in zip(names, given, strict=True)]
        return {"by_entity": names, "by_answer": both}

    def folds(self, grouping: Grouping) -> dict[int, Int[np.ndarray, " row"]]:
        """By seed, the fold that tests each located answer in its own study; -1 where none does."""
        mine = self.probed.folds[self.probed.folds["grouping"] == grouping]
        found = {}
        for seed, part in mine.groupby("seed"):
            by_id = dict(zip(part["answer_id"], part["outer_fold"], strict=True))
            numbers = np.array([by_id.get(answer, -1) for answer in self.table.rows["answer_id"]], dtype=np.int64)
            found[int(str(seed))] = np.where(self.located, numbers, -1)
        return found


def sharing(keys: Keys, others: Iterable[frozenset[str]]) -> Bool[np.ndarray, " row"]:
    """Which rows share a key with any of the others.

    Example:
        >>> sharing([frozenset({"a", "b"}), frozenset({"c"})], [frozenset({"b", "d"})]).tolist()
        [True, False]
    """
    taken = frozenset().union(*others)
    return np.array([not taken.isdisjoint(key) for key in keys], dtype=bool)
