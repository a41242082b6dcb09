"""How often each locator finds the exact answers marked by hand, by class: `python -m tests.locator_rates`."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tacitly.judges.catalog import load_judge
from tacitly.locators.base import Locator
from tacitly.locators.catalog import load_locator
from tacitly.records import Question
from tacitly.tasks.catalog import load_task
from tacitly.tasks.cities import Cities
from tacitly.tasks.file import FileTask
from tacitly.tasks.medfacts import MedFacts

FIXTURES = Path(__file__).parent / "fixtures"
SHARED = Path(__file__).parents[2] / "shared" / "data"
PATHS = {
    "movies": SHARED / "paper",
    "math": SHARED / "paper",
    "winogrande": SHARED / "paper",
    "opentriviaqa": SHARED / "opentriviaqa.tar.xz",
    "medquad_inheritance": SHARED / "medquad.tar.xz",
}
OWN = {"medfacts": MedFacts.locator, "cities": Cities.locator, "trivia": FileTask.locator}
SINGLE = ("choices", "label", "number", "asked_number", "novel_phrase", "first_line", "chain")
CLOSED = frozenset({"choices", "label"})
CLASSES = {True: "right", False: "wrong", None: "unknown"}


@dataclass(frozen=True, slots=True)
class Marked:
    """An answer of the embedded model with its exact answer as marked by hand."""

    question: Question
    text: str
    correct: bool | None
    exact_answer: str | None
    start: int | None

    def is_found(self, locator: Locator) -> bool:
        """Whether a locator finds just this exact answer, or nothing where there is none."""
        span = locator.locate(self.question.question, self.text, self.question.choices)
        return (span.start, span.exact_answer) == (self.start, self.exact_answer)


def read_lines(name: str) -> list[dict]:
    """The lines of a fixture."""
    return [json.loads(line) for line in (FIXTURES / name).read_text(encoding="utf-8").splitlines()]


@cache
def read_published(task_name: str) -> tuple[Marked, ...]:
    """The marked answers of a published task, each with its question and the label of the task's judge."""
    task = load_task(task_name, path=PATHS[task_name])
    questions = {question.question_id: question for question in task.questions()}
    judge = load_judge(task.judge)
    return tuple(
        Marked(
            question := questions[line["question_id"]],
            line["text"],
            judge.judge(question, line["text"]).correct,
            line["exact_answer"],
            line["start"],
        )
        for line in read_lines("exact_answers_published.jsonl")
        if line["task"] == task_name
    )


def read_own(task_name: str) -> tuple[Marked, ...]:
    """The marked answers of a task whose questions are the project's own."""
    choices = json.loads((FIXTURES / "exact_answers_choices.json").read_text(encoding="utf-8"))
    return tuple(
        Marked(
            Question(
                question_id=str(i),
                question=line["question"],
                answers=tuple(line["answers"]),
                entity="x",
                choices=tuple(choices[line["choices"]]) if line["choices"] else (),
            ),
            line["text"],
            line["correct"],
            line["exact_answer"],
            line["start"],
        )
        for i, line in enumerate(read_lines("exact_answers.jsonl"))
        if line["task"] == task_name
    )


def own_locator(task_name: str) -> tuple[str, ...]:
    """The locators that a task names."""
    return OWN.get(task_name) or load_task(task_name, path=PATHS[task_name]).locator


def rates(marked: Sequence[Marked], locator: Locator) -> dict[str, tuple[int, int]]:
    """How many of each class are found exactly, and of how many."""
    found: dict[str, list[bool]] = defaultdict(list)
    for answer in marked:
        found[CLASSES[answer.correct]].append(answer.is_found(locator))
    return {name: (sum(found[name]), len(found[name])) for name in CLASSES.values() if found[name]}


def table() -> Iterator[str]:
    """The table of docs/reference/locators.md, in Markdown."""
    yield f"| task | class | answers | its own locators | {' | '.join(f'`{name}`' for name in SINGLE)} |"
    yield "|---" * (len(SINGLE) + 4) + "|"
    for task in (*OWN, *(name for name, path in PATHS.items() if path.exists())):
        marked = read_own(task) if task in OWN else read_published(task)
        named = own_locator(task)
        closed = any(answer.question.choices for answer in marked)
        columns = [rates(marked, load_locator(named))]
        columns += [rates(marked, load_locator(one)) if closed or one not in CLOSED else {} for one in SINGLE]
        for name in columns[0]:
            cells = " | ".join(_cell(column.get(name)) for column in columns)
            yield f"| `{task}` | {name} | {columns[0][name][1]} | {cells} |"


def _cell(rate: tuple[int, int] | None) -> str:
    return "" if rate is None else f"{rate[0]} ({rate[0] / rate[1]:.0%})"


if __name__ == "__main__":
    for row in table():
        print(row)
