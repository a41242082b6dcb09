"""The exact answer as the first line, without its lead-in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tacitly.locators.base import missing
from tacitly.records import Span
from tacitly.text import normalize

_LEAD_IN = re.compile(
    r"""[\s"'“‘*_#>-]*
    (?:(?:the\ )?(?:final\ |short\ |correct\ )*answer(?:\ to\ (?:this|the)\ question)?\s*(?::|is\b:?)
    |a:|it\ is\b|it's\b)?
    [\s"'“‘*_(:]*""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class FirstLineLocator:
    r"""Locates the first line that says something, without a lead-in such as `Answer:` and the marks around it.

    Example:
        >>> FirstLineLocator().locate("Capital of Peru?", "Answer: **Lima**.\nIt lies ...", ()).exact_answer
        'Lima'
    """

    def locate(self, question_text: str, answer_text: str, choices: Sequence[str]) -> Span:  # noqa: ARG002
        """Find the first line."""
        start = 0
        for line in answer_text.splitlines(keepends=True):
            lead = _LEAD_IN.match(line)
            first = start + (lead.end() if lead else 0)
            exact = answer_text[first : start + len(line)].rstrip(" \t\r\n\v\f.,;:!?\"'”’*_)")
            if normalize(exact):
                end = first + len(exact)
                return Span(start=first, end=end, exact_answer=exact, given=normalize(exact), locator="first_line")
            start += len(line)
        return missing("first_line", "no line has a word")
