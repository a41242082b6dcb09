"""The seam of judging, and the judge that tests put in its place."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tacitly.records import Label, Question


@runtime_checkable
class Judge(Protocol):
    """Says whether an answer is right."""

    def judge(self, question: Question, answer: str) -> Label:
        """Judge the text of one answer."""
        ...


@dataclass(frozen=True)
class FakeJudge:
    """Gives every answer the same label.

    Example:
        >>> question = Question(question_id="1", question="2 + 2?", answers=("4",), entity="2 + 2")
        >>> FakeJudge(correct=False).judge(question, "5").correct
        False
    """

    correct: bool | None = True

    def judge(self, question: Question, answer: str) -> Label:  # noqa: ARG002
        """Give the label that was asked for."""
        return Label(correct=self.correct, refused=False, judge="fake", evidence="fixed in advance")
