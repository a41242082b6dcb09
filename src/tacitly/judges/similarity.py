"""Judging free-form answers by how alike they and a reference answer are; the likenesses themselves, for tables too."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from tacitly.extras import require
from tacitly.judges.base import Judge
from tacitly.judges.refusal import refuses
from tacitly.judges.thresholds import Calibration, read_calibration
from tacitly.records import Label, Question
from tacitly.text import ARTICLES, words

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

Similarities = Callable[[Sequence[str], Sequence[str]], Float[np.ndarray, " pair"]]

READ_WORDS = 72  # what fits into an answer of about 96 tokens
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def token_f1(answer: str, reference: str) -> float:
    """How many words two texts share: the harmonic mean of both shares, every word counted as often as it stands there.

    Args:
        answer: A text.
        reference: Another; which is which makes no difference.

    Returns:
        0 to 1. Words are compared by their keys (`tacitly.text.words`), without articles. Two texts without a word are
        alike, a text with and one without are not.

    Reference:
        Rajpurkar et al. (EMNLP 2016), section 6.1, and the evaluation script of SQuAD 2.0 for texts without a word.

    Example:
        >>> token_f1("The gene is CFTR.", "CFTR gene")
        0.8
    """
    mine, theirs = Counter(_keys(answer)), Counter(_keys(reference))
    if not mine or not theirs:
        return float(mine == theirs)
    return 2 * (mine & theirs).total() / (mine.total() + theirs.total())


def rouge_l(answer: str, reference: str) -> float:
    """How long the longest sequence of words is that two texts share, gaps allowed: ROUGE-L's F-measure.

    Args:
        answer: A text.
        reference: Another; which is which makes no difference.

    Returns:
        0 to 1. Words are compared by their keys (`tacitly.text.words`), articles included and without a stemmer.

    Raises:
        SettingsError: The package rouge-score is not there.

    Reference:
        Lin (2004), "ROUGE: A Package for Automatic Evaluation of Summaries", section 3.1, with beta = 1.

    Example:
        >>> round(rouge_l("the gene is CFTR", "the CFTR gene"), 3)
        0.571
    """
    return float(_rouge_scorer().score(reference, answer)["rougeL"].fmeasure)


def beginning(text: str, *, most: int = READ_WORDS) -> str:
    """The whole sentences that a text begins with, up to so many words; of a longer first sentence, that many words.

    Example:
        >>> beginning("It is rare. It runs in families. Ask a doctor.", most=7)
        'It is rare. It runs in families.'
    """
    kept: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        more = sentence.split()
        if kept and len(kept) + len(more) > most:
            break
        kept += more
    return " ".join(kept[:most])


@dataclass(frozen=True)
class SimilarityJudge(Judge):
    """Right is an answer that is alike enough to one of the accepted answers.

    Both are read up to `READ_WORDS` words, at a sentence's end: so much is in a generated answer, and so the threshold
    was found. An answer that begins by declining, or has no word that the question has not, is wrong however alike it
    is: both name what the reference is about. An answer without a word is neither right nor wrong, nor is one to a
    question without accepted answers.

    Attributes:
        name: The judge's name in the catalog.
        similarities: How alike the pairs of two lists are, higher is more.
        calibration: The threshold, and what it is worth.

    Reference:
        `METHOD.md` section 2.

    Example:
        >>> question = Question(question_id="1", question="?", answers=("The CFTR gene.",), entity="cystic fibrosis")
        >>> token_f1_judge().judge(question, "The gene is CFTR.").correct
        True
    """

    name: str
    similarities: Similarities
    calibration: Calibration

    @property
    def caveat(self) -> str:
        """The threshold, and how often it accepts right and wrong answers."""
        return self.calibration.caveat(self.name)

    def judge_all(self, questions: Sequence[Question], answers: Sequence[str]) -> list[Label]:
        """Judge answers by the accepted answer that each is most like.

        Args:
            questions: The question of each answer, with its accepted answers.
            answers: What the model wrote.

        Returns:
            The labels; their evidence gives similarity and threshold.
        """
        rows = [
            (i, beginning(answer), beginning(accepted))
            for i, (question, answer) in enumerate(zip(questions, answers, strict=True))
            if words(answer)
            for accepted in question.answers
        ]
        best: dict[int, float] = {}
        alike = self.similarities([row[1] for row in rows], [row[2] for row in rows]) if rows else ()
        for (i, _, _), similarity in zip(rows, alike, strict=True):
            best[i] = max(best.get(i, -math.inf), float(similarity))
        return [
            self._label(q, answer, best.get(i)) for i, (q, answer) in enumerate(zip(questions, answers, strict=True))
        ]

    def _label(self, question: Question, answer: str, similarity: float | None) -> Label:
        if similarity is None:
            evidence = "no reference answer" if words(answer) else "empty answer"
            return Label(correct=None, refused=False, judge=self.name, evidence=evidence)
        threshold = self.calibration.threshold
        shown = math.floor(similarity * 100 + 1e-7) / 100  # rounded up, 0.619 would seem to reach 0.62
        refused = refuses(_SENTENCE_END.split(answer, maxsplit=1)[0])
        told = set(_keys(answer))
        says_nothing = bool(told) and told <= set(_keys(question.question))
        correct = shown >= threshold and not refused and not says_nothing  # thresholds have two decimals
        evidence = f"similarity {shown:.2f} to the reference, threshold {threshold:.2f}"
        evidence += "; it declines" if refused else "; it only repeats the question" if says_nothing else ""
        return Label(correct=correct, refused=refused, judge=self.name, evidence=evidence)


def token_f1_judge() -> SimilarityJudge:
    """The judge `token_f1`, with the threshold that comes with the package."""
    return SimilarityJudge("token_f1", one_by_one(token_f1), read_calibration("token_f1"))


def rouge_l_judge() -> SimilarityJudge:
    """The judge `rouge_l`, with the threshold that comes with the package.

    Raises:
        SettingsError: The package rouge-score is not there.
    """
    require("similarity 'rouge_l'", "rouge_score", extra="similarity")
    return SimilarityJudge("rouge_l", one_by_one(rouge_l), read_calibration("rouge_l"))


def one_by_one(similarity: Callable[[str, str], float]) -> Similarities:
    """Make of a likeness of two texts one of two lists.

    Example:
        >>> one_by_one(token_f1)(["CFTR", "p53"], ["CFTR", "CFTR"]).tolist()
        [1.0, 0.0]
    """

    def similarities(answers: Sequence[str], references: Sequence[str]) -> Float[np.ndarray, " pair"]:
        return np.array([similarity(*pair) for pair in zip(answers, references, strict=True)], dtype=np.float64)

    return similarities


def _keys(text: str) -> list[str]:
    return [word.key for word in words(text) if word.key not in ARTICLES]


class _Words:
    """Words for rouge-score, whose own tokenizer drops every letter that is not a to z."""

    def tokenize(self, text: str) -> list[str]:
        return [word.key for word in words(text)]


@cache
def _rouge_scorer() -> "RougeScorer":
    require("similarity 'rouge_l'", "rouge_score", extra="similarity")
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], tokenizer=_Words())
