"""The exact answer as the first choice of a closed set that the answer names."""

from collections.abc import Sequence
from dataclasses import dataclass

from tacitly.locators.base import missing
from tacitly.reading.stances import named
from tacitly.records import Span


@dataclass(frozen=True)
class ChoicesLocator:
    """Locates the first mention of a choice that is neither denied nor a repetition of the question.

    `given` is the choice as the set has it, so that `kidneys` and `Kidney` are the same answer. A choice may be written
    with other names for the same thing, as `kidney|renal organ`.

    Example:
        >>> span = ChoicesLocator().locate("Which organ?", "It affects the kidneys.", ("kidney", "lung"))
        >>> span.exact_answer, span.given
        ('kidneys', 'kidney')
    """

    def locate(self, question_text: str, answer_text: str, choices: Sequence[str]) -> Span:
        """Find the choice that the answer gives."""
        if not choices:
            return missing("choices", "the question has no closed set")
        mentions = named(answer_text, choices, question=question_text)
        if not mentions:
            return missing("choices", "names none of the choices")
        first = mentions[0]
        return Span(
            start=first.start,
            end=first.end,
            exact_answer=answer_text[first.start : first.end],
            given=first.phrase,
            locator="choices",
        )
