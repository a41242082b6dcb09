"""Labels that came with the answers: a person has judged them."""

from collections.abc import Sequence
from dataclasses import dataclass

from tacitly.judges.base import Judge
from tacitly.records import Label, Question


@dataclass(frozen=True)
class HumanJudge(Judge):
    """Passes on what a person said of an answer that exists already; any other answer is neither right nor wrong.

    Example:
        >>> question = Question(
        ...     question_id="1", question="?", answers=(), entity="x", written="The liver.", graded=True
        ... )
        >>> HumanJudge().judge(question, "The liver.").correct, HumanJudge().judge(question, "A lung.").correct
        (True, None)
    """

    @property
    def caveat(self) -> None:
        """None: a person's label needs no comment of ours."""

    def judge_all(self, questions: Sequence[Question], answers: Sequence[str]) -> list[Label]:
        """Give each answer the label that its question came with."""
        return [_label(question, answer) for question, answer in zip(questions, answers, strict=True)]


def _label(question: Question, answer: str) -> Label:
    if question.written != answer or question.graded is None:
        return Label(correct=None, refused=False, judge="human", evidence="no person has judged this answer")
    return Label(correct=question.graded, refused=False, judge="human", evidence="judged by a person")
