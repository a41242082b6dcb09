"""What another task's probe is held against: the target's own best token probability, on the same answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from tacitly.baselines.catalog import load_baselines
from tacitly.errors import UndefinedMetricError
from tacitly.evaluation.folds import separate
from tacitly.evaluation.metrics import auroc
from tacitly.experiments.answer_table import Grouping
from tacitly.experiments.detection_metrics import REASON_ONE_CLASS, MethodScores, SeedScores, collect_scores
from tacitly.experiments.fold_plan import keys_apart
from tacitly.experiments.paired_figures import Draws, figure
from tacitly.experiments.probe_stage import PROBE
from tacitly.experiments.transfer_task import TransferTask

FAMILY = "token_probability"
NO_BASELINE = "no token probability is one that at least 95 % of the right and of the wrong answers have"


@dataclass(frozen=True, kw_only=True)
class TransferTarget:
    """A task's tested answers under one grouping.

    Attributes:
        task: The task.
        grouping: The grouping.
        folds: By seed, the fold that tests each answer; -1 where none does.
        draws: Draws of its entities, or of the answers given, that every figure on it shares.
    """

    task: TransferTask
    grouping: Grouping
    folds: Mapping[int, Int[np.ndarray, " row"]]
    draws: Draws

    @classmethod
    def of(
        cls, task: TransferTask, grouping: Grouping, *, replicates: int, rng: np.random.Generator
    ) -> "TransferTarget | str":
        """A task as a target, or why it is none under this grouping."""
        folds = task.folds(grouping)
        tested = np.logical_or.reduce([numbers >= 0 for numbers in folds.values()]) if folds else np.zeros(0, bool)
        if grouping in task.reasons or not tested.any():
            return task.reasons.get(grouping, "none of its located answers is tested")
        groups = task.table.groups[grouping]
        return cls(
            task=task,
            grouping=grouping,
            folds=folds,
            draws=Draws.of(groups, which=tested, replicates=replicates, rng=rng),
        )

    @property
    def correct(self) -> Bool[np.ndarray, " row"]:
        """The labels."""
        return self.task.table.correct

    @property
    def tested(self) -> Bool[np.ndarray, " row"]:
        """The answers that are tested under any seed."""
        return self.draws.looked_at

    @cached_property
    def own(self) -> list[Float[np.ndarray, " row"]]:
        """What the task's own nested probe says, seed by seed; NaN where it says nothing."""
        known = self.task.table.rows
        found = collect_scores(
            known,
            self.task.scores,
            answers="located",
            grouping=self.grouping,
            groups=self.task.table.groups[self.grouping],
        )
        return [entry.scores for entry in found.methods.get(PROBE, [])]

    @cached_property
    def _baseline(self) -> tuple[list[Float[np.ndarray, " row"]], list[str]] | None:
        """For each seed the scores of the baselines that the other folds chose; and the choices."""
        names = load_baselines(FAMILY)
        eligible = {n: v for n, v in self.task.table.sets["located"].baselines.items() if n in names}
        if not eligible:
            return None
        found, chosen = [], []
        for numbers in self.folds.values():
            scores = np.full(len(numbers), np.nan)
            for number in np.unique(numbers[numbers >= 0]):
                fold = separate(
                    numbers == number,
                    number=int(number),
                    among=self.task.located,
                    apart=keys_apart(self.task.table, self.grouping),
                )
                best = self._best(eligible, fold.train)
                if best is not None:
                    scores[fold.test] = eligible[best][fold.test]
                    chosen.append(best)
            found.append(scores)
        return found, chosen

    def _best(self, eligible: Mapping[str, Float[np.ndarray, " row"]], rows: Bool[np.ndarray, " row"]) -> str | None:
        try:
            reached = {n: auroc(self.correct[rows], values[rows]) for n, values in eligible.items()}
        except UndefinedMetricError:
            return None
        return max(reached, key=lambda name: reached[name])

    @property
    def chosen(self) -> list[str]:
        """The baselines that its folds chose."""
        return self._baseline[1] if self._baseline else []

    def figures(self, scores: list[Float[np.ndarray, " row"]]) -> dict[str, Any]:
        """AUROC of a probe on the target, and by how much it beats the best token probability on the same answers.

        Both are taken inside the target's own outer folds and averaged, as its own figures are.

        Args:
            scores: One score per answer under each seed; NaN for answers without one.

        Returns:
            `auroc`, `minus_baseline`, `baseline`, each with its interval, and what they rest on.
        """
        correct, draws = self.correct, self.draws
        scored = [
            ~np.isnan(values) & (numbers >= 0) for values, numbers in zip(scores, self.folds.values(), strict=True)
        ]
        methods = {"probe": self._of(scores)}
        if self._baseline is not None:
            kept = [np.where(rows, values, np.nan) for rows, values in zip(scored, self._baseline[0], strict=True)]
            methods["baseline"] = self._of(kept)
        found = MethodScores(correct=correct, groups=self.task.table.groups[self.grouping], methods=methods)
        rows = np.logical_or.reduce(scored)
        values = {name: found.replicates(name, draws.weights) for name in methods}
        values = {name: None if v is None else draws.only_plain_if_few(v, rows) for name, v in values.items()}
        probe, baseline = values["probe"], values.get("baseline")
        gain = None if probe is None or baseline is None else probe - baseline
        return {
            **_named("auroc", figure(probe, reason=REASON_ONE_CLASS), plain=True),
            **_named("minus_baseline", figure(gain, reason=REASON_ONE_CLASS if self.chosen else NO_BASELINE)),
            **_named("baseline", figure(baseline, reason=REASON_ONE_CLASS if self.chosen else NO_BASELINE)),
            "rows": int(rows.sum()),
            "rows_correct": int((rows & correct).sum()),
            "groups": draws.count_groups(rows),
        }

    def _of(self, scores: list[Float[np.ndarray, " row"]]) -> list[SeedScores]:
        return [SeedScores(values, numbers) for values, numbers in zip(scores, self.folds.values(), strict=True)]


def undefined(reason: str) -> dict[str, Any]:
    """An entry without figures."""
    return {
        **dict.fromkeys(("auroc", "ci", "minus_baseline", "minus_baseline_ci", "baseline", "baseline_ci")),
        "reason": reason,
    }


def _named(name: str, found: Mapping[str, Any], *, plain: bool = False) -> dict[str, Any]:
    """A figure under its name, its interval and reasons beside it; those of the first figure without a prefix.

    Example:
        >>> _named("baseline", {"value": None, "ci": None, "reason": "none"})
        {'baseline': None, 'baseline_ci': None, 'baseline_reason': 'none'}
    """
    prefix = "" if plain else f"{name}_"
    return {(name if key == "value" else f"{prefix}{key}"): value for key, value in found.items()}
