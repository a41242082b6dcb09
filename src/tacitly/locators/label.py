"""The exact answer as the label of a closed set that the answer gives."""

from collections.abc import Sequence
from dataclasses import dataclass

from tacitly.locators.base import missing
from tacitly.reading.given_label import given_label
from tacitly.records import Span


@dataclass(frozen=True)
class LabelLocator:
    """Locates the label that is meant (`tacitly.reading.given_label`), as the judge `label` reads it.

    Example:
        >>> span = LabelLocator().locate("?", "Not entailment: it is a contradiction.", ("entailment", "contradiction"))
        >>> span.exact_answer, span.start
        ('contradiction', 24)
    """

    def locate(self, question_text: str, answer_text: str, choices: Sequence[str]) -> Span:
        """Find the label that the answer gives."""
        if not choices:
            return missing("label", "the question has no closed set")
        given = given_label(question_text, answer_text, choices)
        if isinstance(given, str):
            return missing("label", given)
        if given.start is None or given.end is None:
            return missing("label", f"leaves only {given.label!r}, without naming it")
        exact = answer_text[given.start : given.end]
        return Span(start=given.start, end=given.end, exact_answer=exact, given=given.label, locator="label")
