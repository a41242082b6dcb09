"""What a study wrote, and what it is said to have been made from: the evidence of the checks."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool

from tacitly.activations.base import StateTable
from tacitly.evaluation.folds import OuterFold, separate
from tacitly.experiments.answer_table import AnswerTable, Grouping, SetName, read_answers
from tacitly.experiments.detection_metrics import MethodScores, collect_scores
from tacitly.experiments.fold_plan import keys_apart


@dataclass(frozen=True, kw_only=True)
class StudyFiles:
    """The files of a study.

    Attributes:
        rows: Its greedy answers, without those that are kept.
        states: Their states.
        folds: answer_id, grouping, seed, outer_fold.
        inner_folds: set, grouping, seed, outer_fold, answer_id, inner_fold.
        scores: Every score row.
        probes: The record of the probes stage.
        baselines: The record of the baselines stage.
        kept: Answers that are kept for the promise of abstention; perhaps none.
        seed: The seed of the study.
    """

    rows: pd.DataFrame
    states: StateTable
    folds: pd.DataFrame
    inner_folds: pd.DataFrame
    scores: pd.DataFrame
    probes: Mapping[str, Any]
    baselines: Mapping[str, Any]
    kept: pd.DataFrame
    seed: int

    @cached_property
    def table(self) -> AnswerTable:
        """The answers as the stages read them."""
        return read_answers(self.rows, self.states)

    @cached_property
    def placed_scores(self) -> pd.DataFrame:
        """The score rows, each with the fold that `folds` gives its answer; its own is not trusted."""
        keys = ["answer_id", "grouping", "seed"]
        if self.scores.empty or self.folds.empty:
            return self.scores
        own = self.scores.drop(columns="outer_fold")
        return own.merge(self.folds[[*keys, "outer_fold"]], on=keys, validate="many_to_one")

    @cached_property
    def known(self) -> pd.DataFrame:
        """The answers that could be judged."""
        return self.rows[self.rows["correct"].notna()].reset_index(drop=True)

    def methods(self, name: SetName, grouping: Grouping) -> MethodScores:
        """What the methods of a set and grouping say about the answers that could be judged."""
        judged = self.rows["correct"].notna().to_numpy()
        groups = self.table.groups[grouping][judged]
        return collect_scores(self.known, self.placed_scores, answers=name, grouping=grouping, groups=groups)

    def seeds(self, grouping: Grouping) -> list[int]:
        """The seeds under which a grouping has folds."""
        if self.folds.empty:
            return []
        return sorted(set(self.folds.loc[self.folds["grouping"] == grouping, "seed"].tolist()))

    def tested(self, name: SetName, grouping: Grouping, seed: int, number: int) -> Bool[np.ndarray, " row"]:
        """Which answers of a set an outer fold tests."""
        found = self._among(self._folds_of(grouping, seed), "outer_fold", number)
        tested: Bool[np.ndarray, " row"] = np.logical_and(found, self.table.sets[name].rows)
        return tested

    def trained(self, name: SetName, grouping: Grouping, seed: int, number: int) -> Bool[np.ndarray, " row"]:
        """Which answers the probes of an outer fold were chosen on."""
        inner = self._inner_of(name, grouping, seed, number)
        found: Bool[np.ndarray, " row"] = np.isin(self._ids, inner["answer_id"].to_numpy(dtype=object))
        return found

    def outer_fold(self, name: SetName, grouping: Grouping, seed: int, number: int) -> OuterFold:
        """An outer fold with its inner ones, put together from the files alone."""
        apart = keys_apart(self.table, grouping)
        tested = self.tested(name, grouping, seed, number)
        fold = separate(tested, number=number, among=self.table.sets[name].rows, apart=apart)
        inner = self._inner_of(name, grouping, seed, number)
        parts = [
            separate(self._among(inner, "inner_fold", part), number=part, among=fold.train, apart=apart)
            for part in sorted(set(inner["inner_fold"].tolist()))
        ]
        return OuterFold(fold=fold, inner=tuple(parts))

    @cached_property
    def _ids(self) -> np.ndarray:
        ids: np.ndarray = self.table.rows["answer_id"].to_numpy(dtype=object)
        return ids

    def _folds_of(self, grouping: Grouping, seed: int) -> pd.DataFrame:
        return self.folds[(self.folds["grouping"] == grouping) & (self.folds["seed"] == seed)]

    def _inner_of(self, name: SetName, grouping: Grouping, seed: int, number: int) -> pd.DataFrame:
        inner = self.inner_folds
        mine = (inner["set"] == name) & (inner["grouping"] == grouping) & (inner["seed"] == seed)
        return inner[mine & (inner["outer_fold"] == number)]

    def _among(self, frame: pd.DataFrame, column: str, number: int) -> Bool[np.ndarray, " row"]:
        ids = frame.loc[frame[column] == number, "answer_id"].to_numpy(dtype=object)
        found: Bool[np.ndarray, " row"] = np.isin(self._ids, ids)
        return found
