"""The seam of locating, and the locator that tests put in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from tacitly.records import Span


@runtime_checkable
class Locator(Protocol):
    """Finds the exact answer in an answer's text, without knowing what would be right."""

    def locate(self, question_text: str, answer_text: str, choices: Sequence[str]) -> Span:
        """Find the shortest stretch of the answer that answers the question."""
        ...


class Passage(NamedTuple):
    """What a locator may see of one answer; what would be right is not part of it."""

    question_text: str
    answer_text: str
    choices: Sequence[str]


@runtime_checkable
class BatchLocator(Locator, Protocol):
    """A locator that is quicker with many answers together."""

    def locate_all(self, passages: Sequence[Passage]) -> list[Span]:
        """Find the exact answer of each answer, in their order."""
        ...


def locate_all(locator: Locator, passages: Sequence[Passage]) -> list[Span]:
    """Find the exact answers of many answers, together where the locator can.

    Example:
        >>> [span.exact_answer for span in locate_all(FakeLocator(), [Passage("?", "ab", ()), Passage("?", "cd", ())])]
        ['a', 'c']
    """
    if isinstance(locator, BatchLocator):
        return locator.locate_all(passages)
    return [locator.locate(*passage) for passage in passages]


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
