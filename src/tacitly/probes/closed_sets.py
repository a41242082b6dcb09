"""The closed sets of a study's questions, and which of them a further question belongs to."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import takewhile

from pydantic import BaseModel, ConfigDict, Field

from tacitly.records import Question

MOST_SETS = (
    64  # a task with more closed sets than this has one for nearly every question; none of them would fit others
)


class ClosedSet(BaseModel):
    """The choices of the questions that begin and end alike.

    Attributes:
        opening: How these questions begin,
        closing: and how they end; both empty where all questions share the set.
        choices: The set; a choice with several names is written `canonical|name|name`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    opening: str = ""
    closing: str = ""
    choices: tuple[str, ...] = Field(min_length=1)

    def fits(self, question: str) -> bool:
        """Whether a question is worded like those of the set."""
        asked, opening, closing = _plain(question), self.opening.casefold(), _plain(self.closing)
        if asked == _plain(opening):
            return True
        long_enough = len(asked) >= len(opening) + len(closing)
        return long_enough and asked.startswith(opening) and asked.endswith(closing)


def find_closed_sets(questions: Iterable[Question]) -> tuple[ClosedSet, ...]:
    """The closed sets of questions, by their wording; none where they are too many to be known by it.

    Example:
        >>> asked = [Question(question_id=w, question=f"Is {w} red?", answers=("no",), entity=w, choices=("yes", "no"))
        ...          for w in ("snow", "blood")]
        >>> find_closed_sets(asked)[0].choices
        ('yes', 'no')
    """
    asked: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for question in questions:
        asked[question.choices].append(question.question)
    if len(asked) == 1:
        return tuple(ClosedSet(choices=choices) for choices in asked if choices)
    if len(asked) > MOST_SETS:
        return ()
    frames = ((choices, *_frame(texts)) for choices, texts in asked.items() if choices)
    return tuple(
        ClosedSet(opening=opening, closing=closing, choices=choices)
        for choices, opening, closing in frames
        if opening or closing
    )


def _frame(texts: Sequence[str]) -> tuple[str, str]:
    """The whole words with which all texts begin, and those with which they end."""
    if len(set(texts)) == 1:
        return texts[0], ""
    opening = _shared(texts)
    rest = [text[len(opening) :][::-1] for text in texts]
    closing = _shared(rest)[::-1]
    return opening[: opening.rfind(" ") + 1], closing[closing.find(" ") :] if " " in closing else ""


def _shared(texts: Sequence[str]) -> str:
    """The longest common beginning."""
    low, high = min(texts), max(texts)  # what these two share, all share
    return "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False)))


def _plain(text: str) -> str:
    """For comparing wordings: without case, and without the marks at the end."""
    return text.casefold().rstrip(" ?.!")
