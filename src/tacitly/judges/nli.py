"""Judging by natural language inference: does the answer entail a reference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from tacitly.judges.base import Judge
from tacitly.judges.refusal import refuses
from tacitly.judges.similarity import beginning
from tacitly.records import Label, Question
from tacitly.text import words

if TYPE_CHECKING:
    from tacitly.models.classifier import EntailmentModel

Entailments = Callable[[Sequence[str], Sequence[str]], Float[np.ndarray, " pair"]]

RIGHT_FROM = 0.6
WRONG_TO = 0.4  # between the two a probability decides nothing


@dataclass(frozen=True)
class NliJudge(Judge):
    """Right is an answer that entails one of the accepted answers, both read after their question.

    With the premise `question answer` and the hypothesis `question reference`, the highest probability of entailment
    over the references decides: right from 0.6 on, wrong up to 0.4, and in between neither. One direction only, since
    an answer may rightly say more than its reference does. An answer without a word is neither right nor wrong, nor is
    one to a question without accepted answers.

    Attributes:
        entailments: How likely the premises entail their hypotheses.
        model: Whose opinion that is.

    Reference:
        Kuhn, Gal and Farquhar (ICLR 2023), "Semantic uncertainty", section 3.2: texts are compared after their
        question. There both directions have to hold, for what is asked is whether two answers mean the same.

    Example:
        >>> def says_so(premises, hypotheses):
        ...     return np.array([0.9 if "Lima" in premise else 0.45 for premise in premises])
        >>> judge = NliJudge(says_so, "my-nli")
        >>> question = Question(question_id="1", question="Capital of Peru?", answers=("Lima",), entity="Peru")
        >>> judge.judge(question, "It is Lima.").evidence
        'my-nli: the reference is entailed with probability 0.90'
        >>> judge.judge(question, "Quito").correct is None
        True
    """

    entailments: Entailments
    model: str

    @property
    def caveat(self) -> str:
        """Whose opinion the labels are, and what lies between right and wrong."""
        return (
            f"the labels of judge 'nli' are the opinion of the model {self.model!r}: right where the answer entails a "
            f"reference with probability {RIGHT_FROM} or more, wrong up to {WRONG_TO}, unknown between"
        )

    def judge_all(self, questions: Sequence[Question], answers: Sequence[str]) -> list[Label]:
        """Judge answers by the accepted answer that each most likely entails.

        Args:
            questions: The question of each answer, with its accepted answers.
            answers: What the model wrote.

        Returns:
            The labels; their evidence gives the probability.

        Raises:
            ModelError: If the model is not there, or is no model of natural language inference.
        """
        rows = [
            (i, f"{question.question} {answer.strip()}", f"{question.question} {beginning(accepted)}")
            for i, (question, answer) in enumerate(zip(questions, answers, strict=True))
            if words(answer)
            for accepted in question.answers
        ]
        likely = self.entailments([row[1] for row in rows], [row[2] for row in rows]) if rows else ()
        best: dict[int, float] = {}
        for (i, _, _), probability in zip(rows, likely, strict=True):
            best[i] = max(best.get(i, 0.0), float(probability))
        return [self._label(answer, best.get(i)) for i, answer in enumerate(answers)]

    def _label(self, answer: str, probability: float | None) -> Label:
        if probability is None:
            evidence = "no reference answer" if words(answer) else "empty answer"
            return Label(correct=None, refused=False, judge="nli", evidence=evidence)
        correct = None if WRONG_TO < probability < RIGHT_FROM else probability >= RIGHT_FROM
        evidence = f"{self.model}: the reference is entailed with probability {probability:.2f}"
        return Label(correct=correct, refused=correct is False and refuses(answer), judge="nli", evidence=evidence)


def nli_judge(name: str) -> NliJudge:
    """The judge `nli` with a model by name, which is opened when it first judges.

    Args:
        name: A hub id or a folder.
    """

    @cache
    def model() -> "EntailmentModel":
        from tacitly.models.classifier import EntailmentModel

        return EntailmentModel(name)

    return NliJudge(lambda premises, hypotheses: model().entailments(premises, hypotheses), name)
