"""What the controls that need no states say in one outer fold."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from tacitly.baselines.catalog import CONTROLS, load_control
from tacitly.evaluation.folds import Fold, OuterFold
from tacitly.evaluation.metrics import fold_aurocs
from tacitly.experiments.answer_table import AnswerTable
from tacitly.experiments.cell_ranking import merge_margins


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlScores:
    """A control in one outer fold.

    Attributes:
        test: Its scores of the tested answers; NaN for others.
        train: Its scores of the training part's answers, each learned without it; NaN for others.
        inner: The mean inner AUROC of those.
    """

    test: Float[np.ndarray, " row"]
    train: Float[np.ndarray, " row"]
    inner: float


def score_control(
    name: str, outer: OuterFold, table: AnswerTable, *, present: Bool[np.ndarray, " row"]
) -> ControlScores | None:
    """Score an outer fold's answers by a control.

    Args:
        name: The control.
        outer: The outer fold.
        table: The answers.
        present: Which answers the probe can score; only those are compared.

    Returns:
        Its scores; None for a control that reads states, and so is none of these.
    """
    if name not in CONTROLS:
        return None
    control = load_control(name)
    parts = []
    for fold in (outer.fold, *outer.inner):
        train, test = fold.train & present, fold.test & present
        if not test.any() or len(set(table.correct[train].tolist())) < 2:
            parts.append(np.full(len(table.correct), np.nan))
        else:
            parts.append(control.scores(table.rows, table.correct, train=train, test=test))
    inner = np.stack(parts[1:])
    return ControlScores(
        test=np.where(outer.fold.test & present, parts[0], np.nan),
        train=merge_margins(inner, outer.inner)[0],
        inner=mean_inner_auroc(inner, outer.inner, table),
    )


def inner_auroc(scores: Float[np.ndarray, " row"], inner: tuple[Fold, ...], table: AnswerTable) -> float:
    """The mean inner AUROC of scores that need no training."""
    return mean_inner_auroc(np.tile(scores, (len(inner), 1)), inner, table)


def mean_inner_auroc(scores: Float[np.ndarray, "fold row"], inner: tuple[Fold, ...], table: AnswerTable) -> float:
    """The AUROC within each inner fold, averaged with the weight of its answers; NaN where it is not defined."""
    merged, numbers = merge_margins(scores, inner)
    return float(fold_aurocs(table.correct, merged, numbers, weights=np.ones((1, len(numbers))))[0])
