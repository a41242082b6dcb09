"""Baselines that do not decide which answers are compared: of samples, of the model's own verdict."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tacitly.experiments.answer_table import AnswerSet, AnswerTable, SetName


@dataclass(frozen=True, slots=True, kw_only=True)
class Rivals:
    """Every baseline of one set of answers.

    Attributes:
        scores: Scores of those that are compared.
        missing: Why each other one is not.
    """

    scores: Mapping[str, Float[np.ndarray, " row"]]
    missing: Mapping[str, str]


def gather_rivals(
    table: AnswerTable, further: Mapping[str, Float[np.ndarray, " row"]], absent: Mapping[str, str]
) -> dict[SetName, Rivals]:
    """Put further baselines beside the token probabilities of each set.

    Those decide which answers are in play; a further baseline is compared if it has a finite score for every one of
    them, so that the answers stay the same. Baselines of the exact answer, whose names end in `_exact`, are not part of
    the set of all answers.

    Args:
        table: The answers.
        further: Scores by name, one per row of the table, NaN where they are not defined.
        absent: Why other baselines have no scores at all.

    Returns:
        The baselines of each set.

    Raises:
        ValueError: A name is taken, or its scores are not one per row.
    """
    for name, scores in further.items():
        if name in absent or any(name in answers.baselines for answers in table.sets.values()):
            raise ValueError(f"there are two baselines {name!r}")
        if scores.shape != table.correct.shape:
            raise ValueError(f"{name!r} has {scores.shape} scores for {len(table.correct)} answers")
    return {name: _of_set(answers, further, absent) for name, answers in table.sets.items()}


def _of_set(answers: AnswerSet, further: Mapping[str, Float[np.ndarray, " row"]], absent: Mapping[str, str]) -> Rivals:
    scores, missing = dict(answers.baselines), dict(answers.missing_baselines)
    for name in (*further, *absent):
        if answers.name == "all" and name.endswith("_exact"):
            continue
        lacking = int((~np.isfinite(further[name][answers.rows])).sum()) if name in further else 0
        if name in absent:
            missing[name] = absent[name]
        elif lacking:
            missing[name] = f"{lacking} of {int(answers.rows.sum())} answers have no finite score"
        else:
            scores[name] = further[name]
    return Rivals(scores=scores, missing=missing)
