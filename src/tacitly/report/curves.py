"""The points of the ROC and the reliability curve, from the scores of the nested probe."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.special import expit
from scipy.stats import binomtest
from sklearn.metrics import roc_curve

from tacitly.evaluation.calibration import ECE_BINS, ReliabilityBin, reliability
from tacitly.report.results import AnswerSet, Grouping

PROBE = "probe"
"""The name under which the nested probe's scores are written."""

CALIBRATED = "calibrated:chosen"
"""The name of its probabilities by the calibrator that each fold chose."""

_FALSE_RATES = np.linspace(0.0, 1.0, 101)
_ANSWERS_PER_BIN = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class RocPoints:
    """A ROC curve averaged over folds: of wrong answers, and of right ones, the share scored above a threshold."""

    wrong: Float[np.ndarray, " row"]
    right: Float[np.ndarray, " row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityPoint:
    """Answers of like probability: the mean of it, the share that was right, and its 95 % Wilson interval."""

    probability: float
    right: float
    low: float
    high: float
    answers: int


def probe_scores(
    scores: pd.DataFrame, rows: pd.DataFrame, *, grouping: Grouping, answers: AnswerSet = "located", method: str = PROBE
) -> pd.DataFrame:
    """The nested probe's scores joined with the labels, one row per answer and seed.

    Args:
        scores: Columns answer_id, method, grouping, seed, outer_fold, score, and perhaps set and probability.
        rows: Columns answer_id and correct, among others.
        grouping: Which folds the scores come from.
        answers: Which set of answers, where the scores name one.
        method: Whose scores.

    Returns:
        Columns answer_id, seed, outer_fold, score, correct (bool) and probability, without unknown labels or missing
        scores.
    """
    columns = ["answer_id", "seed", "outer_fold", "score", "correct", "probability"]
    if scores.empty or rows.empty:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    chosen = scores[(scores["method"] == method) & (scores["grouping"] == grouping)]
    if "set" in chosen.columns:
        chosen = chosen[chosen["set"] == answers]
    labels = rows.set_index("answer_id")["correct"]
    known = chosen.assign(correct=chosen["answer_id"].map(labels), score=chosen["score"].astype(float))
    known = known[known["correct"].notna() & np.isfinite(known["score"])]
    joined: pd.DataFrame = known.assign(correct=known["correct"].astype(bool), probability=_probabilities(known))
    return joined[columns]


def _probabilities(scored: pd.DataFrame) -> pd.Series:
    """What the scores say as probabilities: as written beside them, as they are, or read as log-odds."""
    if "probability" in scored.columns and scored["probability"].notna().all():
        return scored["probability"].astype(float)
    if scored["score"].between(0, 1).all():
        return scored["score"]
    return pd.Series(expit(scored["score"].to_numpy()), index=scored.index)


def roc_points(scored: pd.DataFrame) -> RocPoints | None:
    """The mean of the folds' ROC curves, weighted by their answers as the headline AUROC is.

    Pooling scores of folds with different base rates would distort the curve.

    Args:
        scored: What `probe_scores` returns.

    Returns:
        The curve on a fixed grid of false rates, or None where no fold has both right and wrong answers.

    Example:
        >>> frame = pd.DataFrame({"seed": 0, "outer_fold": 0, "score": [0.1, 0.9], "correct": [False, True]})
        >>> points = roc_points(frame)
        >>> float(points.right[1])
        1.0
    """
    curves, weights = [], []
    for _, fold in scored.groupby(["seed", "outer_fold"], sort=True):
        if fold["correct"].nunique() == 2:
            wrong, right, _ = roc_curve(fold["correct"], fold["score"])
            curves.append(np.interp(_FALSE_RATES, wrong, right))
            weights.append(len(fold))
    if not curves:
        return None
    mean = np.average(np.stack(curves), axis=0, weights=weights)
    return RocPoints(wrong=np.concatenate([[0.0], _FALSE_RATES]), right=np.concatenate([[0.0], mean]))


def reliability_points(scored: pd.DataFrame) -> list[ReliabilityPoint]:
    """How often answers with a given probability were right, in up to 15 groups of equal size.

    Args:
        scored: What `probe_scores` returns; seeds are averaged per answer first.

    Returns:
        From the lowest probability to the highest; empty where there are fewer than 25 answers.

    Example:
        >>> names = [f"a{number:02}" for number in range(50)]
        >>> frame = pd.DataFrame({"answer_id": names, "probability": 0.5, "correct": [True, False] * 25})
        >>> [(found.probability, found.right, found.answers) for found in reliability_points(frame)]
        [(0.5, 0.52, 25), (0.5, 0.48, 25)]
    """
    answers = scored.groupby("answer_id").agg(probability=("probability", "mean"), correct=("correct", "first"))
    bins = min(ECE_BINS, len(answers) // _ANSWERS_PER_BIN)
    if not bins:
        return []
    found = reliability(answers["correct"].to_numpy(bool), answers["probability"].to_numpy(float), bins=bins)
    return [_with_interval(group) for group in found]


def _with_interval(group: ReliabilityBin) -> ReliabilityPoint:
    interval = binomtest(round(group.right * group.answers), group.answers).proportion_ci(method="wilson")
    return ReliabilityPoint(
        probability=group.probability,
        right=group.right,
        low=float(interval.low),
        high=float(interval.high),
        answers=group.answers,
    )
