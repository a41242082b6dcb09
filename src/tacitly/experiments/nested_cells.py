"""Probes of any label, each at the cell that the inner folds of its training part choose."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from jaxtyping import Bool, Float

from tacitly.activations.base import SomePositions, StateTable
from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.folds import OuterFold
from tacitly.evaluation.metrics import fold_aurocs
from tacitly.experiments.cell_ranking import merge_margins
from tacitly.experiments.nested_fit import NestedFit, fit_nested
from tacitly.experiments.probe_stage import read_cell
from tacitly.experiments.threads import run_in_threads
from tacitly.probes.cell import Cell
from tacitly.probes.grid import CellMargins, best_cell, list_cells, score_grid
from tacitly.progress import Progress

NO_CELL = "no inner fold has both classes in both parts"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldTask:
    """What one probe is to learn.

    Attributes:
        labels: What it tells apart.
        rows: The answers that are evaluated; others are in no fold.
        positions: Where it may read: positions that enough of both classes have.
        outer: The training and the tested part, with the inner folds.
    """

    labels: Bool[np.ndarray, " row"]
    rows: Bool[np.ndarray, " row"]
    positions: tuple[str, ...]
    outer: OuterFold


@dataclass(frozen=True, slots=True)
class FoldProbe:
    """A probe with its cell, or why there is none."""

    cell: Cell | None
    fit: NestedFit | None
    reason: str | None


def fit_in_best_cells(tasks: Sequence[FoldTask], states: StateTable, *, progress: Progress) -> list[FoldProbe]:
    """Rank the cells for every task at once, then fit each probe at its own.

    The protocol is that of error detection: cells are ranked at C = 0.01 by the mean AUROC of the inner folds, over the
    rows that have all of the task's positions; C is chosen at the winning cell; the tested part is looked at once.

    Args:
        tasks: What to learn.
        states: The states of the answers.
        progress: Hears of each cell.

    Returns:
        One probe per task.

    Reference:
        The project's method, section 6.
    """
    wanted = [position for position in states.positions if any(position in task.positions for task in tasks)]
    view = SomePositions(states, wanted)
    cells = list_cells(view)
    inner = [fold for task in tasks for fold in task.outer.inner]
    if not cells or not inner:
        return [FoldProbe(None, None, NO_CELL) for _ in tasks]
    values = np.full((len(tasks), len(cells)), np.nan)
    shared = [_shared_rows(task, states) for task in tasks]
    margins = score_grid(
        view,
        correct=np.stack([task.labels for task in tasks for _ in task.outer.inner]),
        train=np.stack([fold.train for fold in inner]),
        test=np.stack([fold.test for fold in inner]),
    )
    for c, found in enumerate(margins):
        start = 0
        for t, task in enumerate(tasks):
            stop = start + len(task.outer.inner)
            if found.cell.position in task.positions and stop > start:
                values[t, c] = _inner_auroc(task, found, slice(start, stop), shared[t])
            start = stop
        progress.advance()
    everywhere = np.ones(len(cells), dtype=bool)
    chosen = [best_cell(cells, values[t], among=everywhere) for t in range(len(tasks))]
    return _fit_all(tasks, [None if place is None else cells[place] for place in chosen], view)


def count_cells(states: StateTable, positions: Sequence[str]) -> int:
    """How many cells there are at some positions: the steps that `fit_in_best_cells` tells of."""
    return sum(len(states.layers(site)) for site in states.sites) * len(positions)


def _shared_rows(task: FoldTask, states: StateTable) -> Bool[np.ndarray, " row"]:
    shared = task.rows.copy()
    for position in task.positions:
        shared &= states.present(position)
    return shared


def _inner_auroc(task: FoldTask, found: CellMargins, which: slice, shared: Bool[np.ndarray, " row"]) -> float:
    merged, numbers = merge_margins(found.margins[which], task.outer.inner)
    rows = np.flatnonzero(shared & (numbers >= 0))
    one: Float[np.ndarray, "1 row"] = np.ones((1, len(rows)))
    return float(fold_aurocs(task.labels[rows], merged[rows], numbers[rows], weights=one)[0])


def _fit_all(tasks: Sequence[FoldTask], cells: Sequence[Cell | None], states: StateTable) -> list[FoldProbe]:
    lock = Lock()

    def fit(job: tuple[FoldTask, Cell | None]) -> FoldProbe:
        task, cell = job
        if cell is None:
            return FoldProbe(None, None, NO_CELL)
        with lock:
            features = read_cell(states, cell, task.rows)
        try:
            probe = fit_nested(features, task.labels, present=states.present(cell.position), outer=task.outer)
        except UndefinedMetricError as error:
            return FoldProbe(cell, None, str(error))
        return FoldProbe(cell, probe, None)

    return run_in_threads(fit, list(zip(tasks, cells, strict=True)))
