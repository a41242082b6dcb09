"""Every cell in every fold: inner figures for choosing a cell, outer ones for the heat map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from tacitly.activations.base import StateTable
from tacitly.evaluation.folds import Fold
from tacitly.evaluation.intervals import percentile_interval, resample_groups
from tacitly.evaluation.metrics import fold_aurocs
from tacitly.experiments.answer_table import AnswerTable, Grouping, SetName
from tacitly.experiments.fold_plan import FoldPlan, FoldPlans, all_folds, tested_fold
from tacitly.probes.cell import Cell
from tacitly.probes.grid import CellMargins, list_cells, score_grid
from tacitly.progress import Progress

GRID_REPLICATES = 200
GRID_COLUMNS = (
    "set",
    "grouping",
    "site",
    "layer",
    "position",
    "auroc",
    "ci_low",
    "ci_high",
    "rows",
    "eligible",
    "reason",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRanking:
    """What the grid says.

    Attributes:
        cells: Every cell.
        eligible: For each set, which cells at least 95 % of both classes have.
        inner: For each plan and outer fold, the mean inner AUROC of every cell; NaN where it is not defined.
        detector: For each set and grouping, the cross-validated AUROC of every cell over all rows of the set.
        grid: The heat map: one row per set, grouping and cell.
    """

    cells: list[Cell]
    eligible: Mapping[SetName, Bool[np.ndarray, " cell"]]
    inner: Mapping[tuple[int, int], Float[np.ndarray, " cell"]]
    detector: Mapping[tuple[SetName, Grouping], Float[np.ndarray, " cell"]]
    grid: pd.DataFrame


@dataclass(slots=True)
class _Columns:
    """Folds to be fitted together; a fold that several plans share is fitted once."""

    folds: list[Fold] = field(default_factory=list)
    index: dict[int, int] = field(default_factory=dict)

    def add(self, fold: Fold) -> None:
        if id(fold) not in self.index:
            self.index[id(fold)] = len(self.folds)
            self.folds.append(fold)

    def of(self, folds: Sequence[Fold]) -> Int[np.ndarray, " fold"]:
        return np.array([self.index[id(fold)] for fold in folds], dtype=np.int64)


def rank_cells(
    table: AnswerTable, states: StateTable, plans: FoldPlans, *, rng: np.random.Generator, progress: Progress
) -> CellRanking:
    """Train a probe in every cell and fold at the ranking penalty.

    Cells are compared on the rows that all eligible cells of the set share; the heat map shows each cell on the rows
    that have it.

    Args:
        table: The answers.
        states: Their states.
        plans: The folds.
        rng: Source of the heat map's resamples.
        progress: Hears of each cell.

    Returns:
        The figures of every cell.
    """
    cells = list_cells(states)
    eligible = {
        name: np.array([chosen.positions.get(cell.position, False) for cell in cells])
        for name, chosen in table.sets.items()
    }
    shared = {name: _shared_rows(chosen.rows, chosen.positions, states) for name, chosen in table.sets.items()}
    columns = _Columns()
    for plan in (*plans.plans, *plans.detector.values()):
        for fold in all_folds(plan):
            columns.add(fold)
    inner = {(p, f): np.full(len(cells), np.nan) for p, plan in enumerate(plans.plans) for f in range(len(plan.folds))}
    detector = {key: np.full(len(cells), np.nan) for key in plans.detector}
    maps = _heat_maps(table, plans, rng)
    entries: list[dict[str, object]] = []
    progress.begin("probes", len(cells) if columns.folds else 0)
    if columns.folds:
        train = np.stack([fold.train for fold in columns.folds])
        test = np.stack([fold.test for fold in columns.folds])
        for c, found in enumerate(score_grid(states, correct=table.correct, train=train, test=test)):
            for (p, f), values in inner.items():
                plan = plans.plans[p]
                which = columns.of(plan.folds[f].inner)
                values[c] = _mean_auroc(table, found, which, columns, shared[plan.answers])
            for key, plan in plans.detector.items():
                which = columns.of([outer.fold for outer in plan.folds])
                detector[key][c] = _mean_auroc(table, found, which, columns, shared[plan.answers])
            entries += [heat_map.entry(found, table, columns, eligible[heat_map.name][c]) for heat_map in maps]
            progress.advance()
    grid = pd.DataFrame(entries, columns=list(GRID_COLUMNS))
    return CellRanking(cells=cells, eligible=eligible, inner=inner, detector=detector, grid=grid)


def _shared_rows(
    rows: Bool[np.ndarray, " row"], positions: Mapping[str, bool], states: StateTable
) -> Bool[np.ndarray, " row"]:
    shared = rows.copy()
    for position, eligible in positions.items():
        if eligible:
            shared &= states.present(position)
    return shared


def merge_margins(
    margins: Float[np.ndarray, "fold row"], folds: Sequence[Fold]
) -> tuple[Float[np.ndarray, " row"], Int[np.ndarray, " row"]]:
    """Put the tested parts of several folds together: one margin and fold number per row."""
    merged = np.full(margins.shape[1], np.nan)
    numbers = np.full(margins.shape[1], -1)
    for values, fold in zip(margins, folds, strict=True):
        merged[fold.test] = values[fold.test]
        numbers[fold.test] = fold.number
    return merged, numbers


def _mean_auroc(
    table: AnswerTable,
    found: CellMargins,
    which: Int[np.ndarray, " fold"],
    columns: _Columns,
    shared: Bool[np.ndarray, " row"],
) -> float:
    """AUROC averaged over folds, on the shared rows only."""
    if not len(which):
        return float("nan")
    merged, numbers = merge_margins(found.margins[which], [columns.folds[i] for i in which])
    rows = np.flatnonzero(shared & (numbers >= 0))
    one = np.ones((1, len(rows)))
    return float(fold_aurocs(table.correct[rows], merged[rows], numbers[rows], weights=one)[0])


@dataclass(frozen=True, slots=True)
class _HeatMap:
    """One heat map: a set and a grouping, over the seeds."""

    name: SetName
    grouping: Grouping
    plans: list[FoldPlan]
    weights: Float[np.ndarray, "replicate row"]
    reachable: frozenset[str]

    def entry(self, found: CellMargins, table: AnswerTable, columns: _Columns, eligible: np.bool_) -> dict[str, object]:
        cell = found.cell
        entry: dict[str, object] = {
            "set": self.name,
            "grouping": self.grouping,
            "site": cell.site,
            "layer": cell.layer,
            "position": cell.position,
            "auroc": None,
            "ci_low": None,
            "ci_high": None,
            "rows": int((found.present & table.sets[self.name].rows).sum()),
            "eligible": bool(eligible),
            "reason": None,
        }
        if cell.position not in self.reachable:
            entry["reason"] = "not a position that every answer can have"
            return entry
        values = np.mean([self._replicates(found, table, columns, plan) for plan in self.plans], axis=0)
        if np.isnan(values[0]):
            entry["reason"] = "no fold has right and wrong answers with this position"
            return entry
        entry["auroc"] = float(values[0])
        interval = percentile_interval(values[1:])
        if interval is not None:
            entry["ci_low"], entry["ci_high"] = interval.lower, interval.upper
        return entry

    def _replicates(
        self, found: CellMargins, table: AnswerTable, columns: _Columns, plan: FoldPlan
    ) -> Float[np.ndarray, " replicate"]:
        folds = [outer.fold for outer in plan.folds]
        merged, numbers = merge_margins(found.margins[columns.of(folds)], folds)
        return fold_aurocs(table.correct, merged, numbers, weights=self.weights)


def _heat_maps(table: AnswerTable, plans: FoldPlans, rng: np.random.Generator) -> list[_HeatMap]:
    maps: dict[tuple[SetName, Grouping], list[FoldPlan]] = {}
    for plan in plans.plans:
        maps.setdefault((plan.answers, plan.grouping), []).append(plan)
    found = []
    for (name, grouping), of_map in maps.items():
        weights = np.ones((1 + GRID_REPLICATES, len(table.correct)), dtype=np.float32)
        tested = np.flatnonzero(tested_fold(of_map[0], len(table.correct)) >= 0)
        groups = table.groups[grouping][tested]
        weights[1:, tested] = resample_groups(groups, replicates=GRID_REPLICATES, rng=rng)
        found.append(_HeatMap(name, grouping, of_map, weights, frozenset(table.sets[name].positions)))
    return found
