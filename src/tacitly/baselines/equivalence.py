"""When two answers to one question are the same, and how alike they are: by their words, or by what a model says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

EquivalenceName = Literal["match", "embedding", "nli"]
SIMILARITIES: dict[EquivalenceName, str] = {"match": "jaccard", "embedding": "embedding", "nli": "nli"}
"""What the similarity is called that goes with each equivalence."""

SAME_FROM = 0.7
"""The least cosine of two exact answers that are the same (`docs/reference/baselines.md`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswers:
    """The answers to one question, the greedy one first.

    Attributes:
        question: The question.
        texts: The answers as written.
        given: What each gave: its exact answer in canonical form, or the normalised text where none was located.
        words: Its exact answer as written, or the whole text where none was located.
    """

    question: str
    texts: Sequence[str]
    given: Sequence[str]
    words: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """How the answers to one question relate.

    Attributes:
        same: Which answers are equivalent, the greedy one among them and first.
        similarity: How alike each two samples are, 0 to 1, symmetric, 1 on the diagonal.
        contradictions: How far each sample contradicts the greedy answer; None where no model tells.
    """

    same: Bool[np.ndarray, "answer answer"]
    similarity: Float[np.ndarray, "sample sample"]
    contradictions: Float[np.ndarray, " sample"] | None = None


@runtime_checkable
class Equivalence(Protocol):
    """Compares the answers to many questions at once."""

    @property
    def name(self) -> EquivalenceName:
        """What goes into the names of baselines that rest on it."""

    def relate(self, answers: Sequence[GivenAnswers]) -> list[Relation]:
        """The relation of the answers to each question."""


@dataclass(frozen=True, slots=True)
class MatchEquivalence:
    """Answers are the same that gave the same exact answer, normalised; texts are alike by the words they share.

    Reference:
        Lin, Trivedi and Sun (TMLR 2024), "Generating with Confidence", section 4.1, for the Jaccard similarity.

    Example:
        >>> answers = GivenAnswers(question="?", texts=["a b", "a c", "a b"], given=["x", "y", "x"], words=["", "", ""])
        >>> relation = MatchEquivalence().relate([answers])[0]
        >>> relation.same[0].tolist(), round(float(relation.similarity[0, 1]), 3)
        ([True, False, True], 0.333)
    """

    name: EquivalenceName = "match"

    def relate(self, answers: Sequence[GivenAnswers]) -> list[Relation]:
        """Compare what was given, and the texts of the samples."""
        found = []
        for of_one in answers:
            given = np.array(of_one.given, dtype=object)
            found.append(Relation(same=given[:, None] == given[None, :], similarity=jaccard(of_one.texts[1:])))
        return found


@dataclass(frozen=True, slots=True)
class EmbeddingEquivalence:
    """Answers are the same whose sentence embeddings have a cosine of `threshold` or more.

    Exact answers are compared, or whole texts where there are none. A cosine below 0 counts as no likeness.

    Args:
        embed: Texts to vectors of length 1.
        threshold: The least cosine of two answers that are the same.

    Reference:
        Reimers and Gurevych (EMNLP 2019); `docs/reference/baselines.md` for the threshold.
    """

    embed: Callable[[Sequence[str]], Float[np.ndarray, "text width"]]
    threshold: float
    name: EquivalenceName = "embedding"

    def relate(self, answers: Sequence[GivenAnswers]) -> list[Relation]:
        """Embed every text once, and compare."""
        texts = list(dict.fromkeys(text for of_one in answers for text in of_one.words))
        if not texts:
            return []
        place = {text: i for i, text in enumerate(texts)}
        vectors = self.embed(texts)
        found = []
        for of_one in answers:
            where = [place[text] for text in of_one.words]
            cosines = np.clip(vectors[where] @ vectors[where].T, 0.0, 1.0)
            equal = np.equal.outer(where, where)
            cosines[equal] = 1.0
            found.append(Relation(same=cosines >= self.threshold, similarity=_symmetric(cosines[1:, 1:])))
        return found


def jaccard(texts: Sequence[str]) -> Float[np.ndarray, "sample sample"]:
    """The share of words that each two texts have in common, of all that either has.

    Words are what white space separates, in lower case. Two texts without a word are alike.

    Reference:
        Lin, Trivedi and Sun (TMLR 2024), section 4.1; LM-Polygraph's `Jaccard_score`.

    Example:
        >>> jaccard(["the lungs", "The heart", ""]).round(2).tolist()
        [[1.0, 0.33, 0.0], [0.33, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    sets = [set(text.lower().split()) for text in texts]
    alike = np.eye(len(sets))
    for i, mine in enumerate(sets):
        for j in range(i):
            either = len(mine | sets[j])
            alike[i, j] = alike[j, i] = len(mine & sets[j]) / either if either else 1.0
    return alike


def _symmetric(values: Float[np.ndarray, "sample sample"]) -> Float[np.ndarray, "sample sample"]:
    mean: Float[np.ndarray, "sample sample"] = (values + values.T) / 2
    return mean
