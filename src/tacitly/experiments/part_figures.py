"""Every figure of the comparison of two models, over all questions and over each part of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from tacitly.baselines.controls import answer_strings
from tacitly.experiments.answer_table import GROUPINGS, SETS, labels_of
from tacitly.experiments.before_after import NO_JUDGED, compare_answers, compare_calibration, mean_token_probability
from tacitly.experiments.detection_change import DetectionChange
from tacitly.experiments.paired_figures import Draws
from tacitly.experiments.scored_run import PartDraws
from tacitly.experiments.type_change import Types, compare_types

PARTS = ("trained", "held_out", "elsewhere")
"""What the questions can say of their entity: trained on, held out, or not among the training data at all."""


def name_parts(base: Sequence[str | None], tuned: Sequence[str | None]) -> dict[str, Bool[np.ndarray, " row"]]:
    """Split the questions by whether their entity was trained on.

    Args:
        base: What the base run says of each question, None where nothing.
        tuned: What the tuned run says, which counts where it says something.

    Returns:
        `all`, and each part that has questions.

    Example:
        >>> {name: which.tolist() for name, which in name_parts([None, None], ["trained", None]).items()}
        {'all': [True, True], 'trained': [True, False]}
    """
    said = np.array([theirs or mine or "" for mine, theirs in zip(base, tuned, strict=True)], dtype=object)
    masks = {name: said == name for name in PARTS}
    return {"all": np.ones(len(said), dtype=bool), **{name: which for name, which in masks.items() if which.any()}}


def compare_part(
    change: DetectionChange,
    types: tuple[Sequence[Types | None], Sequence[Types | None]] | str,
    *,
    which: Bool[np.ndarray, " row"],
    replicates: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Compute every figure for some of the questions.

    Args:
        change: The answers and scores of both runs.
        types: The error types of each question in both runs, or why there are none.
        which: The questions that are looked at.
        replicates: How often entities are resampled.
        rng: Source of the draws.

    Returns:
        Accuracy, outcomes, wrong and sure, calibration, detection, the exchanged probes and error types. What is not
        defined is null, with its reason beside it.
    """
    base, tuned = change.base.rows, change.tuned.rows
    keys = [base["entity"].astype(str).to_numpy(dtype=object), answer_strings(base), answer_strings(tuned)]
    draws, *of_answers = (Draws.of(key, which=which, replicates=replicates, rng=rng) for key in keys)
    drawn = PartDraws(entities=draws, answers=(of_answers[0], of_answers[1]))
    own = []
    for rows in (base, tuned):
        known, right = labels_of(rows)
        own.append((right, np.where(known, mean_token_probability(rows), np.nan)[None]))
    return {
        "shared_questions": int(which.sum()),
        **compare_answers(base, tuned, draws),
        "calibration": {
            "mean_token_probability": compare_calibration(own[0], own[1], draws, reason=NO_JUDGED),
            "probe": change.calibration(drawn),
        },
        "detection": {s: {g: change.figures(s, g, drawn) for g in GROUPINGS} for s in SETS},
        "exchange": {s: {g: change.exchange(s, g, drawn) for g in GROUPINGS} for s in SETS},
        "error_types": None if isinstance(types, str) else compare_types(*types, draws),
        **({"error_types_reason": types} if isinstance(types, str) else {}),
    }
