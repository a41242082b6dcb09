"""The seam of judging, and the judge that tests put in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tacitly.records import Label, Question


@runtime_checkable
class Judge(Protocol):
    """Says whether answers are right; a judge inherits from it and writes `caveat` and `judge_all`."""

    @property
    def caveat(self) -> str | None:
        """What a reader should know of this judge's labels, in a sentence or two; None where they need no comment."""
        ...

    def judge_all(self, questions: Sequence[Question], answers: Sequence[str]) -> list[Label]:
        """Judge the texts of some answers together.

        Args:
            questions: What each answer answers; a question comes as often as it has answers.
            answers: What the model wrote.

        Returns:
            A label per answer, in their order.
        """
        ...

    def judge(self, question: Question, answer: str) -> Label:
        """Judge the text of one answer."""
        return self.judge_all([question], [answer])[0]


@dataclass(frozen=True)
class FakeJudge(Judge):
    """Gives every answer the same label.

    Example:
        >>> question = Question(question_id="1", question="2 + 2?", answers=("4",), entity="2 + 2")
        >>> FakeJudge(correct=False).judge(question, "5").correct
        False
    """

    correct: bool | None = True
    remark: str | None = None

    @property
    def caveat(self) -> str | None:
        """The remark that was asked for."""
        return self.remark

    def judge_all(self, questions: Sequence[Question], answers: Sequence[str]) -> list[Label]:  # noqa: ARG002
        """Give the label that was asked for."""
        return [Label(correct=self.correct, refused=False, judge="fake", evidence="fixed in advance")] * len(answers)
