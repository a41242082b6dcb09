"""Every task in the catalog keeps the contract; limits and templates behave the same for all."""

from pathlib import Path

import pytest

from tacitly.errors import SettingsError
from tacitly.locators.catalog import LOCATORS
from tacitly.records import Question
from tacitly.tasks.base import FakeTask, Task
from tacitly.tasks.catalog import TASKS, load_task, task_cards
from tacitly.tasks.sampling import draw
from tacitly.tasks.template import PromptTemplate
from tests.unit.task_samples import write_sample

pytestmark = pytest.mark.unit

JUDGE_NAMES = {
    *("alias", "number", "choice", "label", "token_f1", "rouge_l", "embedding", "nli", "llm", "human", "match")
}


@pytest.fixture(params=TASKS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path | None]:
    name = str(request.param)
    return name, write_sample(name, tmp_path)


def test_a_task_keeps_the_contract(made: tuple[str, Path | None]) -> None:
    name, path = made
    task = load_task(name, path=path)
    assert isinstance(task, Task)
    assert task.name == name
    assert task.judge in JUDGE_NAMES
    assert task.locator
    assert set(task.locator) <= {*LOCATORS, "label"}
    assert task.max_new_tokens > 0
    questions = list(task.questions())
    assert questions == list(task.questions())
    assert len({question.question_id for question in questions}) == len(questions)
    for question in questions:
        assert question.question.strip()
        assert question.entity.strip()
        assert question.answers
        assert all(isinstance(value, str) for value in question.meta.values())
    for question in questions[:50]:
        prompt = task.prompt(question)
        assert isinstance(prompt, list)
        assert {turn["role"] for turn in prompt} <= {"user", "assistant"}
        assert prompt[-1]["role"] == "user"
        assert question.question in prompt[-1]["content"]


def test_a_task_takes_a_limit_and_a_prompt(made: tuple[str, Path | None]) -> None:
    name, path = made
    task = load_task(name, path=path, limit=1, prompt="Q: {question}")
    (question,) = task.questions()
    asked = f"Q: {question.question}"
    content = f"{question.context}\n\n{asked}" if question.context else asked
    assert task.prompt(question) == [{"role": "user", "content": content}]


def test_a_limit_below_one_is_refused(made: tuple[str, Path | None]) -> None:
    name, path = made
    with pytest.raises(SettingsError, match=r"task\.limit is 0; allowed: 1 or more"):
        load_task(name, path=path, limit=0).questions()


def test_the_fake_keeps_the_contract_too() -> None:
    assert isinstance(FakeTask({"a?": "b"}), Task)
    assert not isinstance(object(), Task)


def test_an_unknown_task_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        SettingsError, match=r"unknown task 'medfact'; allowed: medfacts, cities, file, medquad, .*; did you mean"
    ):
        load_task("medfact")
    with pytest.raises(SettingsError, match="`tacitly tasks` describes them"):
        load_task("zzz")


def test_cards_describe_every_task() -> None:
    cards = task_cards()
    assert [card.name for card in cards] == list(TASKS)
    assert cards[0].questions == len(list(load_task("medfacts").questions()))
    assert cards[0].count.replace(",", "").isdigit()
    assert cards[1].count.startswith("needs task.path")
    for card in cards:
        assert card.asks
        assert card.answer_form
        assert card.source
        assert card.licence


def _question(**values: object) -> Question:
    return Question(**{"question_id": "1", "question": "Who?", "answers": ("x",), "entity": "e", **values})  # type: ignore[arg-type]


def test_a_template_is_filled_once_and_evaluates_nothing() -> None:
    question = _question(question="Is {context} here? {question.__class__}", context="A {choices}.", choices=("a", "b"))
    assert (
        PromptTemplate("{context}|{question}|{choices}|{{choices}}").fill(question)
        == "A {choices}.|Is {context} here? {question.__class__}|a, b|{choices}"
    )


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{question} {answers}", "{answers}"),
        ("{question.__class__} {question}", "{question.__class__}"),
        ("{question} {context[0]}", "{context[0]}"),
        ("{question!r} {question}", "{question!r}"),
        ("{question} {}", "{}"),
        ("{question} {Frage}", "{Frage}"),
    ],
)
def test_an_unknown_placeholder_is_refused_by_name(template: str, name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        PromptTemplate(template)
    assert f"unknown placeholder '{name}'" in str(refused.value)
    assert "{question}, {context}, {choices}" in str(refused.value)


def test_a_template_without_the_question_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"task\.prompt 'Answer!' does not say where the question goes"):
        PromptTemplate("Answer!")


def test_braces_around_something_else_are_left_alone() -> None:
    template = PromptTemplate('{question} Answer as {"answer": "..."} or { } or {1}.')
    assert template.fill(_question()) == 'Who? Answer as {"answer": "..."} or { } or {1}.'


def test_a_context_goes_before_a_template_that_does_not_place_it() -> None:
    assert PromptTemplate("Q: {question}").fill(_question(context="Read this.")) == "Read this.\n\nQ: Who?"
    assert PromptTemplate("{context}\n{question}").fill(_question()) == "Who?"


def test_draw_takes_turns_between_strata_of_unequal_size() -> None:
    questions = FakeTask({**{f"a{i}": "x" for i in range(20)}, "b0": "x", "c0": "x"}).questions()
    drawn = draw(questions, limit=8, seed=3, stratum=lambda question: question.question[0])
    assert sorted(question.question[0] for question in drawn) == ["a"] * 6 + ["b", "c"]
    assert list(drawn) == [question for question in questions if question in drawn]
