"""How well each model's probe finds its errors, and how well the other model's probe finds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from tacitly.experiments.answer_table import GROUPINGS, SETS, Grouping, SetName
from tacitly.experiments.baseline_stage import BEST_BASELINE, BEST_CONTROL
from tacitly.experiments.before_after import compare_calibration
from tacitly.experiments.detection_metrics import REASON_ONE_CLASS, MethodScores
from tacitly.experiments.paired_figures import Draws, Replicates, figure, join_reasons, paired_figure
from tacitly.experiments.probe_exchange import EXCHANGED
from tacitly.experiments.probe_stage import PROBE
from tacitly.experiments.scored_run import PartDraws, ScoredRun, aurocs, scored_rows

NO_SHARED = "no question has a score in both runs"
_FIGURES = {"probe": PROBE, "best_baseline": BEST_BASELINE, "best_control": BEST_CONTROL}
_GAINS = {"gain": "best_baseline", "gain_over_control": "best_control"}


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

    def figures(self, answers: SetName, grouping: Grouping, draws: PartDraws) -> dict[str, Any]:
        """AUROC of the nested probe, the best baseline and the best control, over questions that both runs scored.

        Each run has its own labels and folds; AUROC is taken within its outer folds and averaged, as in its own report.
        By answer, a model's own interval is of the answers that it gave, and that of the difference is the widest of
        three: over entities, the base model's answers, the tuned model's. Where one of those has none, nor has it.

        Args:
            answers: Located answers, or all.
            grouping: Which folds.
            draws: Which questions are looked at, and the draws of their groups.

        Returns:
            `rows`, and for `probe`, `best_baseline`, `best_control`, `gain` (the probe's minus the baseline's) and
            `gain_over_control` the figure of both models and their difference.
        """
        pair, shared = self.methods[answers, grouping], self._shared(answers, grouping)
        rows = draws.entities.count(shared)
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

        found = figures_of(draws.entities)
        if grouping == "by_answer":
            base, tuned = (figures_of(drawn) for drawn in draws.answers)
            found = {
                name: {
                    "base": base[name]["base"],
                    "tuned": tuned[name]["tuned"],
                    "difference": max((side[name]["difference"] for side in (found, base, tuned)), key=_width),
                }
                for name in found
            }
        return {"rows": rows, **found}

    def calibration(self, draws: PartDraws) -> dict[str, Any]:
        """Brier score and calibration error of both nested probes, by entity, over located answers."""
        base, tuned = (
            (found.correct, np.stack([entry.scores for entry in found.methods[PROBE]]))
            if PROBE in found.methods
            else (found.correct, np.full((1, len(found.correct)), np.nan))
            for found in self.methods["located", "by_entity"]
        )
        return compare_calibration(base, tuned, draws.entities, reason=NO_SHARED)

    def exchange(self, answers: SetName, grouping: Grouping, draws: PartDraws) -> dict[str, Any]:
        """Each model's probe on the other model's answers, beside the other model's own probe on the same answers.

        Over the questions that both models' own probes scored, so that it can be held beside those. By answer, the
        intervals are of the answers that the tested model gave.

        Args:
            answers: Located answers, or all.
            grouping: Which folds.
            draws: Which questions are looked at, and the draws of their groups.

        Returns:
            For `base_to_tuned` and `tuned_to_base`: `rows`, `auroc` of the foreign probe, `own` of the model's own
            one, and the foreign one's minus the own one's as `difference`.
        """
        base, tuned = self.methods[answers, grouping]
        tested = {
            "base_to_tuned": (self.tuned, tuned, draws.answers[1]),
            "tuned_to_base": (self.base, base, draws.answers[0]),
        }
        shared, key = self._shared(answers, grouping), (answers, grouping)
        runs = {"base": self.base, "tuned": self.tuned}
        unscored = {name: run.reasons[key] for name, run in runs.items() if key in run.reasons}
        return {
            name: _foreign_and_own(
                scores,
                shared,
                draws.entities if grouping == "by_entity" else of_answers,
                reason=run.exchange_reasons.get(key) or join_reasons(unscored) or NO_SHARED,
            )
            for name, (run, scores, of_answers) in tested.items()
        }

    def _shared(self, answers: SetName, grouping: Grouping) -> Bool[np.ndarray, " row"]:
        """The questions that both models' own probes scored."""
        shared: Bool[np.ndarray, " row"] = np.logical_and(
            *(scored_rows(found, PROBE) for found in self.methods[answers, grouping])
        )
        return shared


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
    return float(ends[1] - ends[0]) if ends else np.inf


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
