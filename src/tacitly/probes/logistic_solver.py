"""Many L2 logistic regressions on the same features at once: one per fold, or one per penalty and fold.

A cell of the grid needs dozens of fits that differ only in the rows that they may learn from. All of them share the
two matrix products of each step, which is what makes the grid fast: truncated Newton, with conjugate gradients for
the steps, on a matrix of coefficients with one row per fit.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit

MAX_NEWTON_STEPS = 40
MAX_GRADIENT_STEPS = 200
_HALVINGS = 12
_CONSTANT = 1e-4


@dataclass(frozen=True, slots=True)
class Fits:
    """Fitted logistic regressions.

    Attributes:
        coefficients: On the features as they were given.
        intercepts: One per fit.
        margins: Log-odds of every row under every fit, seen in training or not.
        steps: Newton steps taken; the most of any fit.
    """

    coefficients: Float[np.ndarray, "fold feature"]
    intercepts: Float[np.ndarray, " fold"]
    margins: Float[np.ndarray, "fold row"]
    steps: int


def solve_logistic(
    features: Float[np.ndarray, "row feature"],
    correct: Bool[np.ndarray, " row"] | Bool[np.ndarray, "fold row"],
    *,
    train: Bool[np.ndarray, "fold row"],
    C: Float[np.ndarray, " fold"],
    weights: Float[np.ndarray, "fold row"] | None = None,
    tolerance: float = 1e-3,
    max_steps: int = MAX_NEWTON_STEPS,
) -> Fits:
    """Fit one logistic regression per row of `train`, each on features standardised by its own training rows.

    The same as scikit-learn's `StandardScaler` and `LogisticRegression(C=C)` for each fit: the sum of log losses times
    C plus half the squared coefficients (of standardised features), the intercept not penalised.

    Args:
        features: Features near mean 0 and spread 1 over all rows (float32 needs that), in float32 or float64.
        correct: The labels, of all fits or of each one.
        train: The rows that each fit learns from; both classes must be among them.
        C: Inverse strength of each penalty.
        weights: How much each row counts in each fit, in the loss and in the standardisation; 1 by default. The weights
            of training rows are positive.
        tolerance: A fit is done when its gradient is this small a part of what it was at the start.
        max_steps: Newton steps after which a fit is taken as it is.

    Returns:
        The fits.

    Example:
        >>> features = np.array([[-1.0], [-0.5], [0.5], [1.0]])
        >>> train = np.ones((1, 4), dtype=bool)
        >>> fits = solve_logistic(features, np.array([False, False, True, True]), train=train, C=np.ones(1))
        >>> bool(fits.coefficients[0, 0] > 0)
        True
    """
    rows = train if weights is None else train * weights
    problem = _Problem.of(features, np.broadcast_to(correct, train.shape), rows, C)
    kind = features.dtype
    n_fits, n_features = len(train), features.shape[1]
    share = (problem.rows * problem.labels).sum(axis=1) / problem.rows.sum(axis=1)
    coefficients = np.zeros((n_fits, n_features), dtype=kind)
    intercepts = np.log(share / (1 - share)).astype(kind)
    margins = np.repeat(intercepts[:, None], len(features), axis=1)
    first = np.zeros(n_fits, dtype=kind)
    active = np.arange(n_fits)
    step = 0
    for step in range(max_steps):
        part = problem.only(active)
        chance = expit(margins[active])
        down, down_intercept = part.back(part.rows * (part.labels - chance))
        down -= part.penalty * coefficients[active]
        size = np.sqrt((down * down).sum(axis=1) + down_intercept**2)
        if step == 0:
            first = size
        open_ = size > tolerance * first[active]
        if not open_.any():
            break
        active, part = active[open_], part.only(open_)
        curvature = part.rows * (chance * (1 - chance))[open_]
        move = _newton_direction(
            part, curvature, down[open_], down_intercept[open_], aim=_aim(size[open_], first[active])
        )
        length = _line_search(part, margins[active], coefficients[active], move)
        coefficients[active] += length[:, None] * move.coefficients
        intercepts[active] += length * move.intercepts
        margins[active] += length[:, None] * move.margins
    raw = coefficients / problem.spread
    return Fits(raw, intercepts - (raw * problem.mean).sum(axis=1), margins, step)


@dataclass(frozen=True, slots=True)
class _Problem:
    """The data of the fits still open; coefficients are those of features standardised per fit."""

    features: Float[np.ndarray, "row feature"]
    labels: Float[np.ndarray, "fold row"]
    rows: Float[np.ndarray, "fold row"]
    penalty: Float[np.ndarray, "fold 1"]
    mean: Float[np.ndarray, "fold feature"]
    spread: Float[np.ndarray, "fold feature"]

    @classmethod
    def of(
        cls,
        features: Float[np.ndarray, "row feature"],
        correct: Bool[np.ndarray, "fold row"],
        counted: Bool[np.ndarray, "fold row"] | Float[np.ndarray, "fold row"],
        C: Float[np.ndarray, " fold"],
    ) -> "_Problem":
        kind = features.dtype
        rows = counted.astype(kind)
        count = rows.sum(axis=1, keepdims=True)
        mean = rows @ features / count
        variance = rows @ (features * features) / count - mean * mean
        spread = np.sqrt(np.maximum(variance, 0))
        spread[spread < _CONSTANT] = 1
        return cls(features, correct.astype(kind), rows, (1 / C).astype(kind)[:, None], mean, spread)

    def only(self, which: np.ndarray) -> "_Problem":
        return _Problem(
            self.features,
            self.labels[which],
            self.rows[which],
            self.penalty[which],
            self.mean[which],
            self.spread[which],
        )

    def forth(
        self, coefficients: Float[np.ndarray, "fold feature"], intercepts: Float[np.ndarray, " fold"]
    ) -> Float[np.ndarray, "fold row"]:
        """Margins of all rows."""
        raw = coefficients / self.spread
        margins: Float[np.ndarray, "fold row"] = raw @ self.features.T
        margins += (intercepts - (raw * self.mean).sum(axis=1))[:, None]
        return margins

    def back(
        self, errors: Float[np.ndarray, "fold row"]
    ) -> tuple[Float[np.ndarray, "fold feature"], Float[np.ndarray, " fold"]]:
        """The transpose of `forth`."""
        total = errors.sum(axis=1)
        return (errors @ self.features - total[:, None] * self.mean) / self.spread, total

    def loss(
        self, margins: Float[np.ndarray, "fold row"], coefficients: Float[np.ndarray, "fold feature"]
    ) -> Float[np.ndarray, " fold"]:
        """What is minimised, divided by C."""
        data = (self.rows * (np.logaddexp(0, margins) - self.labels * margins)).sum(axis=1)
        value: Float[np.ndarray, " fold"] = data + 0.5 * self.penalty[:, 0] * (coefficients**2).sum(axis=1)
        return value


@dataclass(frozen=True, slots=True)
class _Direction:
    coefficients: Float[np.ndarray, "fold feature"]
    intercepts: Float[np.ndarray, " fold"]
    margins: Float[np.ndarray, "fold row"]


def _aim(size: Float[np.ndarray, " fold"], first: Float[np.ndarray, " fold"]) -> Float[np.ndarray, " fold"]:
    """How small a residual is worth reaching: rough at first, finer near the solution."""
    aim: Float[np.ndarray, " fold"] = np.minimum(0.25, np.sqrt(size / first)) * size
    return aim


def _newton_direction(
    part: _Problem,
    curvature: Float[np.ndarray, "fold row"],
    down: Float[np.ndarray, "fold feature"],
    down_intercept: Float[np.ndarray, " fold"],
    *,
    aim: Float[np.ndarray, " fold"],
) -> _Direction:
    """Solve the Newton system by conjugate gradients, preconditioned by its diagonal (nearly constant here)."""
    mass = np.maximum(curvature.sum(axis=1), np.finfo(curvature.dtype).tiny)
    scale, scale_intercept = 1 / (part.penalty[:, 0] + mass), 1 / mass
    rest, rest_intercept = down.copy(), down_intercept.copy()
    found = _Direction(np.zeros_like(down), np.zeros_like(down_intercept), np.zeros_like(curvature))
    search, search_intercept = rest * scale[:, None], rest_intercept * scale_intercept
    energy = (rest * search).sum(axis=1) + rest_intercept * search_intercept
    for _ in range(MAX_GRADIENT_STEPS):
        margins = part.forth(search, search_intercept)
        image, image_intercept = part.back(curvature * margins)
        image += part.penalty * search
        bend = (search * image).sum(axis=1) + search_intercept * image_intercept
        length = np.divide(energy, bend, out=np.zeros_like(bend), where=bend > 0)
        found.coefficients[:] += length[:, None] * search
        found.intercepts[:] += length * search_intercept
        found.margins[:] += length[:, None] * margins
        rest -= length[:, None] * image
        rest_intercept -= length * image_intercept
        if (np.sqrt((rest * rest).sum(axis=1) + rest_intercept**2) <= aim).all():
            break
        toward, toward_intercept = rest * scale[:, None], rest_intercept * scale_intercept
        new_energy = (rest * toward).sum(axis=1) + rest_intercept * toward_intercept
        ratio = np.divide(new_energy, energy, out=np.zeros_like(energy), where=energy > 0)
        energy = new_energy
        search = toward + ratio[:, None] * search
        search_intercept = toward_intercept + ratio * search_intercept
    return found


def _line_search(
    part: _Problem,
    margins: Float[np.ndarray, "fold row"],
    coefficients: Float[np.ndarray, "fold feature"],
    move: _Direction,
) -> Float[np.ndarray, " fold"]:
    """Halve the step of each fit until its loss does not rise."""
    length = np.ones(len(margins), dtype=margins.dtype)
    before = part.loss(margins, coefficients)
    slack = 10 * np.finfo(margins.dtype).eps * np.abs(before)
    for _ in range(_HALVINGS):
        after = part.loss(margins + length[:, None] * move.margins, coefficients + length[:, None] * move.coefficients)
        rises = after > before + slack
        if not rises.any():
            break
        length[rises] *= 0.5
    return length
