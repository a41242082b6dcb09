"""How a detector's answers were asked for, so that later answers can be asked for in the same way."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from tacitly.records import Question

MOST_SETS = (
    64  # a task with more closed sets than this has one for nearly every question; none of them would fit others
)

Messages = Sequence[Mapping[str, str]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Turn(_Strict):
    """A message that stood before every question."""

    role: Literal["system", "user", "assistant"]
    content: str


class ClosedSet(_Strict):
    """The choices of the questions that begin and end alike.

    Attributes:
        opening: How these questions begin,
        closing: and how they end; both empty where all questions share the set.
        choices: The set; a choice with several names is written `canonical|name|name`.
    """

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


class Asking(_Strict):
    """How the questions were put, and what was looked for in their answers.

    Attributes:
        system_prompt: The system message; None for none.
        chat_template: `auto` for the model's own, `plain` for the Q/A form, else a Jinja template's text.
        turns: What stood before every question, such as worked examples.
        before: What stood before the question in its own message,
        after: and what stood after it.
        whole: Whether that is all: False where questions came with more, such as a passage of their own.
        locator: The locators, in the order in which they were asked.
        closed_sets: The closed sets of the answers, by the wording of their questions.
        max_new_tokens: The most tokens of an answer.
        stop: Strings that ended an answer.
    """

    system_prompt: str | None = None
    chat_template: str = "auto"
    turns: tuple[Turn, ...] = ()
    before: str = ""
    after: str = ""
    whole: bool = True
    locator: tuple[str, ...] = Field(min_length=1)
    closed_sets: tuple[ClosedSet, ...] = ()
    max_new_tokens: int = Field(ge=1)
    stop: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        questions: Sequence[Question],
        *,
        prompt: Callable[[Question], str | Messages],
        locator: Sequence[str],
        max_new_tokens: int,
        system_prompt: str | None = None,
        chat_template: str = "auto",
        stop: Sequence[str] = (),
    ) -> Self:
        """Find what all questions of a study share.

        Args:
            questions: The questions, at least one.
            prompt: The messages that ask one of them, without the system message.
            locator: The locators, in order.
            max_new_tokens: The most tokens of an answer.
            system_prompt: The system message.
            chat_template: `auto`, `plain`, or a template's text.
            stop: Strings that ended an answer.

        Returns:
            How any further question would be asked.

        Example:
            >>> asked = [Question(question_id=w, question=f"Is {w} red?", answers=("yes",), entity=w) for w in "ab"]
            >>> asking = Asking.of(asked, prompt=lambda q: f"Q: {q.question}", locator=["choices"], max_new_tokens=8)
            >>> asking.messages("Is snow red?")
            [{'role': 'user', 'content': 'Q: Is snow red?'}]
        """
        rendered = [_messages(prompt(question)) for question in questions]
        first, text = rendered[0], questions[0].question
        before, found, after = first[-1].content.partition(text) if text else ("", "", "")
        whole = bool(found) and all(
            messages[:-1] == first[:-1] and messages[-1].content == f"{before}{question.question}{after}"
            for messages, question in zip(rendered, questions, strict=True)
        )
        return cls(
            system_prompt=system_prompt,
            chat_template=chat_template,
            turns=first[:-1] if whole else (),
            before=before if whole else "",
            after=after if whole else "",
            whole=whole,
            locator=tuple(locator),
            closed_sets=_closed_sets(questions),
            max_new_tokens=max_new_tokens,
            stop=tuple(stop),
        )

    def messages(self, question: str) -> list[dict[str, str]]:
        """The messages that ask a question, without the system message."""
        last = {"role": "user", "content": f"{self.before}{question}{self.after}"}
        return [*(turn.model_dump() for turn in self.turns), last]

    def choices(self, question: str) -> tuple[str, ...]:
        """The closed set of a question: that of the questions that are worded most like it; empty where none is.

        Example:
            >>> sets = (ClosedSet(opening="Is ", closing=" red?", choices=("yes", "no")),)
            >>> asking = Asking(locator=("choices",), closed_sets=sets, max_new_tokens=8)
            >>> asking.choices("is the snow red"), asking.choices("Who is red?")
            (('yes', 'no'), ())
        """
        fitting = [one for one in self.closed_sets if one.fits(question)]
        return max(fitting, key=lambda one: len(one.opening) + len(one.closing)).choices if fitting else ()


def _messages(prompt: str | Messages) -> tuple[Turn, ...]:
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return tuple(Turn.model_validate(dict(message)) for message in messages)


def _closed_sets(questions: Iterable[Question]) -> tuple[ClosedSet, ...]:
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
