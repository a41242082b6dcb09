"""Choosing one of several sampled answers, and how often each way of choosing is right."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from tacitly.experiments.sample_table import SampleTable

STRATEGIES = (
    "greedy",
    "random",
    "majority",
    "majority_oracle",
    "mean_log_probability",
    "probe",
    "ceiling",
)
"""Ways to an answer; `greedy` takes the one that was not sampled, and the oracle and the ceiling know what is right."""

Outcomes = dict[str, Float[np.ndarray, " question"]]


def choose_answers(
    table: SampleTable, scores: Sequence[Float[np.ndarray, "question sample"]], *, number: int
) -> Outcomes:
    """How right each strategy is on each question, from the first `number` samples.

    - `random`: the share of samples that are right, which is how often a random one is.
    - `majority`: of the samples that gave what most of them gave, the one with the highest mean log-probability; so
      ties between clusters go by it too, and where no sample gave anything, it alone decides.
    - `majority_oracle`: the paper's: right where more samples are right than are in the largest wrong cluster.
    - `mean_log_probability`: the sample with the highest.
    - `probe`: the sample with the highest score, equal ones by mean log-probability, and so where none has a score;
      with several seeds, the mean over them.
    - `ceiling`: right where any sample is.

    Of samples that are still equal the first counts. NaN is never preferred.

    Args:
        table: The samples.
        scores: The probe's score of each sample, one array per seed; none where there is no probe.
        number: How many samples to look at.

    Returns:
        By strategy, a number from 0 to 1 per question; without `probe` where there are no scores.

    Reference:
        Orgad et al. (2025), section 6; the project's method, section 11.
    """
    correct = table.correct[:, :number]
    clusters = table.clusters[:, :number]
    sure = table.log_probabilities[:, :number]
    share = correct.mean(axis=1)
    sizes = cluster_sizes(clusters, among=np.ones_like(correct)).astype(np.float64)
    wrong = cluster_sizes(clusters, among=~correct)
    outcomes = {
        "greedy": table.greedy_correct.astype(np.float64),
        "random": share,
        "majority": _taken(correct, pick(sizes, sure)),
        "majority_oracle": (correct.sum(axis=1) > wrong.max(axis=1)).astype(np.float64),
        "mean_log_probability": _taken(correct, pick(sure, sure)),
        "ceiling": (share > 0).astype(np.float64),
    }
    if len(scores):
        chosen = [_taken(correct, pick(score[:, :number], sure)) for score in scores]
        outcomes["probe"] = np.mean(chosen, axis=0)
    return {name: outcomes[name] for name in STRATEGIES if name in outcomes}


def count_tokens(table: SampleTable, *, number: int) -> dict[str, Float[np.ndarray, " question"]]:
    """How many tokens each strategy has the model write for a question; prompts are read once and not counted."""
    written = table.tokens[:, :number].astype(np.float64)
    whole = dict.fromkeys(STRATEGIES, written.sum(axis=1))
    return whole | {"greedy": table.greedy_tokens.astype(np.float64), "random": written.mean(axis=1)}


def cluster_sizes(
    clusters: Int[np.ndarray, "question sample"], *, among: Bool[np.ndarray, "question sample"]
) -> Int[np.ndarray, "question sample"]:
    """How many of some samples gave what each of them gave; 0 for the others and for those in no cluster.

    Example:
        >>> cluster_sizes(np.array([[4, 4, 7, -1]]), among=np.array([[True, True, True, True]])).tolist()
        [[2, 2, 1, 0]]
    """
    counted = among & (clusters >= 0)
    same = (clusters[:, :, None] == clusters[:, None, :]) & counted[:, :, None] & counted[:, None, :]
    sizes: Int[np.ndarray, "question sample"] = same.sum(axis=2)
    return sizes


def pick(
    first: Float[np.ndarray, "question sample"], then: Float[np.ndarray, "question sample"]
) -> Int[np.ndarray, " question"]:
    """The sample with the highest first number, of equal ones that with the highest second, then the first of all.

    NaN counts as lower than any number.

    Example:
        >>> pick(np.array([[2.0, np.nan, 2.0]]), np.array([[-3.0, 0.0, -1.0]])).tolist()
        [2]
    """
    lowest = np.where(np.isnan(first), -np.inf, first)
    best = lowest == lowest.max(axis=1, keepdims=True)
    rest = np.where(np.isnan(then), -np.inf, then)
    among = np.where(best, rest, -np.inf)
    highest = best & (among == among.max(axis=1, keepdims=True))
    chosen: Int[np.ndarray, " question"] = highest.argmax(axis=1)
    return chosen


def _taken(
    correct: Bool[np.ndarray, "question sample"], chosen: Int[np.ndarray, " question"]
) -> Float[np.ndarray, " question"]:
    taken: Float[np.ndarray, " question"] = correct[np.arange(len(correct)), chosen].astype(np.float64)
    return taken
