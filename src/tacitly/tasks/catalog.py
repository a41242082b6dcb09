"""The tasks by name: a new task is one new file and one line here."""

import difflib
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from tacitly.errors import SettingsError
from tacitly.tasks.base import Task, TaskCard

TASKS = {
    "medfacts": "tacitly.tasks.medfacts:MedFacts",
    "cities": "tacitly.tasks.cities:Cities",
    "file": "tacitly.tasks.file:FileTask",
    "medquad": "tacitly.tasks.medquad:MedQuadAnswers",
    "medquad_inheritance": "tacitly.tasks.medquad_inheritance:MedQuadInheritance",
    "medquad_genes": "tacitly.tasks.medquad_genes:MedQuadGenes",
    "movies": "tacitly.tasks.paper_tables:Movies",
    "math": "tacitly.tasks.paper_tables:Math",
    "winobias": "tacitly.tasks.sentence_pairs:WinoBias",
    "winogrande": "tacitly.tasks.sentence_pairs:WinoGrande",
    "mnli": "tacitly.tasks.sentence_pairs:Mnli",
    "imdb": "tacitly.tasks.statements:Imdb",
    "triviaqa": "tacitly.tasks.open_questions:TriviaQA",
    "nq_open": "tacitly.tasks.open_questions:NqOpen",
    "nq_context": "tacitly.tasks.paper_tables:NqContext",
    "popqa": "tacitly.tasks.open_questions:PopQA",
    "hotpotqa": "tacitly.tasks.open_questions:HotpotQA",
    "hotpotqa_context": "tacitly.tasks.open_questions:HotpotQAContext",
    "truthfulqa": "tacitly.tasks.statements:TruthfulQA",
    "truthfulqa_choice": "tacitly.tasks.statements:TruthfulQAChoice",
    "medqa": "tacitly.tasks.medical_exams:MedQA",
    "medmcqa": "tacitly.tasks.medical_exams:MedMCQA",
    "pubmedqa": "tacitly.tasks.medical_exams:PubMedQA",
    "medhallu": "tacitly.tasks.medical_exams:MedHallu",
    "opentriviaqa": "tacitly.tasks.opentriviaqa:OpenTriviaQA",
}


class TaskClass(Protocol):
    """What a class named in the catalog offers."""

    def __call__(
        self, *, path: Path | str | None = None, limit: int | None = None, prompt: str | None = None, seed: int = 0
    ) -> Task:
        """Make the task."""
        ...

    def card(self) -> TaskCard:
        """Describe the task without reading a user's file."""
        ...


def load_task(
    name: str, *, path: Path | str | None = None, limit: int | None = None, prompt: str | None = None, seed: int = 0
) -> Task:
    """Make the task of a name.

    Args:
        name: A name of the catalog.
        path: The file that the task reads, for tasks that read one.
        limit: At most this many questions, drawn by `tacitly.tasks.sampling.draw`.
        prompt: A template that takes the place of the task's own prompt (`tacitly.tasks.template`).
        seed: Which questions a `limit` draws.

    Returns:
        The task.

    Raises:
        SettingsError: No task has that name, or the prompt's template is wrong.
        TaskError: The task needs a path, or cannot read the one given.

    Example:
        >>> load_task("medfacts", limit=3).name
        'medfacts'
    """
    return _task_class(name)(path=path, limit=limit, prompt=prompt, seed=seed)


def task_cards() -> tuple[TaskCard, ...]:
    """Describe every task, for `tacitly tasks`.

    Example:
        >>> [card.name for card in task_cards()][:4]
        ['medfacts', 'cities', 'file', 'medquad']
    """
    return tuple(task_card(name) for name in TASKS)


def task_card(name: str) -> TaskCard:
    """Describe one task.

    Raises:
        SettingsError: No task has that name.

    Example:
        >>> task_card("cities").answer_form
        "a country's name"
    """
    return _task_class(name).card()


def _task_class(name: str) -> TaskClass:
    if name not in TASKS:
        near = difflib.get_close_matches(name, TASKS, n=1)
        raise SettingsError(
            f"unknown task {name!r}",
            allowed=", ".join(TASKS),
            remedy=f"did you mean {near[0]!r}?" if near else "`tacitly tasks` describes them",
        )
    module, _, attribute = TASKS[name].partition(":")
    return cast("TaskClass", getattr(import_module(module), attribute))
