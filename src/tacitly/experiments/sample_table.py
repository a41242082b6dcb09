"""The sampled answers of a study as arrays: one line a question, one column a sample."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int, Shaped

from tacitly.experiments.answer_table import labels_of

NO_ANSWER = "\0no answer"
"""The cluster of samples that decline to answer, whatever their words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTable:
    """Questions, each with its greedy answer and its first K sampled ones.

    Attributes:
        question_ids: The questions, in the order of their greedy answers.
        entities: What each is about.
        tested: Which are the task's own test split; None where it has none.
        greedy_known: Whether the greedy answer is judged.
        greedy_correct: Whether it is right; False where unknown.
        greedy_tokens: How many tokens it took, the end token counted.
        answer_ids: The samples; None where one is missing.
        known: Which samples are judged.
        correct: Which are right; False where unknown.
        clusters: What each gave, as a number; -1 where it gave nothing that could be found. Whether a sample is right
            has no part in it, so that a majority can be found without the gold answer.
        log_probabilities: The mean log-probability of a sample's tokens; NaN where it has none.
        tokens: How many tokens a sample took, the end token counted.
    """

    question_ids: Shaped[np.ndarray, " question"]
    entities: Shaped[np.ndarray, " question"]
    tested: Bool[np.ndarray, " question"] | None
    greedy_known: Bool[np.ndarray, " question"]
    greedy_correct: Bool[np.ndarray, " question"]
    greedy_tokens: Int[np.ndarray, " question"]
    answer_ids: Shaped[np.ndarray, "question sample"]
    known: Bool[np.ndarray, "question sample"]
    correct: Bool[np.ndarray, "question sample"]
    clusters: Int[np.ndarray, "question sample"]
    log_probabilities: Float[np.ndarray, "question sample"]
    tokens: Int[np.ndarray, "question sample"]

    @property
    def samples(self) -> int:
        """K: how many samples each question has."""
        return int(self.known.shape[1])

    @property
    def complete(self) -> Bool[np.ndarray, " question"]:
        """Which questions have every sample judged."""
        found: Bool[np.ndarray, " question"] = np.asarray(self.known.all(axis=1))
        return found

    @property
    def compared(self) -> Bool[np.ndarray, " question"]:
        """Which questions every strategy can be held against: all samples and the greedy answer judged, and tested."""
        usable: Bool[np.ndarray, " question"] = self.complete & self.greedy_known
        return usable if self.tested is None else np.logical_and(usable, self.tested)


def read_samples(greedy: pd.DataFrame, sampled: pd.DataFrame, *, number: int) -> SampleTable:
    """Bring sampled answers into arrays.

    Args:
        greedy: One greedy answer each, as the experiments' rows are described; its order is that of the questions.
        sampled: The sampled answers, with the same columns; samples beyond the first `number` are left out.
        number: K.

    Returns:
        The table.
    """
    place = pd.Series(np.arange(len(greedy)), index=greedy["question_id"])
    kept = sampled[(sampled["sample"] <= number) & sampled["question_id"].isin(place.index)]
    at = place.loc[kept["question_id"]].to_numpy(), kept["sample"].to_numpy(dtype=np.int64) - 1
    shape = (len(greedy), number)
    known, correct = labels_of(kept)
    greedy_known, greedy_correct = labels_of(greedy)
    test = greedy["split"].to_numpy(dtype=object) == "test"

    def spread(values: Shaped[np.ndarray, " sample"], empty: object, kind: type) -> np.ndarray:
        filled: np.ndarray = np.full(shape, empty, dtype=kind)
        filled[at] = values
        return filled

    return SampleTable(
        question_ids=greedy["question_id"].to_numpy(dtype=object),
        entities=greedy["entity"].astype(str).to_numpy(dtype=object),
        tested=test if test.any() and not test.all() else None,
        greedy_known=greedy_known,
        greedy_correct=greedy_correct,
        greedy_tokens=_written(greedy),
        answer_ids=spread(kept["answer_id"].to_numpy(dtype=object), None, object),
        known=spread(known, False, bool),
        correct=spread(correct, False, bool),
        clusters=spread(_clusters(kept), -1, np.int64),
        log_probabilities=spread(_mean_log_probability(kept), np.nan, np.float64),
        tokens=spread(_written(kept), 0, np.int64),
    )


def _written(rows: pd.DataFrame) -> Int[np.ndarray, " row"]:
    """How many tokens the model wrote for each answer."""
    ended = rows["end_logprob"].notna().to_numpy()
    written: Int[np.ndarray, " row"] = rows["n_tokens"].to_numpy(dtype=np.int64) + ended
    return written


def _clusters(rows: pd.DataFrame) -> Int[np.ndarray, " row"]:
    refused = rows["refused"].fillna(False).astype(bool).to_numpy()
    given = rows["given"].to_numpy(dtype=object)
    keys = [NO_ANSWER if declines else what for declines, what in zip(refused, given, strict=True)]
    return pd.factorize(np.array(keys, dtype=object))[0]


def _mean_log_probability(rows: pd.DataFrame) -> Float[np.ndarray, " row"]:
    return np.array([np.mean(v) if len(v) else np.nan for v in rows["token_logprobs"]], dtype=np.float64)
