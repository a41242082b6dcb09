"""What the methods of a compared run say about the shared questions, and the draws under which that is read."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Shaped

from tacitly.experiments.answer_table import Grouping, SetName
from tacitly.experiments.detection_metrics import MethodScores, SeedScores, collect_scores
from tacitly.experiments.paired_figures import Draws, Replicates


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRun:
    """A run's greedy answers to the shared questions, and what its methods say about them.

    Attributes:
        rows: One answer per question, in an order that both runs share.
        scores: Score rows; those of the other run's probes among them.
        reasons: Why a set of answers has no figure under a grouping.
        exchange_reasons: Why the other run's probes cannot be tested on a set under a grouping.
    """

    rows: pd.DataFrame
    scores: pd.DataFrame
    reasons: Mapping[tuple[SetName, Grouping], str]
    exchange_reasons: Mapping[tuple[SetName, Grouping], str]

    def methods(self, answers: SetName, grouping: Grouping) -> MethodScores:
        """The scores of one set and grouping."""
        entities: Shaped[np.ndarray, " row"] = self.rows["entity"].astype(str).to_numpy(dtype=object)
        return collect_scores(self.rows, self.scores, answers=answers, grouping=grouping, groups=entities)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDraws:
    """The draws of one part of the questions.

    Attributes:
        entities: Of the entities.
        answers: Of the answers that the base model gave, and of those that the tuned one gave.
    """

    entities: Draws
    answers: tuple[Draws, Draws]


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
    values = of_rows.replicates(method, draws.weights)
    return None if values is None else draws.only_plain_if_few(values, rows & scored_rows(found, method))
