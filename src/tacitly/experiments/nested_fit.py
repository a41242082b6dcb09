"""One outer fold at one cell: the penalty chosen inside the training part, then one fit and one look at the test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.calibration import Platt, fit_platt
from tacitly.evaluation.decisions import choose_threshold
from tacitly.evaluation.folds import Fold, OuterFold
from tacitly.evaluation.metrics import fold_aurocs, snap_ties
from tacitly.experiments.cell_ranking import merge_margins
from tacitly.probes.grid import MarginScale, score_cell
from tacitly.probes.logistic import LogisticProbe
from tacitly.probes.penalties import C_GRID


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was chosen on the inner folds.

    Attributes:
        C: The penalty with the highest mean inner AUROC; the strongest penalty of equal ones.
        inner_auroc: That AUROC.
        margins: Log-odds of the training rows, each from an inner probe that has not seen it and on the scale that all
            folds share; NaN for other rows.
        platt: From those to a probability, fitted on those.
        threshold: The probability from which on an answer is called right, chosen on those.
    """

    C: float
    inner_auroc: float
    margins: Float[np.ndarray, " row"]
    platt: Platt
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedFit:
    """A probe of one outer fold: what was chosen inside, and what it says about the tested part.

    Attributes:
        choice: What was chosen on the inner folds.
        probe: The probe refitted on the whole training part.
        scale: Brings its log-odds to the scale that all folds share.
        margins: Its log-odds for the tested rows, on that scale; NaN for other rows.
    """

    choice: Choice
    probe: LogisticProbe
    scale: MarginScale
    margins: Float[np.ndarray, " row"]


def choose_penalty(
    features: Float[np.ndarray, "row width"],
    correct: Bool[np.ndarray, " row"],
    *,
    present: Bool[np.ndarray, " row"],
    inner: Sequence[Fold],
    grid: Sequence[float] = C_GRID,
) -> Choice:
    """Choose the penalty of one cell on inner folds.

    Args:
        features: The states of the cell.
        correct: The labels.
        present: Which rows have the cell's position.
        inner: The folds.
        grid: The penalties to choose from, strongest first.

    Returns:
        The choice.

    Raises:
        UndefinedMetricError: No inner fold has both classes in both parts.
    """
    if not inner:
        raise UndefinedMetricError("the training part has too few groups for inner folds")
    rows = np.flatnonzero(present & np.logical_or.reduce([fold.train | fold.test for fold in inner]))
    train = np.stack([fold.train[rows] for fold in inner])
    test = np.stack([fold.test[rows] for fold in inner])
    values = score_cell(
        features[rows].astype(np.float32),
        correct[rows],
        train=np.tile(train, (len(grid), 1)),
        test=np.tile(test, (len(grid), 1)),
        C=np.repeat(np.array(grid), len(inner)),
    )
    best, best_auroc, best_margins = 0.0, -1.0, np.zeros(0)
    for C, part in zip(grid, np.split(values, len(grid)), strict=True):
        full = np.full((len(inner), len(correct)), np.nan)
        full[:, rows] = part
        merged, numbers = merge_margins(full, inner)
        auroc = fold_aurocs(correct[rows], merged[rows], numbers[rows], weights=np.ones((1, len(rows))))[0]
        if auroc > best_auroc:
            best, best_auroc, best_margins = C, float(auroc), merged
    if best_auroc < 0:
        raise UndefinedMetricError("no inner fold has right and wrong answers in both parts")
    scored = ~np.isnan(best_margins)
    platt = fit_platt(best_margins[scored], correct[scored])
    threshold = choose_threshold(correct[scored], platt.probability(best_margins[scored]))
    return Choice(C=best, inner_auroc=best_auroc, margins=best_margins, platt=platt, threshold=threshold)


def fit_nested(
    features: Float[np.ndarray, "row width"],
    correct: Bool[np.ndarray, " row"],
    *,
    present: Bool[np.ndarray, " row"],
    outer: OuterFold,
    grid: Sequence[float] = C_GRID,
) -> NestedFit:
    """Choose the penalty on the inner folds, refit on the training part, and score the tested part once.

    Args:
        features: The states of the cell.
        correct: The labels.
        present: Which rows have the cell's position.
        outer: The outer fold.
        grid: The penalties to choose from, strongest first.

    Returns:
        The fit.

    Raises:
        UndefinedMetricError: The training part has one class only, or its inner folds allow no choice.
    """
    train, test = outer.fold.train & present, outer.fold.test & present
    if correct[train].all() or not correct[train].any():
        raise UndefinedMetricError("the training part has one class only")
    choice = choose_penalty(features, correct, present=present, inner=outer.inner, grid=grid)
    probe = LogisticProbe(C=choice.C).fit(features[train], correct[train])
    scale = MarginScale.of(probe.decision_function(features[train]))
    margins = np.full(len(correct), np.nan)
    if test.any():
        margins[test] = snap_ties(scale.apply(probe.decision_function(features[test])))
    return NestedFit(choice=choice, probe=probe, scale=scale, margins=margins)
