"""What changed in the answers between a base and a tuned model: right, wrong and sure, and how well calibrated."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from tacitly.baselines.token_probability import Perplexity
from tacitly.evaluation.calibration import ECE_BINS, ECE_ROWS, expected_calibration_error
from tacitly.experiments.answer_table import labels_of
from tacitly.experiments.paired_figures import Draws, paired_figure

SURE = (0.5, 0.7, 0.9)
"""How probable an answer must be to be called sure; the first one is the headline."""

"""A calibration error over fewer answers to a bin is mostly noise."""

NO_JUDGED = "no question here was judged for both models"
OUTCOMES = (
    ("right_right", True, True),
    ("right_wrong", True, False),
    ("wrong_right", False, True),
    ("wrong_wrong", False, False),
)


def mean_token_probability(rows: pd.DataFrame) -> Float[np.ndarray, " row"]:
    """How probable the model held its own answer: the geometric mean of its tokens' probabilities.

    Over the exact answer, or the whole answer where no exact answer was found. NaN where it has no tokens.

    Args:
        rows: Columns token_logprobs, first_token and last_token.

    Example:
        >>> rows = pd.DataFrame({"token_logprobs": [np.log([0.25, 1.0]), np.log([0.2])]})
        >>> mean_token_probability(rows.assign(first_token=[0, None], last_token=[1, None])).round(6).tolist()
        [0.5, 0.2]
    """
    exact, whole = (-1 / Perplexity(region).scores(rows) for region in ("exact", "answer"))
    probability: Float[np.ndarray, " row"] = np.where(np.isnan(exact), whole, exact)
    return probability


def compare_answers(base: pd.DataFrame, tuned: pd.DataFrame, draws: Draws) -> dict[str, Any]:
    """Accuracy, what became of each answer, and the share of answers that are wrong and sure.

    An answer is sure at a threshold if `mean_token_probability` is at least that. Only questions whose answers are
    judged in both runs count, so both models are held to the same questions.

    Args:
        base: The base model's greedy answers, one per question.
        tuned: The tuned model's, in the same order of questions.
        draws: Which questions are looked at, and the draws of their entities.

    Returns:
        `questions` (judged for both), `accuracy`, `outcomes`, and by threshold `wrong_and_sure` (of all answers) and
        `sure_when_wrong` (of the wrong ones).
    """
    (known_base, right_base), (known_tuned, right_tuned) = labels_of(base), labels_of(tuned)
    known = known_base & known_tuned
    sure_base, sure_tuned = mean_token_probability(base), mean_token_probability(tuned)
    scored = known & ~np.isnan(sure_base) & ~np.isnan(sure_tuned)

    def wrong_and_sure(bar: float) -> dict[str, Any]:
        pair = (draws.share(~r & (p >= bar), among=scored) for r, p in both)
        return paired_figure(*pair, reason=NO_JUDGED)

    def sure_when_wrong(bar: float) -> dict[str, Any]:
        pair = (draws.share(p >= bar, among=scored & ~r) for r, p in both)
        return paired_figure(*pair, reason="no answer is wrong")

    both = ((right_base, sure_base), (right_tuned, sure_tuned))
    return {
        "questions": draws.count(known),
        "questions_with_tokens": draws.count(scored),
        "entities": draws.count_groups(known),
        "accuracy": paired_figure(
            draws.share(right_base, among=known), draws.share(right_tuned, among=known), reason=NO_JUDGED
        ),
        "outcomes": {
            name: draws.count(known & (right_base == before) & (right_tuned == after))
            for name, before, after in OUTCOMES
        },
        "wrong_and_sure": {str(bar): wrong_and_sure(bar) for bar in SURE},
        "sure_when_wrong": {str(bar): sure_when_wrong(bar) for bar in SURE},
    }


def compare_calibration(
    base: tuple[Bool[np.ndarray, " row"], Float[np.ndarray, "seed row"]],
    tuned: tuple[Bool[np.ndarray, " row"], Float[np.ndarray, "seed row"]],
    draws: Draws,
    *,
    reason: str,
) -> dict[str, Any]:
    """Brier score and calibration error of two models' probabilities, over the questions that both have one for.

    A calibration error grows when answers are drawn twice, and the more so the better calibrated a model is. So neither
    the errors nor their difference have an interval, and there is none at all of fewer than 10 answers to a bin.

    Args:
        base: Which of the base model's answers are right, and the probability of each under every seed; NaN where it
            has none.
        tuned: The tuned model's, in the same order of questions.
        draws: Which questions are looked at.
        reason: Why it is not defined where no question has both.

    Returns:
        `rows`, `brier` and `ece` (15 bins of equal count), both averaged over seeds.
    """
    among = ~np.isnan(base[1]).any(axis=0) & ~np.isnan(tuned[1]).any(axis=0)
    squares = [draws.mean(((p - right) ** 2).mean(axis=0), among=among) for right, p in (base, tuned)]
    looked_at = among & draws.looked_at
    rows = int(looked_at.sum())
    errors = None
    if rows >= ECE_ROWS:
        errors = [
            np.array([np.mean([expected_calibration_error(right[looked_at], seed[looked_at]) for seed in p])])
            for right, p in (base, tuned)
        ]
    few = f"{rows} answers are too few for {ECE_BINS} bins: at least {ECE_ROWS} are needed" if rows else reason
    ece = paired_figure(*(errors or (None, None)), reason=few, base_reason=few, tuned_reason=few)
    for entry in ece.values():
        if entry["value"] is not None:
            entry["ci_reason"] = "resampling exaggerates a calibration error"
    return {"rows": rows, "brier": paired_figure(*squares, reason=reason), "ece": ece}
