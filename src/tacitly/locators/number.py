"""The exact answer as a number."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tacitly.locators.base import missing
from tacitly.reading.given_number import given_number
from tacitly.records import Span
from tacitly.text import Word, words

_ASKS = re.compile(
    r"\bhow (?:many|much|old|tall|long|far|high|deep|often|large|heavy|fast|hot|cold)\b"
    r"|\b(?:what|which) (?:year|century|decade|percentage|percent|number|age|temperature)\b"
    r"|\b(?:square|cube) root\b|\bmultiplied\b|\bdivided by\b|\bplus\b|\bminus\b|\btimes\b|\bprime number\b|\bsum of\b"
    r"|\b(?:boiling|freezing|melting) point\b|^when\b|\d\s*[-+*/x×]\s*\d",
    re.IGNORECASE,
)
_YEAR = re.compile(
    r"\b(?:what|which)\s+(?:\w+\s+)?year\b|^\W*(?:(?:since|until|from)\s+)?when\b|\byear\W*$", re.IGNORECASE
)
_DECADE = re.compile(r"\d{2,4}s")
_ERA = re.compile(r"\s*(?:AD|BC|CE|BCE|A\.D\.|B\.C\.)\b")


def asks_number(question_text: str) -> bool:
    """Whether the form of a question asks for a number (`how many`, `what year`, ...).

    Example:
        >>> asks_number("How many moons has Mars?"), asks_number("Who reigned in 1912?")
        (True, False)
    """
    return _ASKS.search(question_text) is not None


@dataclass(frozen=True)
class NumberLocator:
    """Locates the number that the answer gives (`tacitly.reading.given_number`).

    Where the question asks for a year, it is the first number that is like one and not the question's.

    Example:
        >>> NumberLocator().locate("What is 15 times 6?", "15 times 6 equals 90.", ()).exact_answer
        '90'
    """

    def locate(self, question_text: str, answer_text: str, choices: Sequence[str]) -> Span:  # noqa: ARG002
        """Find the number that the answer gives."""
        if _YEAR.search(question_text):
            return _locate_year(question_text, answer_text)
        given = given_number(question_text, answer_text)
        if isinstance(given, str):
            return missing("number", given)
        exact = answer_text[given.start : given.end]
        return Span(start=given.start, end=given.end, exact_answer=exact, given=given.key, locator="number")


def _locate_year(question: str, answer: str) -> Span:
    asked = {word.key for word in words(question) if word.number}
    numbers = [word for word in words(answer) if word.number or _DECADE.fullmatch(word.key)]
    years = [word for word in numbers if word.key not in asked and _like_year(word, answer)]
    if not years:
        return missing("number", "says no year" if numbers else "says no number")
    first = years[0]
    exact = answer[first.start : first.end]
    return Span(start=first.start, end=first.end, exact_answer=exact, given=first.key, locator="number")


def _like_year(word: Word, text: str) -> bool:
    """Whether a number has three or four digits, or stands as `in 79` or `79 AD`."""
    if not word.key.isdigit():
        return _DECADE.fullmatch(word.key) is not None
    era = _ERA.match(text, word.end) or re.search(r"(?:\b(?:in|AD|year)\s|^\W*)$", text[: word.start], re.IGNORECASE)
    return len(word.key) in (3, 4) or era is not None


@dataclass(frozen=True)
class AskedNumberLocator:
    """Locates a number, only where the question's form asks for one (`how many`, `what year`, ...).

    Example:
        >>> AskedNumberLocator().locate("Who reigned in 1912?", "George, from 1910", ()).found
        False
    """

    def locate(self, question_text: str, answer_text: str, choices: Sequence[str]) -> Span:
        """Find the number that the answer gives, if the question wants one."""
        if not asks_number(question_text):
            return missing("number", "the question asks for no number")
        return NumberLocator().locate(question_text, answer_text, choices)
