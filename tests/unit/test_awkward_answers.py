"""What is made of answers that are hard to read, against a table made by hand."""

import json
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

from tacitly.judges.catalog import load_judge
from tacitly.locators.catalog import load_locator
from tacitly.records import Question
from tacitly.tasks.catalog import TASKS

pytestmark = pytest.mark.unit

TABLE = Path(__file__).parents[1] / "fixtures" / "awkward_answers.jsonl"
ROWS = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").split("\n") if line]
# Both the judge and the locator of a task's answers.
READ_BY = {task: "number" if task == "math" else "label" for task in sorted({row["task"] for row in ROWS})}


def test_the_table_has_at_least_forty_answers_to_each_task_and_every_outcome():
    assert {"imdb", "math", "mnli", "winobias", "winogrande"} <= READ_BY.keys()
    for task, count in Counter(row["task"] for row in ROWS).items():
        assert count >= 40, task
        assert {row["correct"] for row in ROWS if row["task"] == task} == {True, False, None}
    assert len({(row["question"], row["answer"]) for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("task", READ_BY)
def test_the_task_itself_has_its_answers_judged_so(task):
    module, _, attribute = TASKS[task].partition(":")
    assert getattr(import_module(module), attribute).judge == READ_BY[task]


@pytest.mark.parametrize("task", READ_BY)
def test_judge_and_locator_read_every_answer_as_the_table_does(task):
    judge, locator = load_judge(READ_BY[task]), load_locator(READ_BY[task])
    differing = []
    for row in (row for row in ROWS if row["task"] == task):
        question = Question(
            question_id="1",
            question=row["question"],
            answers=tuple(row["answers"]),
            entity="x",
            choices=tuple(row["choices"]),
        )
        label = judge.judge(question, row["answer"])
        span = locator.locate(question.question, row["answer"], question.choices)
        found = (label.correct, label.refused, span.exact_answer)
        if found != (row["correct"], row["refused"], row["exact_answer"]):
            differing.append(f"{row['answer']!r}: {found}, {label.evidence}; {span.reason}")
    assert not differing, "\n" + "\n".join(differing)
