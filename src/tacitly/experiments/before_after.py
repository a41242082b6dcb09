"""What changed in the answers between a base and a tuned model: right, wrong and sure, and how well calibrated."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from tacitly.baselines.token_probability import Perplexity
from tacitly.evaluation.calibration import ECE_BINS
from tacitly.experiments.paired_figures import Draws, Replicates, paired_figure

SURE = (0.5, 0.7, 0.9)
"""How probable an answer must be to be called sure; the first one is the headline."""

NO_JUDGED = "no question here was judged for both models"
OUTCOMES = (
    ("right_right", True, True),
    ("right_wrong", True, False),
    ("wrong_right", False, True),
    ("wrong_wrong", False, False),
)


def answer_probability(rows: pd.DataFrame) -> Float[np.ndarray, " row"]:
    """How probable the model held its own answer: the geometric mean of its tokens' probabilities.

    Over the exact answer, or the whole answer where no exact answer was found. NaN where it has no tokens.

    Args:
        rows: Columns token_logprobs, first_token and last_token.

    Example:
        >>> rows = pd.DataFrame({"token_logprobs": [np.log([0.25, 1.0]), np.log([0.2])]})
        >>> answer_probability(rows.assign(first_token=[0, None], last_token=[1, None])).round(6).tolist()
        [0.5, 0.2]
    """
    exact, whole = (-1 / Perplexity(region).scores(rows) for region in ("exact", "answer"))
    probability: Float[np.ndarray, " row"] = np.where(np.isnan(exact), whole, exact)
    return probability


def labels_of(rows: pd.DataFrame) -> tuple[Bool[np.ndarray, " row"], Bool[np.ndarray, " row"]]:
    """Which answers are judged, and which of them are right."""
    known = rows["correct"].notna().to_numpy()
    right = known & (rows["correct"].to_numpy(dtype=object) == True)  # noqa: E712
    return known, right


def compare_answers(base: pd.DataFrame, tuned: pd.DataFrame, draws: Draws) -> dict[str, Any]:
    """Accuracy, what became of each answer, and the share of answers that are wrong and sure.

    An answer is sure at a threshold if `answer_probability` is at least that. Only questions whose answers are judged
    in both runs count, so both models are held to the same questions.

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
    sure_base, sure_tuned = answer_probability(base), answer_probability(tuned)
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
        "entities": draws.entities,
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
    base: tuple[Bool[np.ndarray, " row"], Float[np.ndarray, " row"]],
    tuned: tuple[Bool[np.ndarray, " row"], Float[np.ndarray, " row"]],
    draws: Draws,
    *,
    reason: str,
) -> dict[str, Any]:
    """Brier score and calibration error of two models' probabilities, over the questions that both have one for.

    Resampling makes a calibration error larger than it is, since a draw repeats answers. That is alike in both models,
    so the difference has an interval, and the two errors themselves have none.

    Args:
        base: Which of the base model's answers are right, and the probability of each; NaN where it has none.
        tuned: The tuned model's, in the same order of questions.
        draws: Which questions are looked at.
        reason: Why it is not defined where no question has both.

    Returns:
        `rows`, `brier` and `ece` (15 bins of equal count).
    """
    among = ~np.isnan(base[1]) & ~np.isnan(tuned[1])
    squares = [draws.mean((p - right) ** 2, among=among) for right, p in (base, tuned)]
    errors = [resampled_ece(right, p, among=among, draws=draws) for right, p in (base, tuned)]
    ece = paired_figure(*errors, reason=reason)
    for side in ("base", "tuned"):
        if ece[side]["value"] is not None:
            ece[side] |= {"ci": None, "ci_reason": "resampling exaggerates a calibration error"}
    return {"rows": draws.count(among), "brier": paired_figure(*squares, reason=reason), "ece": ece}


def resampled_ece(
    right: Bool[np.ndarray, " row"],
    probability: Float[np.ndarray, " row"],
    *,
    among: Bool[np.ndarray, " row"],
    draws: Draws,
    bins: int = ECE_BINS,
) -> Replicates:
    """The expected calibration error in every draw, as `expected_calibration_error` has it for the drawn answers.

    Args:
        right: Which answers are right.
        probability: The probability of each; without NaN among the rows that count.
        among: The rows that count.
        draws: How often each row is in each draw.
        bins: At most this many bins of equal count.

    Returns:
        One error per draw; NaN where a draw has none of the rows.

    Example:
        >>> draws = Draws(np.ones((1, 2), dtype=np.float32), 2)
        >>> right, every = np.array([True, True]), np.array([True, True])
        >>> resampled_ece(right, np.array([0.5, 0.5]), among=every, draws=draws, bins=1).tolist()
        [0.5]
    """
    rows = np.flatnonzero(among)
    order = rows[np.argsort(probability[rows], kind="stable")]
    gaps = probability[order] - right[order]
    found = np.full(len(draws.weights), np.nan)
    for replicate, weights in enumerate(draws.weights):
        drawn = np.repeat(gaps, weights[order].astype(np.int64))
        if len(drawn):
            starts = _bin_starts(len(drawn), bins)
            found[replicate] = np.abs(np.add.reduceat(drawn, starts)).sum() / len(drawn)
    return found


def _bin_starts(answers: int, bins: int) -> np.ndarray:
    """Where the bins of `np.array_split` begin: the first ones are larger by one."""
    number = min(bins, answers)
    size, rest = divmod(answers, number)
    index = np.arange(number)
    starts: np.ndarray = index * size + np.minimum(index, rest)
    return starts
