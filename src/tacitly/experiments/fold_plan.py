"""Which answers are tested together, and which a probe may learn from, for every set, grouping and seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int, Shaped

from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.folds import OUTER_FOLDS, Fold, OuterFold, assign_folds, nest, separate, undefined_by_answer
from tacitly.experiments.answer_table import GROUPINGS, SETS, AnswerTable, Grouping, SetName


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldPlan:
    """The folds of one set of answers under one grouping and seed.

    Attributes:
        answers: The set of answers.
        grouping: The grouping.
        seed: The seed that shuffled the folds.
        folds: The outer folds with their inner ones.
    """

    answers: SetName
    grouping: Grouping
    seed: int
    folds: tuple[OuterFold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldPlans:
    """Every plan of a study, and why some are not defined.

    Attributes:
        plans: The plans, the headline first.
        detector: For each set and grouping, folds over all of its rows, from which the detector's cell is chosen. The
            same as a plan where the task has no test split.
        reasons: Why a set has no folds under a grouping.
        assigned: The frame of folds: answer_id, grouping, seed, outer_fold.
    """

    plans: tuple[FoldPlan, ...]
    detector: dict[tuple[SetName, Grouping], FoldPlan]
    reasons: dict[tuple[SetName, Grouping], str]
    assigned: pd.DataFrame


def plan_folds(table: AnswerTable, *, seeds: Sequence[int], seed: int) -> FoldPlans:
    """Assign every answer to folds.

    An answer has one fold per grouping and seed, the same in both sets: the located answers are dealt out first,
    largest group first; then the other groups fill up. Where a task has its own test split, that is fold 0, and
    everything else has fold -1. A set with fewer than five groups is not defined under that grouping.

    Args:
        table: The answers.
        seeds: One reshuffling of the outer folds each.
        seed: The seed of the study.

    Returns:
        The plans.
    """
    plans: list[FoldPlan] = []
    detector: dict[tuple[SetName, Grouping], FoldPlan] = {}
    reasons: dict[tuple[SetName, Grouping], str] = {}
    frames = []
    for index, grouping in enumerate(GROUPINGS):
        for shuffle in seeds:
            entropy = [seed, shuffle, index]
            dealt = _deal(table, grouping, np.random.default_rng(entropy), reasons)
            folds = dealt if table.tested is None else _own_split(table)
            frames.append(_frame(table, grouping, shuffle, folds))
            for name in SETS:
                if (name, grouping) in reasons:
                    continue
                plan = _plan(table, name, grouping, shuffle, folds, np.random.default_rng([*entropy, 1]))
                plans.append(plan)
                if shuffle == seeds[0]:
                    detector[name, grouping] = (
                        plan if folds is dealt else _plan(table, name, grouping, shuffle, dealt, None)
                    )
    plans.sort(key=lambda plan: (SETS.index(plan.answers), GROUPINGS.index(plan.grouping), plan.seed))
    return FoldPlans(plans=tuple(plans), detector=detector, reasons=reasons, assigned=pd.concat(frames))


def keys_apart(table: AnswerTable, grouping: Grouping) -> list[Shaped[np.ndarray, " row"]]:
    """What training and tested part may not share: entities, and given answers too under `by_answer`."""
    return [table.groups[name] for name in (GROUPINGS if grouping == "by_answer" else ("by_entity",))]


def _deal(
    table: AnswerTable,
    grouping: Grouping,
    rng: np.random.Generator,
    reasons: dict[tuple[SetName, Grouping], str],
) -> Int[np.ndarray, " row"]:
    """Give the rows of each set their folds; -1 for rows in no set."""
    dealt = np.full(len(table.correct), -1)
    for name in SETS:
        chosen = table.sets[name]
        reason = chosen.reason
        if grouping == "by_answer" and reason is None:
            reason = table.no_answer_folds or undefined_by_answer(table.groups[grouping][chosen.rows].tolist())
        rows = np.flatnonzero(chosen.rows | (dealt >= 0))
        if reason is None:
            try:
                dealt[rows] = assign_folds(
                    table.groups[grouping][rows], n_folds=OUTER_FOLDS, rng=rng, taken=dealt[rows]
                )
            except UndefinedMetricError:
                found = len(set(table.groups[grouping][rows]))
                kinds = ("entity", "entities") if grouping == "by_entity" else ("given answer", "given answers")
                reason = f"{found} {kinds[found > 1]}, fewer than the {OUTER_FOLDS} that folds need"
        if reason is not None:
            reasons[name, grouping] = reason
    return dealt


def _own_split(table: AnswerTable) -> Int[np.ndarray, " row"]:
    tested = table.tested if table.tested is not None else np.zeros(len(table.correct), dtype=bool)
    return np.where(tested, 0, -1)


def _plan(
    table: AnswerTable,
    name: SetName,
    grouping: Grouping,
    seed: int,
    folds: Int[np.ndarray, " row"],
    rng: np.random.Generator | None,
) -> FoldPlan:
    among: Bool[np.ndarray, " row"] = table.sets[name].rows
    apart = keys_apart(table, grouping)
    outer = []
    for number in sorted(set(folds[among & (folds >= 0)].tolist())):
        fold = separate(folds == number, number=number, among=among, apart=apart)
        if rng is None:
            outer.append(OuterFold(fold=fold, inner=()))
        else:
            outer.append(nest(fold, groups=table.groups[grouping], apart=apart, rng=rng))
    return FoldPlan(answers=name, grouping=grouping, seed=seed, folds=tuple(outer))


def _frame(table: AnswerTable, grouping: Grouping, seed: int, folds: Int[np.ndarray, " row"]) -> pd.DataFrame:
    in_play = np.logical_or.reduce([table.sets[name].rows for name in SETS])
    rows = in_play if table.tested is not None else in_play & (folds >= 0)
    return pd.DataFrame(
        {
            "answer_id": table.ids(rows),
            "grouping": grouping,
            "seed": np.full(int(rows.sum()), seed, dtype=np.int64),
            "outer_fold": folds[rows].astype(np.int64),
        }
    )


def list_inner_folds(plans: Sequence[FoldPlan], table: AnswerTable) -> pd.DataFrame:
    """Which inner fold tests each answer of each training part, as it is written down.

    Args:
        plans: The plans.
        table: The answers.

    Returns:
        Columns set, grouping, seed, outer_fold, answer_id and inner_fold. An answer of a training part is tested by one
        inner fold; a training part with too few groups for inner folds has no rows.
    """
    parts = [
        pd.DataFrame(
            {
                "set": plan.answers,
                "grouping": plan.grouping,
                "seed": np.full(int(fold.test.sum()), plan.seed, dtype=np.int64),
                "outer_fold": np.full(int(fold.test.sum()), outer.fold.number, dtype=np.int64),
                "answer_id": table.ids(fold.test),
                "inner_fold": np.full(int(fold.test.sum()), fold.number, dtype=np.int64),
            }
        )
        for plan in plans
        for outer in plan.folds
        for fold in outer.inner
    ]
    columns = ["set", "grouping", "seed", "outer_fold", "answer_id", "inner_fold"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({name: [] for name in columns})


def tested_fold(plan: FoldPlan, n_rows: int) -> Int[np.ndarray, " row"]:
    """The number of the fold that tests each row; -1 where none does."""
    numbers = np.full(n_rows, -1)
    for outer in plan.folds:
        numbers[outer.fold.test] = outer.fold.number
    return numbers


def all_folds(plan: FoldPlan) -> list[Fold]:
    """The outer folds of a plan, each followed by its inner ones."""
    return [fold for outer in plan.folds for fold in (outer.fold, *outer.inner)]
