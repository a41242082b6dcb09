"""The grid: one probe per site, layer, position and fold, all at one penalty."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from threadpoolctl import threadpool_limits

from tacitly.activations.base import StateTable
from tacitly.cores import usable_cores
from tacitly.errors import CaptureError
from tacitly.evaluation.metrics import snap_ties
from tacitly.probes.cell import Cell
from tacitly.probes.logistic_solver import solve_logistic
from tacitly.probes.penalties import RANKING_C

_NOISE = 1e-5  # what float32 sums leave between equal states, against the largest log-odds


@dataclass(frozen=True, slots=True)
class CellMargins:
    """What one cell's probes say.

    Attributes:
        cell: The cell.
        present: The answers that have its position.
        margins: Log-odds of "right" from each fold's probe for the rows it tests; NaN for other rows, for answers
            without the position, and where the training part has one class only.
    """

    cell: Cell
    present: Bool[np.ndarray, " answer"]
    margins: Float[np.ndarray, "fold answer"]


def list_cells(states: StateTable) -> list[Cell]:
    """Every cell of the table, by site, layer and position."""
    return [
        Cell(site, layer, position)
        for site in states.sites
        for layer in states.layers(site)
        for position in states.positions
    ]


def score_grid(
    states: StateTable,
    *,
    correct: Bool[np.ndarray, " answer"] | Bool[np.ndarray, "fold answer"],
    train: Bool[np.ndarray, "fold answer"],
    test: Bool[np.ndarray, "fold answer"],
    C: float = RANKING_C,
    threads: int | None = None,
) -> Iterator[CellMargins]:
    """Train and test a probe in every cell and fold; one layer of states is in memory at a time.

    Positions are shared out among threads, each with single-threaded linear algebra: these matrices are too small
    for more, and threads that wait for each other are very slow on a busy machine.

    Args:
        states: The states of the answers.
        correct: Their labels, of all folds or of each one; those of rows in no training part do not matter.
        train: The training rows of each fold.
        test: The tested rows of each fold.
        C: Inverse strength of the penalty.
        threads: How many cells are worked on at once; by default one per processor.

    Yields:
        The margins of each cell, in the order of `list_cells`.

    Raises:
        CaptureError: A state that is needed is not finite.
    """
    wanted = (train | test).any(axis=0)

    def score(cell: Cell, values: Float[np.ndarray, "answer width"]) -> CellMargins:
        present = states.present(cell.position)
        rows = np.flatnonzero(present & wanted)
        features = values[rows].astype(np.float32)
        require_finite(features, cell)
        margins = np.full(train.shape, np.nan, dtype=np.float32)
        margins[:, rows] = score_cell(
            features, correct[..., rows], train=train[:, rows], test=test[:, rows], C=np.full(len(train), C)
        )
        return CellMargins(cell, present, margins)

    with threadpool_limits(1), ThreadPoolExecutor(threads or usable_cores()) as pool:
        for site in states.sites:
            for layer in states.layers(site):
                values = states.layer_states(site, layer)
                cells = [Cell(site, layer, position) for position in states.positions]
                yield from pool.map(score, cells, np.moveaxis(values, 1, 0))


def require_finite(features: Float[np.ndarray, "row feature"], cell: Cell) -> None:
    """Refuse states that no probe can learn from.

    Raises:
        CaptureError: A state is NaN or infinite.
    """
    if not np.isfinite(features).all():
        raise CaptureError(
            f"the states at {cell.site}, layer {cell.layer}, {cell.position} hold NaN or infinity",
            allowed="finite numbers",
            remedy="capture them again, in float32 if the model overflows",
        )


def score_cell(
    features: Float[np.ndarray, "row feature"],
    correct: Bool[np.ndarray, " row"] | Bool[np.ndarray, "fold row"],
    *,
    train: Bool[np.ndarray, "fold row"],
    test: Bool[np.ndarray, "fold row"],
    C: Float[np.ndarray, " fold"],
    weights: Float[np.ndarray, " row"] | None = None,
) -> Float[np.ndarray, "fold row"]:
    """Log-odds of "right" for the tested rows of each fold, on a scale that all folds share.

    A strong penalty shrinks log-odds towards the base rate of the training part, so that probes of different folds
    disagree about the level. Each probe's log-odds are therefore measured from their mean over its own training rows,
    in units of their spread there. Equal states get equal values.

    Args:
        features: The states of one cell.
        correct: The labels, of all folds or of each one.
        train: The training rows of each fold.
        test: The tested rows of each fold.
        C: Inverse strength of each fold's penalty.
        weights: How much each row counts, 1 by default; that of a training row is positive.

    Returns:
        The margins, NaN outside the tested rows and for folds whose training part has one class only.

    Example:
        >>> features = np.array([[0.0], [1.0], [0.1], [0.9]], np.float32)
        >>> correct = np.array([False, True, False, True])
        >>> half = np.array([[True, True, False, False]])
        >>> margins = score_cell(features, correct, train=half, test=~half, C=np.ones(1))
        >>> bool(margins[0, 3] > margins[0, 2]), bool(np.isnan(margins[0, 0]))
        (True, True)
    """
    margins = np.full(train.shape, np.nan, dtype=features.dtype)
    labels = np.broadcast_to(correct, train.shape)
    right = (train & labels).sum(axis=1)
    usable = np.flatnonzero((right > 0) & (right < train.sum(axis=1)) & test.any(axis=1))
    if not len(usable):
        return margins
    counted = None if weights is None else np.tile(weights, (len(usable), 1))
    fits = solve_logistic(standardise(features), labels[usable], train=train[usable], C=C[usable], weights=counted)
    for fit, fold in enumerate(usable):
        tested = test[fold]
        scale = MarginScale.of(fits.margins[fit, train[fold]])
        margins[fold, tested] = snap_ties(scale.apply(fits.margins[fit, tested]), relative=_NOISE)
    return margins


@dataclass(frozen=True, slots=True)
class MarginScale:
    """Where a probe's log-odds lie on its own training rows.

    Attributes:
        mean: Their mean.
        spread: Their standard deviation; 1 where they are all the same.
    """

    mean: float
    spread: float

    @classmethod
    def of(cls, margins: Float[np.ndarray, " row"]) -> "MarginScale":
        """Measure the log-odds of training rows.

        Example:
            >>> MarginScale.of(np.array([-1.0, 3.0]))
            MarginScale(mean=1.0, spread=2.0)
        """
        mean, spread = float(margins.mean(dtype=np.float64)), float(margins.std(dtype=np.float64))
        return cls(mean, spread if spread > _NOISE * max(1.0, abs(mean)) else 1.0)

    def apply(self, margins: Float[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
        """Log-odds on the shared scale."""
        shared: Float[np.ndarray, " row"] = (margins - self.mean) / self.spread
        return shared

    def restore(self, shared: Float[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
        """What this probe's log-odds would be for values on the shared scale.

        Example:
            >>> MarginScale(mean=1.0, spread=2.0).restore(np.array([-1.0, 1.0])).tolist()
            [-1.0, 3.0]
        """
        margins: Float[np.ndarray, " row"] = shared * self.spread + self.mean
        return margins


def standardise(features: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, "row feature"]:
    """Bring each feature to mean 0 and spread 1 over all rows; one that is constant becomes 0.

    This keeps float32 sums exact enough; what a probe learns from is standardised again by its own training rows.
    """
    centre = features.mean(axis=0, dtype=np.float64)
    spread = features.std(axis=0, dtype=np.float64)
    constant = spread <= 1e-7 * np.abs(centre)
    scale = np.where(constant, 0.0, 1 / np.where(constant | (spread == 0), 1.0, spread))
    standard: Float[np.ndarray, "row feature"] = np.ascontiguousarray(
        ((features - centre) * scale).astype(features.dtype)
    )
    return standard


def best_cell(
    cells: Sequence[Cell], values: Float[np.ndarray, " cell"], *, among: Bool[np.ndarray, " cell"]
) -> int | None:
    """Index of the cell with the highest value; the first of equal ones, None where no value is defined.

    Example:
        >>> cells = [Cell("residual", 0, "-1"), Cell("residual", 1, "-1")]
        >>> best_cell(cells, np.array([0.5, 0.7]), among=np.array([True, True]))
        1
    """
    usable = np.flatnonzero(among & ~np.isnan(values))
    if not len(cells) or not len(usable):
        return None
    return int(usable[np.argmax(values[usable])])
