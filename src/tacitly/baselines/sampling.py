"""All sampling baselines: the samples of each question are brought together, compared once, and scored."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped

from tacitly.activations.base import StateTable
from tacitly.baselines.catalog import load_sampling
from tacitly.baselines.controls import answer_strings
from tacitly.baselines.equivalence import Equivalence, GivenAnswers
from tacitly.baselines.sampled_question import LEAST, SampledQuestion, sort_into_classes
from tacitly.baselines.token_probability import read_numbers, read_tokens

TOO_FEW = f"needs generate.samples={LEAST} or more"
SITE, POSITION = "residual", "-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleScores:
    """What the samples say of the greedy answers.

    Attributes:
        scores: One score per greedy answer for each baseline; NaN where it is not defined.
        absent: Why each other baseline has no scores at all.
    """

    scores: dict[str, Float[np.ndarray, " row"]]
    absent: dict[str, str]


def score_samples(
    rows: pd.DataFrame, sampled: pd.DataFrame, *, equivalence: Equivalence, states: StateTable | None = None
) -> SampleScores:
    """Score greedy answers by the samples of the same questions.

    Args:
        rows: Greedy answers, one a question, as the experiments' rows are described.
        sampled: Sampled answers of the same questions, with the same columns.
        equivalence: When two answers are the same.
        states: The states of the sampled answers, in their order; None where there are none.

    Returns:
        The scores, or why there are none.
    """
    baselines = load_sampling(equivalence.name)
    if not len(sampled) or sampled.groupby("question_id").size().max() < LEAST:
        return SampleScores(scores={}, absent=dict.fromkeys(baselines, TOO_FEW))
    no_states = _why_no_states(states)
    questions = read_samples(rows, sampled, equivalence=equivalence, states=None if no_states else states)
    absent = {"eigenscore": no_states} if no_states else {}
    scores = {
        name: np.array([np.nan if q is None else baseline.score(q) for q in questions], dtype=np.float64)
        for name, baseline in baselines.items()
        if name not in absent
    }
    return SampleScores(scores=scores, absent=absent)


def read_samples(
    rows: pd.DataFrame, sampled: pd.DataFrame, *, equivalence: Equivalence, states: StateTable | None = None
) -> list[SampledQuestion | None]:
    """Bring the samples of each question together and compare them.

    Args:
        rows: Greedy answers, one a question.
        sampled: Sampled answers of the same questions, with the same columns.
        equivalence: When two answers are the same.
        states: The states of the sampled answers, in their order.

    Returns:
        One entry per row; None where a question has fewer than two samples.
    """
    places = sampled.groupby("question_id", sort=False).indices
    chosen = [places.get(question, np.zeros(0, dtype=np.int64)) for question in rows["question_id"]]
    enough = [i for i, where in enumerate(chosen) if len(where) >= LEAST]
    greedy, others = _Compared.of(rows), _Compared.of(sampled)
    given = [
        GivenAnswers(
            question=str(rows["question"].iloc[i]),
            texts=[greedy.texts[i], *others.texts[chosen[i]]],
            given=[greedy.given[i], *others.given[chosen[i]]],
            words=[greedy.words[i], *others.words[chosen[i]]],
        )
        for i in enough
    ]
    likelihoods = _log_likelihoods(sampled)
    vectors = None if states is None else states.states(SITE, middle_layer(states), POSITION)
    present = np.zeros(len(sampled), dtype=bool) if states is None else states.present(POSITION)
    found: list[SampledQuestion | None] = [None] * len(rows)
    for i, answers, relation in zip(enough, given, equivalence.relate(given), strict=True):
        where = chosen[i]
        found[i] = SampledQuestion(
            greedy=answers.texts[0],
            texts=answers.texts[1:],
            log_likelihoods=likelihoods[where],
            classes=sort_into_classes(relation.same[1:, 1:]),
            like_greedy=relation.same[0, 1:],
            similarity=relation.similarity,
            contradictions=relation.contradictions,
            states=None if vectors is None else vectors[where[present[where]]],
        )
    return found


def middle_layer(states: StateTable) -> int:
    """The layer in the middle of the model: half its blocks, rounded down.

    Reference:
        Chen et al. (ICLR 2024), "INSIDE", section 4.1; LM-Polygraph takes the same layer.
    """
    return max(states.layers(SITE)) // 2


def _why_no_states(states: StateTable | None) -> str | None:
    if states is None or SITE not in states.sites:
        return "the residual stream of the samples was not captured"
    if POSITION not in states.positions:
        return f"needs the position {POSITION} in capture.sample_positions"
    return None


@dataclass(frozen=True, slots=True)
class _Compared:
    """What is compared of each answer: its text, what it gave in canonical form, and its exact words."""

    texts: Shaped[np.ndarray, " row"]
    given: Shaped[np.ndarray, " row"]
    words: Shaped[np.ndarray, " row"]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "_Compared":
        texts = rows["text"].astype(str).to_numpy(dtype=object)
        exact = [text if pd.isna(own) else str(own) for own, text in zip(rows["exact_answer"], texts, strict=True)]
        return cls(texts=texts, given=answer_strings(rows), words=np.array(exact, dtype=object))


def _log_likelihoods(sampled: pd.DataFrame) -> Float[np.ndarray, " row"]:
    """The sum over the tokens and the end token; NaN for an answer that has neither."""
    sums = [values.sum() if len(values) else np.nan for values in read_tokens(sampled, "logprob", "answer")]
    both: Float[np.ndarray, " row"] = np.array([sums, read_numbers(sampled, "end_logprob")], dtype=np.float64)
    return np.where(np.isnan(both).all(axis=0), np.nan, np.nansum(both, axis=0))
