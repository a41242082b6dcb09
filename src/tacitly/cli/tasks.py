"""The command that lists what can be asked, and shows how a task asks."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from tacitly.cli import show

if TYPE_CHECKING:
    from tacitly.records import Question
    from tacitly.tasks.base import Task, TaskCard

SHOWN = 3

_HERE = {True: "here", False: "to fetch", None: "your file"}
_LONGEST_PROMPT = 900
_LONGEST_LIST = 300


def tasks(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A task, to see how it asks.")] = None,
    path: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where its files are [default: fetched from their home].")
    ] = None,
) -> None:
    """What can be asked, and how.

    Lists every task; with NAME, shows three questions of that one with their prompts.
    """
    from tacitly.tasks.catalog import load_task, task_card

    if name is None:
        _list_tasks()
        return
    card = task_card(name)
    task = load_task(name, path=path, limit=SHOWN)
    questions = list(task.questions())
    for line in (*_describe(card, task), *(line for question in questions for line in _show(task, question))):
        show.line(line)
    for note in task.notes:
        show.line(f"note: {_shown(note, _LONGEST_PROMPT)}")


def _list_tasks() -> None:
    from tacitly.tasks.catalog import task_cards

    known = Table(
        Column("task", no_wrap=True),
        Column("size", min_width=13),
        "answer",
        Column("source and licence", overflow="fold"),
        Column("", no_wrap=True),
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    for card in task_cards():
        origin = f"{card.source}\n{card.licence}"
        known.add_row(*map(Text, (card.name, _size(card), card.answer_form, origin, _HERE[card.is_here])))
    show.table(known)
    show.line("`tacitly tasks NAME` shows how a task asks")


def _size(card: "TaskCard") -> str:
    return card.count.replace(", test", "\ntest") if card.needs is None else "your file's"


def _describe(card: "TaskCard", task: "Task") -> Iterator[str]:
    yield f"{card.name}: {card.asks}"
    yield f"  size      {card.count}"
    yield f"  answer    {card.answer_form}; at most {task.max_new_tokens} tokens"
    yield f"  judge     {task.judge}"
    yield f"  locator   {', '.join(task.locator)}"
    yield f"  source    {card.source} ({_HERE[card.is_here]})"
    yield f"  licence   {card.licence}"


def _show(task: "Task", question: "Question") -> Iterator[str]:
    yield ""
    part = f", {question.split}" if question.split else ""
    yield _shown(f"{question.question_id} (about {question.entity}{part})", _LONGEST_LIST)
    prompt = task.prompt(question)
    for turn in prompt if isinstance(prompt, list) else [{"role": "prompt", "content": prompt}]:
        head, *lines = turn["content"].split("\n")
        text = "\n".join((head, *(f"{'':12}{line}" for line in lines)))
        yield f"  {turn['role']:<10}{_shown(text, _LONGEST_PROMPT)}"
    yield f"  accepted  {_shown(' | '.join(question.answers), _LONGEST_LIST)}"
    if question.choices:
        names = (choice.split("|")[0] for choice in question.choices)
        yield f"  choices   {_shown(' | '.join(names), _LONGEST_LIST)}"


def _shown(text: str, longest: int) -> str:
    """A text of a file's, without what would steer a terminal, and without its middle where it is long."""
    from tacitly.report.names import showable

    if len(text) > longest:
        cut = len(text) - longest
        text = f"{text[: longest * 2 // 3]} [... {cut:,} characters ...] {text[-longest // 3 :]}"
    return "\n".join(showable(line) for line in text.split("\n"))
