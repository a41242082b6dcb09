"""How many questions show which type of error, before and after."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tacitly.experiments.error_types import ERROR_TYPES, MIN_SAMPLES, SampledAnswer, count_samples, error_types
from tacitly.experiments.paired_figures import Draws, paired_figure

EQUIVALENCE = "the same normalised exact answer, or the same choice of a closed set"
Types = tuple[str, ...]


def types_of_questions(samples: pd.DataFrame, questions: Sequence[str], *, number: int) -> list[Types | None]:
    """The types that each question's sampled answers show.

    Args:
        samples: question_id, sample (1 and up), correct, refused and given.
        questions: The questions, in the order that is wanted.
        number: How many samples to look at, the first ones: the same for every run that is compared.

    Returns:
        The types; None where a sample is missing or unknown.
    """
    kept = samples[(samples["sample"] >= 1) & (samples["sample"] <= number)]
    by_question = {
        str(question): [
            SampledAnswer(correct=correct, given=given, refused=refused)
            for correct, given, refused in zip(part["correct"], part["given"], part["refused"], strict=True)
        ]
        for question, part in kept.groupby("question_id", sort=False)
    }
    found: list[Types | None] = []
    for question in questions:
        sampled = by_question.get(question, [])
        counts = count_samples(sampled) if len(sampled) == number else None
        found.append(None if counts is None else error_types(counts))
    return found


def no_types(base: int, tuned: int) -> str | None:
    """Why error types are not defined for runs with so many samples of each question; None where they are.

    Example:
        >>> no_types(0, 30)
        'error types need 6 samples of each answer (generate.samples); the base run has 0, the tuned run 30'
    """
    if min(base, tuned) >= MIN_SAMPLES:
        return None
    return (
        f"error types need {MIN_SAMPLES} samples of each answer (generate.samples); "
        f"the base run has {base}, the tuned run {tuned}"
    )


def compare_types(base: Sequence[Types | None], tuned: Sequence[Types | None], draws: Draws) -> dict[str, Any]:
    """Count the types over questions that have types in both runs.

    Args:
        base: The types of each question in the base model's run.
        tuned: Those in the tuned model's, in the same order.
        draws: Which questions are looked at, and the draws of their entities.

    Returns:
        `questions`, and by type its counts (`base`, `tuned`) and the `share` of questions with their difference. A
        question may have several types, so counts may add up to more.
    """
    both = np.array([one is not None and other is not None for one, other in zip(base, tuned, strict=True)], dtype=bool)
    types = {}
    for name in ERROR_TYPES:
        has = [np.array([found is not None and name in found for found in run], dtype=bool) for run in (base, tuned)]
        types[name] = {
            "base": draws.count(both & has[0]),
            "tuned": draws.count(both & has[1]),
            "share": paired_figure(
                *(draws.share(one, among=both) for one in has), reason="no question has types in both runs"
            ),
        }
    return {"questions": draws.count(both), "types": types}
