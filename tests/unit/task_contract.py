"""What every task promises."""

from tacitly.judges.catalog import JUDGES
from tacitly.locators.catalog import LOCATORS
from tacitly.records import Question
from tacitly.tasks.base import Task

CLOSED = ("choice", "label")


def check_task(task: Task, name: str) -> None:
    """Hold a task, with its questions and prompts, to the contract."""
    assert isinstance(task, Task)
    assert task.name == name
    assert task.judge in JUDGES
    assert task.locator
    assert set(task.locator) <= set(LOCATORS)
    assert task.max_new_tokens > 0
    questions = list(task.questions())
    assert questions
    assert questions == list(task.questions())
    assert len({question.question_id for question in questions}) == len(questions)
    for question in questions:
        _check_question(question, closed=task.judge in CLOSED)
    for question in questions[:50]:
        prompt = task.prompt(question)
        assert isinstance(prompt, list)
        assert {turn["role"] for turn in prompt} <= {"user", "assistant"}
        assert prompt[-1]["role"] == "user"
        assert question.question in prompt[-1]["content"]
        assert question.context is None or question.context in prompt[-1]["content"]
    assert all(note == " ".join(note.split()) and note for note in task.notes)


def _check_question(question: Question, *, closed: bool) -> None:
    assert question.question.strip()
    assert question.question_id.strip()
    assert question.entity.strip()
    assert question.answers
    assert all(answer.strip() for answer in question.answers)
    assert question.split in {None, "train", "test"}
    assert all(isinstance(value, str) for value in question.meta.values())
    names = {choice.split("|")[0] for choice in question.choices}
    assert len(names) == len(question.choices)
    assert len(names) > 1 or not closed
    assert question.answers[0] in names or not closed
