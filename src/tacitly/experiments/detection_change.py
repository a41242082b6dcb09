"""How well each model's probe finds its errors, and how well the other model's probe finds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped

from tacitly.experiments.answer_table import GROUPINGS, SETS, Grouping, SetName
from tacitly.experiments.baseline_stage import BEST_BASELINE
from tacitly.experiments.before_after import compare_calibration
from tacitly.experiments.detection_metrics import REASON_ONE_CLASS, MethodScores, SeedScores, collect_scores
from tacitly.experiments.paired_figures import Draws, Replicates, figure, paired_figure
from tacitly.experiments.probe_exchange import EXCHANGED, GROUPING
from tacitly.experiments.probe_stage import PROBE

NO_SHARED = "no question has a score in both runs"
_FIGURES = {"probe": PROBE, "best_baseline": BEST_BASELINE}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRun:
    """A run's greedy answers to the shared questions, and what its methods say about them.

    Attributes:
        rows: One answer per question, in an order that both runs share.
        scores: Score rows; those of the other run's probes among them.
        reasons: Why a set of answers has no figure under a grouping.
        exchange_reasons: Why the other run's probes say nothing about a set.
    """

    rows: pd.DataFrame
    scores: pd.DataFrame
    reasons: Mapping[tuple[SetName, Grouping], str]
    exchange_reasons: Mapping[SetName, str]

    def methods(self, answers: SetName, grouping: Grouping) -> MethodScores:
        """The scores of one set and grouping; intervals resample entities under both groupings."""
        entities: Shaped[np.ndarray, " row"] = self.rows["entity"].astype(str).to_numpy(dtype=object)
        return collect_scores(self.rows, self.scores, answers=answers, grouping=grouping, groups=entities)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionChange:
    """The scores of both runs, brought into one order once and read for every part of the questions.

    Attributes:
        base: The base model's run.
        tuned: The tuned model's.
        methods: The scores of both, by set and grouping.
    """

    base: ScoredRun
    tuned: ScoredRun
    methods: Mapping[tuple[SetName, Grouping], tuple[MethodScores, MethodScores]]

    @classmethod
    def of(cls, base: ScoredRun, tuned: ScoredRun) -> "DetectionChange":
        """Sort the scores of two runs.

        Args:
            base: The base model's run.
            tuned: The tuned model's; its rows in the same order of questions.
        """
        pairs = {
            (answers, grouping): (base.methods(answers, grouping), tuned.methods(answers, grouping))
            for answers in SETS
            for grouping in GROUPINGS
        }
        return cls(base=base, tuned=tuned, methods=pairs)

    def figures(self, answers: SetName, grouping: Grouping, draws: Draws) -> dict[str, Any]:
        """AUROC of the nested probe and of the best baseline in both models, over questions that both runs scored.

        Each run has its own labels and folds; AUROC is taken within its outer folds and averaged, as in its own report.

        Args:
            answers: Located answers, or all.
            grouping: Which folds.
            draws: Which questions are looked at, and the draws of their entities.

        Returns:
            `rows`, and for `probe`, `best_baseline` and `gain` (the probe's minus the baseline's) the figure of both
            models and their difference.
        """
        base, tuned = self.methods[answers, grouping]
        shared = scored_rows(base, PROBE) & scored_rows(tuned, PROBE)
        values: dict[str, tuple[Replicates | None, Replicates | None]] = {
            name: (aurocs(base, method, shared, draws), aurocs(tuned, method, shared, draws))
            for name, method in _FIGURES.items()
        }
        gains = [
            None if probe is None or rival is None else probe - rival
            for probe, rival in zip(values["probe"], values["best_baseline"], strict=True)
        ]
        values["gain"] = (gains[0], gains[1])
        reasons = [run.reasons.get((answers, grouping), "it has no scores") for run in (self.base, self.tuned)]
        rows = draws.count(shared)
        return {
            "rows": rows,
            **{
                name: paired_figure(
                    *pair,
                    reason=REASON_ONE_CLASS if rows else NO_SHARED,
                    base_reason=None if pair[0] is not None else reasons[0],
                    tuned_reason=None if pair[1] is not None else reasons[1],
                )
                for name, pair in values.items()
            },
        }

    def calibration(self, draws: Draws) -> dict[str, Any]:
        """Brier score and calibration error of both nested probes, by entity, over located answers."""
        base, tuned = self.methods["located", "by_entity"]
        pair = [(found.correct, mean_scores(found, PROBE)) for found in (base, tuned)]
        return compare_calibration(pair[0], pair[1], draws, reason=NO_SHARED)

    def exchange(self, answers: SetName, draws: Draws) -> dict[str, Any]:
        """Each model's probe on the other model's answers, beside the other model's own probe on the same answers.

        Args:
            answers: Located answers, or all.
            draws: Which questions are looked at, and the draws of their entities.

        Returns:
            For `base_to_tuned` and `tuned_to_base`: `rows`, `auroc` of the foreign probe, `own` of the model's own
            one, and the foreign one's minus the own one's as `difference`.
        """
        runs = zip(("tuned_to_base", "base_to_tuned"), (self.base, self.tuned), strict=True)
        found = dict(zip(("tuned_to_base", "base_to_tuned"), self.methods[answers, GROUPING], strict=True))
        return {
            name: _foreign_and_own(found[name], draws, reason=run.exchange_reasons.get(answers, NO_SHARED))
            for name, run in reversed(list(runs))
        }


def _foreign_and_own(target: MethodScores, draws: Draws, *, reason: str) -> dict[str, Any]:
    shared = scored_rows(target, PROBE) & scored_rows(target, EXCHANGED)
    foreign, own = (aurocs(target, method, shared, draws) for method in (EXCHANGED, PROBE))
    rows = draws.count(shared)
    why = REASON_ONE_CLASS if rows else reason
    difference = None if foreign is None or own is None else foreign - own
    return {
        "rows": rows,
        "auroc": figure(foreign, reason=why),
        "own": figure(own, reason=why),
        "difference": figure(difference, reason=why),
    }


def scored_rows(found: MethodScores, method: str) -> Bool[np.ndarray, " row"]:
    """Which rows a method scored under any seed."""
    entries = found.methods.get(method, [])
    scored: Bool[np.ndarray, " row"] = np.zeros(len(found.correct), dtype=bool)
    for entry in entries:
        scored = scored | ~np.isnan(entry.scores)
    return scored


def aurocs(found: MethodScores, method: str, rows: Bool[np.ndarray, " row"], draws: Draws) -> Replicates | None:
    """A method's AUROC over some rows in every draw; None where it has no scores."""
    if method not in found.methods:
        return None
    kept = [SeedScores(np.where(rows, entry.scores, np.nan), entry.folds) for entry in found.methods[method]]
    of_rows = MethodScores(correct=found.correct, groups=found.groups, methods={method: kept})
    return of_rows.replicates(method, draws.weights)


def mean_scores(found: MethodScores, method: str) -> Float[np.ndarray, " row"]:
    """A method's score of each row, averaged over the seeds that have one; NaN where none has."""
    if method not in found.methods:
        return np.full(len(found.correct), np.nan)
    stacked = np.stack([entry.scores for entry in found.methods[method]])
    known = ~np.isnan(stacked)
    mean: Float[np.ndarray, " row"] = np.divide(
        np.where(known, stacked, 0).sum(axis=0),
        known.sum(axis=0),
        out=np.full(len(found.correct), np.nan),
        where=known.any(axis=0),
    )
    return mean
