"""The seam of locating, and the locator that tests put in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tacitly.records import Span


@runtime_checkable
class Locator(Protocol):
    """Finds the exact answer in an answer's text, without knowing what would be right."""

    def locate(self, question_text: str, answer_text: str, choices: Sequence[str]) -> Span:
        """Find the shortest stretch of the answer that answers the question."""
        ...


def missing(locator: str, reason: str) -> Span:
    """Say that there is no exact answer, and why.

    Example:
        >>> missing("choices", "names none of the choices").found
        False
    """
    return Span(start=None, end=None, exact_answer=None, given=None, locator=locator, reason=reason)


@dataclass(frozen=True)
class FakeLocator:
    """Takes the same characters of every answer that is long enough.

    Example:
        >>> FakeLocator(start=0, end=5).locate("Capital?", "Paris it is.", ()).exact_answer
        'Paris'
    """

    start: int = 0
    end: int = 1

    def locate(self, question_text: str, answer_text: str, choices: Sequence[str]) -> Span:  # noqa: ARG002
        """Take the characters that were asked for."""
        if len(answer_text) < self.end:
            return missing("fake", "the answer is too short")
        exact = answer_text[self.start : self.end]
        return Span(start=self.start, end=self.end, exact_answer=exact, given=exact, locator="fake")
