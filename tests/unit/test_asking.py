"""What a detector remembers of how its questions were put is enough to put them again, for every task."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from pydantic import ValidationError

from tacitly.probes.asking import Asking
from tacitly.records import Question
from tacitly.tasks.base import Task
from tacitly.tasks.catalog import TASKS, load_task
from tacitly.tasks.learned_template import learn_template
from tests.unit.task_samples import write_sample

pytestmark = pytest.mark.unit

SHOWN = {
    "choices": {"medqa", "medmcqa", "opentriviaqa", "truthfulqa_choice"},
    "context": {"imdb", "nq_context", "hotpotqa_context", "pubmedqa", "medhallu"},
}


def remembered(task: Task) -> tuple[Asking, list[Question]]:
    questions = list(task.questions())
    return Asking.of(questions, prompt=task.prompt, locator=task.locator, max_new_tokens=task.max_new_tokens), questions


def assert_asked_alike(asking: Asking, task: Task, questions: Iterable[Question]) -> None:
    for question in questions:
        choices = asking.choices(question.question, given=question.choices)
        assert asking.messages(question.question, context=question.context, choices=choices) == task.prompt(question)


@pytest.mark.parametrize("prompt", [None, "{context} Q: {question}\n{options} or {choices}, as {{json}} {1}"])
@pytest.mark.parametrize("name", TASKS)
def test_every_task_s_prompts_are_remembered(name: str, prompt: str | None, tmp_path: Path) -> None:
    limit = 100 if prompt is None else 3
    task = load_task(name, path=write_sample(name, tmp_path), prompt=prompt, limit=limit)
    if prompt is not None and any(len(question.choices) > 26 for question in task.questions()):
        task = load_task(name, path=write_sample(name, tmp_path), prompt=prompt.replace("{options}", ""), limit=limit)
    asking, questions = remembered(task)
    assert asking.whole or asking.wording is not None
    assert_asked_alike(Asking.model_validate_json(asking.model_dump_json()), task, questions)
    if prompt is None:
        assert set(asking.needs) == {what for what, names in SHOWN.items() if name in names}
        assert asking.shows_context == (name in SHOWN["context"])


def question(i: int, **changes: object) -> Question:
    made = {"question_id": str(i), "question": f"Is {i} odd?", "answers": ("x",), "entity": str(i)}
    return Question(**{**made, **changes})


def test_a_passage_that_only_some_have_is_not_needed() -> None:
    questions = [question(1, context="Read {question} first."), question(2)]
    task = load_task("file", path="unread.csv", prompt="Q: {question}\nA:")
    asking = Asking.of(questions, prompt=task.prompt, locator=["choices"], max_new_tokens=4)
    assert (asking.whole, asking.wording, asking.needs) == (False, "{context}\n\nQ: {question}\nA:", ())
    assert_asked_alike(asking, task, questions)


def test_worked_examples_stand_before_a_template_too() -> None:
    turns = [{"role": "user", "content": "1?"}, {"role": "assistant", "content": "odd"}]
    questions = [question(i, context=f"Text {i}.") for i in range(3)]
    asking = Asking.of(
        questions,
        prompt=lambda q: [*turns, {"role": "user", "content": f"{q.question} {q.context}"}],
        locator=["choices"],
        max_new_tokens=4,
    )
    assert [turn.model_dump() for turn in asking.turns] == turns
    assert asking.messages("Is 7 odd?", context="It is.")[-1]["content"] == "Is 7 odd? It is."


@pytest.mark.parametrize(
    "word",
    [
        lambda q: f"{q.question_id}: {q.question}",
        lambda q: "Guess." if q.question_id == "2" else q.question,
        lambda q: f"{q.question} {{}}" if q.choices else q.question,
        lambda q: q.question.upper(),
    ],
)
def test_what_no_template_gives_is_not_pretended(word: object) -> None:
    questions = [question(i, choices=("yes", "no") if i % 2 else ()) for i in range(4)]
    assert learn_template(questions, word) is None  # type: ignore[arg-type]
    asking = Asking.of(questions, prompt=word, locator=["choices"], max_new_tokens=4)  # type: ignore[arg-type]
    assert (asking.whole, asking.wording, asking.turns) == (False, None, ())


def test_a_wording_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"unknown placeholder '\{answer\}'"):
        Asking(wording="{question} {answer}", whole=False, locator=("choices",), max_new_tokens=4)
