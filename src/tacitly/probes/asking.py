"""How a detector's answers were asked for, so that later answers can be asked for in the same way."""

from collections.abc import Callable, Mapping, Sequence
from string import ascii_uppercase
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tacitly.errors import SettingsError
from tacitly.probes.closed_sets import ClosedSet, find_closed_sets
from tacitly.records import Question
from tacitly.tasks.learned_template import learn_template
from tacitly.tasks.template import PromptTemplate, with_context

SAME = "same"
"""Stands for the model itself, where it was asked to locate exact answers."""

Messages = Sequence[Mapping[str, str]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Turn(_Strict):
    """A message that stood before every question."""

    role: Literal["system", "user", "assistant"]
    content: str


class Asking(_Strict):
    """How the questions were put, and what was looked for in their answers.

    Attributes:
        system_prompt: The system message; None for none.
        chat_template: `auto` for the model's own, `plain` for the Q/A form, else a Jinja template's text.
        turns: What stood before every question, such as worked examples.
        before: What stood before the question in its own message,
        after: and what stood after it.
        whole: Whether that is all: False where questions came with more, such as a passage of their own.
        wording: The prompt where it held more: a template of question, context and choices (`tacitly.tasks.template`).
            None where the question was all, and where no template gives every prompt.
        needs: What every question came with that this template shows.
        locator: The locators, in the order in which they were asked.
        located_by: The model that the locator `llm` asked; `same` for the model itself. None where none was, and where
            that was not kept.
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
    wording: str | None = None
    needs: tuple[Literal["context", "choices"], ...] = ()
    locator: tuple[str, ...] = Field(min_length=1)
    located_by: str | None = None
    closed_sets: tuple[ClosedSet, ...] = ()
    max_new_tokens: int = Field(ge=1)
    stop: tuple[str, ...] = ()

    @field_validator("wording")
    @classmethod
    def _readable(cls, wording: str | None) -> str | None:
        try:
            return wording and PromptTemplate(wording).text
        except SettingsError as error:
            raise ValueError(str(error)) from None

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
        located_by: str | None = None,
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
            located_by: The model that the locator `llm` asked.
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
        alike = all(messages[:-1] == first[:-1] for messages in rendered)
        template = None
        if alike and any(question.context or question.choices for question in questions):
            template = learn_template(questions, lambda question: _messages(prompt(question))[-1].content)
            template = template if template and set(template.names) - {"question"} else None
        whole = bool(found and alike and not template) and all(
            messages[-1].content == f"{before}{question.question}{after}"
            for messages, question in zip(rendered, questions, strict=True)
        )
        return cls(
            system_prompt=system_prompt,
            chat_template=chat_template,
            turns=first[:-1] if whole or template else (),
            before=before if whole else "",
            after=after if whole else "",
            whole=whole,
            wording=template and template.text,
            needs=_needs(template, questions) if template else (),
            locator=tuple(locator),
            located_by=located_by,
            closed_sets=find_closed_sets(questions),
            max_new_tokens=max_new_tokens,
            stop=tuple(stop),
        )

    @property
    def locates_itself(self) -> bool:
        """Whether the model itself was asked to locate exact answers."""
        return self.located_by == SAME

    @property
    def shows_context(self) -> bool:
        """Whether its questions may have come with a passage."""
        return not self.whole and (self.wording is None or "context" in PromptTemplate(self.wording).names)

    @property
    def names_more(self) -> bool:
        """Whether it says more than detectors of schema version 2 could."""
        return self.wording is not None or self.located_by is not None

    def messages(
        self, question: str, *, context: str | None = None, choices: Sequence[str] = ()
    ) -> list[dict[str, str]]:
        """The messages that ask a question, without the system message.

        Args:
            question: The question.
            context: A passage that comes with it,
            choices: and its choices, where the wording shows them.
        """
        asked = Question(
            question_id="", question=question, answers=(), entity="", choices=tuple(choices), context=context
        )
        if self.wording is not None:
            content = PromptTemplate(self.wording).fill(asked)
        else:
            content = with_context(asked, f"{self.before}{question}{self.after}")
        return [*(turn.model_dump() for turn in self.turns), {"role": "user", "content": content}]

    def choices(self, question: str, *, given: Sequence[str] = ()) -> tuple[str, ...]:
        """The closed set of a question: that of the questions that are worded most like it; empty where none is.

        Args:
            question: The question.
            given: Its closed set where it came with one. Where the wording shows letters, they are added as names.

        Example:
            >>> sets = (ClosedSet(opening="Is ", closing=" red?", choices=("yes", "no")),)
            >>> asking = Asking(locator=("choices",), closed_sets=sets, max_new_tokens=8)
            >>> asking.choices("is the snow red"), asking.choices("Who is red?")
            (('yes', 'no'), ())
            >>> asking = Asking(locator=("choices",), wording="{question} {options}", whole=False, max_new_tokens=8)
            >>> asking.choices("Who?", given=["I", "you"])
            ('I|A)', 'you|B)')
        """
        if given:
            lettered = self.wording is not None and "options" in PromptTemplate(self.wording).names
            if not lettered or len(given) > len(ascii_uppercase) or any("|" in choice for choice in given):
                return tuple(given)
            return tuple(f"{name}|{letter})" for letter, name in zip(ascii_uppercase, given, strict=False))
        fitting = [one for one in self.closed_sets if one.fits(question)]
        return max(fitting, key=lambda one: len(one.opening) + len(one.closing)).choices if fitting else ()


def _messages(prompt: str | Messages) -> tuple[Turn, ...]:
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    return tuple(Turn.model_validate(dict(message)) for message in messages)


def _needs(template: PromptTemplate, questions: Sequence[Question]) -> tuple[Literal["context", "choices"], ...]:
    needs: list[Literal["context", "choices"]] = []
    if "context" in template.names and all(question.context for question in questions):
        needs.append("context")
    if {"choices", "options"}.intersection(template.names) and all(question.choices for question in questions):
        needs.append("choices")
    return tuple(needs)
