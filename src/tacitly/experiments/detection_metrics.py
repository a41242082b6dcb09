"""The figures of error detection, from labels, folds and scores alone."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped

from tacitly.evaluation.decisions import measure_decisions
from tacitly.evaluation.intervals import Interval, percentile_interval, resample_groups
from tacitly.evaluation.metrics import compare_within_answers, fold_aurocs, snap_ties
from tacitly.experiments.answer_table import GROUPINGS, SETS, Grouping, SetName
from tacitly.experiments.score_rows import method_in, of_error_detection

REASON_ONE_CLASS = "no fold tests both right and wrong answers"


@dataclass(frozen=True, slots=True)
class SeedScores:
    """One method's scores under one seed, in the order of the rows; NaN and -1 where it has none."""

    scores: Float[np.ndarray, " row"]
    folds: Int[np.ndarray, " row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodScores:
    """The scores of one set and grouping.

    Attributes:
        correct: The labels.
        groups: What intervals resample.
        methods: The scores of each method, one entry per seed.
    """

    correct: Bool[np.ndarray, " row"]
    groups: Shaped[np.ndarray, " row"]
    methods: Mapping[str, list[SeedScores]]

    def replicates(
        self, method: str, weights: Float[np.ndarray, "replicate row"]
    ) -> Float[np.ndarray, " replicate"] | None:
        """A method's AUROC under each weighting of the rows, averaged over seeds; None where it has no scores."""
        if method not in self.methods:
            return None
        values = [fold_aurocs(self.correct, s.scores, s.folds, weights=weights) for s in self.methods[method]]
        mean: Float[np.ndarray, " replicate"] = np.mean(values, axis=0)
        return mean

    def shuffled_replicates(
        self, prefix: str, weights: Float[np.ndarray, "replicate row"], *, rng: np.random.Generator
    ) -> Float[np.ndarray, " replicate"] | None:
        """The mean AUROC of several repetitions of a method; replicates resample the repetitions too."""
        values = [self.replicates(method, weights) for method in self.methods if method.startswith(prefix)]
        if not values:
            return None
        stacked = np.stack([value for value in values if value is not None])
        drawn = rng.integers(len(stacked), size=stacked.shape)
        drawn[:, 0] = np.arange(len(stacked))
        mean: Float[np.ndarray, " replicate"] = np.take_along_axis(stacked, drawn, axis=0).mean(axis=0)
        return mean


def collect_scores(
    rows: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    answers: SetName,
    grouping: Grouping,
    groups: Shaped[np.ndarray, " row"],
) -> MethodScores:
    """Bring the score rows of one set and grouping into the order of the rows.

    Args:
        rows: Greedy answers with a known label, index reset.
        scores: Score rows of any methods.
        answers: The set; the scores of all answers begin with `all:`.
        grouping: The grouping.
        groups: What intervals resample, one key per row.

    Returns:
        The scores by method, without the prefix of their set.
    """
    prefix = method_in(answers, "")
    others = method_in("all", "")
    mine = of_error_detection(scores[scores["grouping"] == grouping])
    mine = mine[mine["method"].str.startswith(prefix) if prefix else ~mine["method"].str.startswith(others)]
    place = pd.Series(np.arange(len(rows)), index=rows["answer_id"])
    methods: dict[str, list[SeedScores]] = {}
    for (method, _), part in mine.groupby(["method", "seed"], sort=True):
        where = place.reindex(part["answer_id"]).to_numpy()
        known = ~np.isnan(where)
        index = where[known].astype(np.int64)
        values = np.full(len(rows), np.nan)
        folds = np.full(len(rows), -1)
        values[index] = part["score"].to_numpy(dtype=np.float64)[known]
        folds[index] = part["outer_fold"].to_numpy(dtype=np.int64)[known]
        methods.setdefault(str(method).removeprefix(prefix), []).append(SeedScores(values, folds))
    return MethodScores(correct=rows["correct"].astype(bool).to_numpy(), groups=groups, methods=methods)


def resampling_rng(seed: int, answers: SetName, grouping: Grouping) -> np.random.Generator:
    """The source of the draws of one set and grouping: whoever computes a figure again draws the same groups."""
    return np.random.default_rng([seed, 4, SETS.index(answers), GROUPINGS.index(grouping)])


@dataclass(frozen=True, slots=True)
class Resamples:
    """The same draws of groups for every method; the first weighting is the plain one."""

    weights: Float[np.ndarray, "replicate row"]

    @classmethod
    def of(cls, found: MethodScores, tested: str, *, replicates: int, rng: np.random.Generator) -> "Resamples":
        """Draw from the groups of the answers that a method scored."""
        scored = np.logical_or.reduce([~np.isnan(entry.scores) for entry in found.methods[tested]])
        rows = np.flatnonzero(scored)
        weights = np.ones((1 + replicates, len(scored)), dtype=np.float32)
        weights[1:, rows] = resample_groups(found.groups[rows], replicates=replicates, rng=rng)
        return cls(weights)


def estimate(values: Float[np.ndarray, " replicate"] | None, *, key: str = "auroc", reason: str) -> dict[str, Any]:
    """A figure with its interval in the form of `metrics.json`; null with the reason where it is not defined.

    Example:
        >>> estimate(np.array([0.7, 0.6, 0.8]), reason="")["auroc"]
        0.7
        >>> estimate(None, reason="no scores")
        {'auroc': None, 'ci': None, 'reason': 'no scores'}
    """
    if values is None or np.isnan(values[0]):
        return {key: None, "ci": None, "reason": reason}
    interval = percentile_interval(values[1:])
    return {key: float(values[0]), "ci": bounds(interval)}


def bounds(interval: Interval | None) -> list[float] | None:
    """An interval as JSON holds it."""
    return None if interval is None else [interval.lower, interval.upper]


def decisions(found: MethodScores, method: str, thresholds: Mapping[tuple[int, int], float]) -> dict[str, Any]:
    """Accuracy, and precision, recall and F1 for errors, averaged over seeds.

    Args:
        found: The scores, one entry per seed.
        method: The method, whose scores are probabilities.
        thresholds: The threshold of each seed (by its place) and outer fold.

    Returns:
        The figures; null where no seed defines one.
    """
    parts = []
    for place, entry in enumerate(found.methods[method]):
        scored = np.flatnonzero(~np.isnan(entry.scores))
        bar = np.array([thresholds[place, int(fold)] for fold in entry.folds[scored]])
        parts.append(asdict(measure_decisions(found.correct[scored], entry.scores[scored] >= bar)))
    figures = {}
    for name in parts[0]:
        values = [part[name] for part in parts if part[name] is not None]
        figures[name] = float(np.mean(values)) if values else None
    return figures


def within_answer(
    found: MethodScores,
    method: str,
    *,
    given: Shaped[np.ndarray, " row"],
    replicates: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """AUROC over pairs of a right and a wrong answer that gave the same exact answer inside one outer fold.

    Args:
        found: The scores.
        method: Whose.
        given: The exact answer of each row.
        replicates: How often the answer strings are resampled.
        rng: Source of the resamples.

    Returns:
        `auroc` weighted by pairs, `mean_over_strings`, their intervals, and how many pairs and strings there are.
    """
    nothing = {"auroc": None, "ci": None, "mean_over_strings": None, "mean_ci": None, "pairs": 0, "strings": 0}
    if method not in found.methods:
        return {**nothing, "reason": "it has no scores"}
    seeds = [
        compare_within_answers(found.correct, snap_ties(entry.scores), given=given, folds=entry.folds)
        for entry in found.methods[method]
    ]
    names = sorted({name for pairs in seeds for name in pairs.names})
    if not names:
        return {**nothing, "reason": "no exact answer was given both rightly and wrongly inside one outer fold"}
    wins, pairs = np.zeros((2, len(seeds), len(names)))
    for place, of_seed in enumerate(seeds):
        columns = np.array([names.index(of_seed.names[i]) for i in of_seed.strings], dtype=np.int64)
        np.add.at(wins[place], columns, of_seed.wins)
        np.add.at(pairs[place], columns, of_seed.pairs)
    draws = np.ones((1 + replicates, len(names)))
    draws[1:] = resample_groups(np.array(names, dtype=object), replicates=replicates, rng=rng)
    compared = pairs > 0
    shares = np.divide(wins, pairs, out=np.zeros_like(wins), where=compared)
    weighted = np.nanmean(_ratio(draws @ wins.T, draws @ pairs.T), axis=1)
    plain = np.nanmean(_ratio(draws @ shares.T, draws @ compared.T), axis=1)
    pooled, mean = (estimate(values, reason="") for values in (weighted, plain))
    return {
        "auroc": pooled["auroc"],
        "ci": pooled["ci"],
        "mean_over_strings": mean["auroc"],
        "mean_ci": mean["ci"],
        "pairs": round(float(pairs.sum() / len(seeds))),
        "strings": len(names),
    }


def _ratio(top: Float[np.ndarray, "replicate fold"], bottom: Float[np.ndarray, "replicate fold"]) -> np.ndarray:
    ratio: np.ndarray = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return ratio
