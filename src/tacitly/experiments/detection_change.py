"""How well each model's probe finds its errors, and how well the other model's probe finds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Shaped

from tacitly.experiments.answer_table import GROUPINGS, SETS, Grouping, SetName
from tacitly.experiments.baseline_stage import BEST_BASELINE, BEST_CONTROL
from tacitly.experiments.before_after import compare_calibration
from tacitly.experiments.detection_metrics import REASON_ONE_CLASS, MethodScores, SeedScores, collect_scores
from tacitly.experiments.paired_figures import Draws, Replicates, figure, paired_figure
from tacitly.experiments.probe_exchange import EXCHANGED, GROUPING
from tacitly.experiments.probe_stage import PROBE

NO_SHARED = "no question has a score in both runs"
_FIGURES = {"probe": PROBE, "best_baseline": BEST_BASELINE, "best_control": BEST_CONTROL}
_GAINS = {"gain": "best_baseline", "gain_over_control": "best_control"}


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
        """The scores of one set and grouping."""
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

    def figures(
        self, answers: SetName, grouping: Grouping, draws: Draws, *, of_answers: tuple[Draws, Draws] | None = None
    ) -> dict[str, Any]:
        """AUROC of the nested probe, the best baseline and the best control, over questions that both runs scored.

        Each run has its own labels and folds; AUROC is taken within its outer folds and averaged, as in its own report.

        Args:
            answers: Located answers, or all.
            grouping: Which folds.
            draws: Which questions are looked at, and the draws of their entities.
            of_answers: Draws of the answers that the base model gave, and of those that the tuned one gave. With them a
                model's own interval is of its own answers, and that of the difference is the widest one of the three.

        Returns:
            `rows`, and for `probe`, `best_baseline`, `best_control`, `gain` (the probe's minus the baseline's) and
            `gain_over_control` the figure of both models and their difference.
        """
        pair = self.methods[answers, grouping]
        shared = scored_rows(pair[0], PROBE) & scored_rows(pair[1], PROBE)
        rows = draws.count(shared)
        undefined = REASON_ONE_CLASS if rows else NO_SHARED
        reasons = [run.reasons.get((answers, grouping), "it has no scores") for run in (self.base, self.tuned)]

        def figures_of(drawn: Draws) -> dict[str, Any]:
            return {
                name: paired_figure(
                    *both,
                    reason=undefined,
                    base_reason=None if both[0] is not None else reasons[0],
                    tuned_reason=None if both[1] is not None else reasons[1],
                )
                for name, both in _replicates(pair, shared, drawn).items()
            }

        found = figures_of(draws)
        if of_answers is not None:
            base, tuned = (figures_of(drawn) for drawn in of_answers)
            found = {
                name: {
                    "base": base[name]["base"],
                    "tuned": tuned[name]["tuned"],
                    "difference": max((side[name]["difference"] for side in (found, base, tuned)), key=_width),
                }
                for name in found
            }
        return {"rows": rows, **found}

    def calibration(self, draws: Draws) -> dict[str, Any]:
        """Brier score and calibration error of both nested probes, by entity, over located answers."""
        base, tuned = (
            (found.correct, np.stack([entry.scores for entry in found.methods[PROBE]]))
            if PROBE in found.methods
            else (found.correct, np.full((1, len(found.correct)), np.nan))
            for found in self.methods["located", "by_entity"]
        )
        return compare_calibration(base, tuned, draws, reason=NO_SHARED)

    def exchange(self, answers: SetName, draws: Draws) -> dict[str, Any]:
        """Each model's probe on the other model's answers, beside the other model's own probe on the same answers.

        Over the questions that both models' own probes scored, so that it can be held beside those.

        Args:
            answers: Located answers, or all.
            draws: Which questions are looked at, and the draws of their entities.

        Returns:
            For `base_to_tuned` and `tuned_to_base`: `rows`, `auroc` of the foreign probe, `own` of the model's own
            one, and the foreign one's minus the own one's as `difference`.
        """
        shared = np.logical_and(*(scored_rows(side, PROBE) for side in self.methods[answers, GROUPING]))
        runs = zip(("tuned_to_base", "base_to_tuned"), (self.base, self.tuned), strict=True)
        found = dict(zip(("tuned_to_base", "base_to_tuned"), self.methods[answers, GROUPING], strict=True))
        return {
            name: _foreign_and_own(found[name], shared, draws, reason=run.exchange_reasons.get(answers, NO_SHARED))
            for name, run in reversed(list(runs))
        }


def _replicates(
    pair: tuple[MethodScores, MethodScores], rows: Bool[np.ndarray, " row"], draws: Draws
) -> dict[str, tuple[Replicates | None, Replicates | None]]:
    """Every figure of both models in every draw."""
    sides: list[dict[str, Replicates | None]] = []
    for found in pair:
        side = {name: aurocs(found, method, rows, draws) for name, method in _FIGURES.items()}
        for name, rival in _GAINS.items():
            one, other = side["probe"], side[rival]
            side[name] = None if one is None or other is None else one - other
        sides.append(side)
    return {name: (sides[0][name], sides[1][name]) for name in sides[0]}


def _width(difference: Mapping[str, Any]) -> float:
    ends = difference["ci"]
    return float(ends[1] - ends[0]) if ends else -1.0


def _foreign_and_own(
    target: MethodScores, rows: Bool[np.ndarray, " row"], draws: Draws, *, reason: str
) -> dict[str, Any]:
    shared = rows & scored_rows(target, EXCHANGED)
    foreign, own = (aurocs(target, method, shared, draws) for method in (EXCHANGED, PROBE))
    count = draws.count(shared)
    why = REASON_ONE_CLASS if count else reason
    difference = None if foreign is None or own is None else foreign - own
    return {
        "rows": count,
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
