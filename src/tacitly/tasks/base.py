"""What a task is: questions, the messages that ask them, and how its answers are judged and located."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from tacitly.records import Question

Messages = list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCard:
    """What `tacitly tasks` lists of a task, known without reading its questions' file or a model.

    Attributes:
        name: The task's name in the catalog.
        asks: What it asks, in a few words.
        questions: How many questions it has; None where that depends on a file.
        needs: The setting that it needs, or None.
        answer_form: What an answer looks like.
        source: Where its facts come from.
        licence: Under what terms.
        sizes: How many rows each part of a published data set has; a few of them may ask nothing.
        is_here: Whether it can be asked without fetching anything; None where the user gives the file.
    """

    name: str
    asks: str
    questions: int | None
    needs: str | None
    answer_form: str
    source: str
    licence: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    is_here: bool | None = True

    @property
    def count(self) -> str:
        """The count as listed: a number, that of each part, or what the task needs.

        Example:
            >>> TaskCard(
            ...     name="file", asks="your own", questions=None, needs="task.path", answer_form="any", source="yours",
            ...     licence="yours",
            ... ).count
            'needs task.path'
        """
        if self.questions is not None:
            return f"{self.questions:,}"
        if self.needs is not None:
            return f"needs {self.needs}"
        parts = (f"{count:,}" if part == "all" else f"{part} {count:,}" for part, count in self.sizes.items())
        return ", ".join(parts) or "not counted"


@runtime_checkable
class Task(Protocol):
    """What is asked. A task owns no model and no file of a run."""

    @property
    def name(self) -> str:
        """Its name in the catalog."""
        ...

    @property
    def judge(self) -> str:
        """The judge that suits it, by its name in the catalog of judges."""
        ...

    @property
    def locator(self) -> tuple[str, ...]:
        """The locators that suit it, asked in this order."""
        ...

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings that end an answer."""
        ...

    @property
    def system_prompt(self) -> str | None:
        """A system prompt that suits it, or None; `prompt` leaves it out."""
        ...

    @property
    def max_new_tokens(self) -> int:
        """How long an answer may sensibly be."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of how its questions were read, in single lines."""
        ...

    def questions(self) -> Iterable[Question]:
        """The questions, in a stable order, with ids unique within the task."""
        ...

    def prompt(self, question: Question) -> str | Messages:
        """The chat messages that ask a question, without system message and without template applied."""
        ...


@dataclass(frozen=True)
class FakeTask:
    """A small task for tests: names of things and what they are.

    Example:
        >>> task = FakeTask({"What colour is snow?": "white"})
        >>> [question.answers for question in task.questions()]
        [('white',)]
        >>> task.prompt(next(iter(task.questions())))
        [{'role': 'user', 'content': 'What colour is snow?'}]
    """

    facts: Mapping[str, str]
    name: str = "fake"
    judge: str = "choice"
    locator: tuple[str, ...] = ("choices", "novel_phrase")
    stop: tuple[str, ...] = ()
    system_prompt: str | None = None
    max_new_tokens: int = 8
    notes: tuple[str, ...] = ()

    def questions(self) -> tuple[Question, ...]:
        """One question for each fact; the choices are all answers."""
        choices = tuple(dict.fromkeys(self.facts.values()))
        return tuple(
            Question(question_id=f"fake/{i:04d}", question=asked, answers=(answer,), entity=asked, choices=choices)
            for i, (asked, answer) in enumerate(self.facts.items())
        )

    def prompt(self, question: Question) -> Messages:
        """The question, alone."""
        return [user(question.question)]


def user(content: str) -> dict[str, str]:
    """A turn of the user."""
    return {"role": "user", "content": content}


def assistant(content: str) -> dict[str, str]:
    """A turn of the assistant."""
    return {"role": "assistant", "content": content}
