"""Made-up sampled answers for the tests of what reads them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tacitly.activations.base import ArrayStateTable
from tacitly.baselines.equivalence import GivenAnswers, MatchEquivalence
from tacitly.baselines.sampled_question import SampledQuestion, sort_into_classes


def question_of(
    texts: Sequence[str],
    *,
    greedy: str = "the lungs",
    log_likelihoods: Sequence[float] | None = None,
    states: np.ndarray | None = None,
    contradictions: np.ndarray | None = None,
) -> SampledQuestion:
    """A question whose answers are compared by their words."""
    both = [greedy, *texts]
    relation = MatchEquivalence().relate([GivenAnswers(question="?", texts=both, given=both, words=both)])[0]
    return SampledQuestion(
        greedy=greedy,
        texts=texts,
        log_likelihoods=np.array(log_likelihoods if log_likelihoods is not None else [-1.0] * len(texts)),
        classes=sort_into_classes(relation.same[1:, 1:]),
        like_greedy=relation.same[0, 1:],
        similarity=relation.similarity,
        contradictions=contradictions,
        states=states,
    )


def sampled_from(rows: pd.DataFrame, samples: int, rng: np.random.Generator, *, agree: np.ndarray) -> pd.DataFrame:
    """Samples of the questions of some rows, which repeat the greedy answer with the probability `agree` says."""
    parts = []
    for sample in range(1, samples + 1):
        part = rows.copy()
        part["sample"] = sample
        part["answer_id"] = [f"{q}#{sample}" for q in rows["question_id"]]
        other = rng.random(len(rows)) > agree
        given = np.where(other, [f"answer {n}" for n in rng.integers(100, 120, size=len(rows))], part["given"])
        part["given"] = pd.Series(given, dtype=object).where(part["located"], None)
        part["exact_answer"] = part["given"]
        part["text"] = [f"It is {g}." if g else t for g, t in zip(part["given"], part["text"], strict=True)]
        parts.append(part)
    return pd.concat(parts).sort_values(["question_id", "sample"], ignore_index=True)


def states_of(sampled: pd.DataFrame, rng: np.random.Generator, *, width: int = 8) -> ArrayStateTable:
    """A state per sample that its answer decides, at the last token of every layer."""
    codes = pd.factorize(sampled["text"])[0]
    vectors = rng.normal(size=(codes.max() + 1, width)).astype(np.float32)
    values = {("residual", layer): vectors[codes][:, None, :] for layer in range(3)}
    return ArrayStateTable(values, positions=("-1",))
