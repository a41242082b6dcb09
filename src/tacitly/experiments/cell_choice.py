"""A cell and a penalty for each of several training parts, chosen by cross-validation inside them in one pass."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from tacitly.activations.base import StateTable
from tacitly.evaluation.folds import Fold
from tacitly.evaluation.metrics import fold_aurocs
from tacitly.experiments.cell_ranking import merge_margins
from tacitly.probes.cell import Cell
from tacitly.probes.grid import best_cell, list_cells, score_cell, score_grid
from tacitly.probes.penalties import C_GRID


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPart:
    """What a probe may learn from.

    Attributes:
        rows: The answers.
        folds: Folds inside them, on which cell and penalty are chosen.
        positions: Whether enough of both classes have each position.
    """

    rows: Bool[np.ndarray, " row"]
    folds: tuple[Fold, ...]
    positions: Mapping[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellChoice:
    """The cell and penalty with the highest cross-validated AUROC, the strongest penalty of equal ones."""

    cell: Cell
    C: float
    cv_auroc: float


def choose_cells(
    states: StateTable,
    correct: Bool[np.ndarray, " row"],
    parts: Sequence[TrainingPart],
    *,
    tasks: Int[np.ndarray, " row"],
    advance: Callable[[], object],
) -> list[CellChoice | str]:
    """Choose the cell of each training part at the ranking penalty, then its penalty at that cell alone.

    Scores are compared inside one fold and one task only: which task an answer belongs to tells how likely it is right,
    and must not count as knowing it. Cells are compared on the rows that all eligible ones share.

    Args:
        states: The states of all answers.
        correct: Their labels.
        parts: The training parts.
        tasks: The number of each answer's task.
        advance: Called after each cell.

    Returns:
        For each part its choice, or why it has none.
    """
    cells = list_cells(states)
    found = np.full((len(parts), len(cells)), np.nan)
    folds = [fold for part in parts for fold in part.folds]
    if folds:
        shared = [_shared_rows(part, states) for part in parts]
        train, test = np.stack([fold.train for fold in folds]), np.stack([fold.test for fold in folds])
        for c, scored in enumerate(score_grid(states, correct=correct, train=train, test=test)):
            first = 0
            for p, part in enumerate(parts):
                margins = scored.margins[first : first + len(part.folds)]
                first += len(part.folds)
                if part.folds and part.positions.get(scored.cell.position):
                    found[p, c] = _auroc(margins, part.folds, correct, tasks, shared[p])
            advance()
    return [_choose(states, correct, part, tasks, cells, values) for part, values in zip(parts, found, strict=True)]


def _shared_rows(part: TrainingPart, states: StateTable) -> Bool[np.ndarray, " row"]:
    shared = part.rows.copy()
    for position, eligible in part.positions.items():
        if eligible:  # and so among those of the table
            shared &= states.present(position)
    return shared


def _auroc(
    margins: Float[np.ndarray, "fold row"],
    folds: Sequence[Fold],
    correct: Bool[np.ndarray, " row"],
    tasks: Int[np.ndarray, " row"],
    rows: Bool[np.ndarray, " row"],
) -> float:
    """AUROC inside each fold and task, averaged by their answers."""
    merged, numbers = merge_margins(margins, folds)
    kept = np.flatnonzero(rows & (numbers >= 0))
    within = tasks[kept] * (1 + max(fold.number for fold in folds)) + numbers[kept]
    return float(fold_aurocs(correct[kept], merged[kept], within, weights=np.ones((1, len(kept))))[0])


def _choose(
    states: StateTable,
    correct: Bool[np.ndarray, " row"],
    part: TrainingPart,
    tasks: Int[np.ndarray, " row"],
    cells: Sequence[Cell],
    values: Float[np.ndarray, " cell"],
) -> CellChoice | str:
    if not part.rows.any():
        return "nothing is left to learn from"
    if correct[part.rows].all() or not correct[part.rows].any():
        return "what it may learn from has one class only"
    best = best_cell(cells, values, among=np.ones(len(cells), dtype=bool))
    if best is None:
        return "no fold of what it may learn from has right and wrong answers in both parts"
    cell = cells[best]
    rows = np.flatnonzero(part.rows & states.present(cell.position))
    margins = score_cell(
        states.states(cell.site, cell.layer, cell.position)[rows].astype(np.float32),
        correct[rows],
        train=np.tile(np.stack([fold.train[rows] for fold in part.folds]), (len(C_GRID), 1)),
        test=np.tile(np.stack([fold.test[rows] for fold in part.folds]), (len(C_GRID), 1)),
        C=np.repeat(np.array(C_GRID), len(part.folds)),
    )
    full = np.full((len(margins), len(correct)), np.nan)
    full[:, rows] = margins
    reached = [
        _auroc(of_penalty, part.folds, correct, tasks, part.rows)
        for of_penalty in np.split(full, len(C_GRID))
    ]  # fmt: skip
    penalty = int(np.nanargmax(reached))
    return CellChoice(cell=cell, C=C_GRID[penalty], cv_auroc=reached[penalty])
