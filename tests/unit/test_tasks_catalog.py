"""Every task in the catalog keeps the contract; limits and templates behave the same for all."""

import weakref
from collections.abc import Iterator
from typing import cast

import pytest

from tacitly.errors import SettingsError
from tacitly.recipes import load_recipe
from tacitly.records import Question
from tacitly.tasks.base import FakeTask, Task
from tacitly.tasks.catalog import load_task
from tacitly.tasks.sampling import draw
from tacitly.tasks.template import PromptTemplate

pytestmark = pytest.mark.unit


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
    assert "{question}, {context}, {choices}, {options}" in str(refused.value)


def test_options_stand_on_lines_with_their_letters() -> None:
    question = _question(choices=("Oxygen|A)", "Iron|B)"))
    assert PromptTemplate("{question}\n{options}").fill(question) == "Who?\nA) Oxygen\nB) Iron"
    many = _question(choices=tuple(map(str, range(27))))
    assert PromptTemplate("{question} {choices}").fill(many).endswith(" 26")
    with pytest.raises(SettingsError, match=r"27 choices; allowed: 26, one for each letter; write \{choices\}"):
        PromptTemplate("{question} {options}").fill(many)


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


def test_the_demo_leaves_to_any_task_how_long_its_answers_may_be() -> None:
    assert load_recipe("demo", overrides={"task.name": "mnli"}).generate.max_new_tokens is None


def test_a_limit_holds_no_more_questions_than_it_draws() -> None:
    class Held:
        def __init__(self, question_id: str) -> None:
            self.question_id = question_id

    alive: weakref.WeakSet[Held] = weakref.WeakSet()
    most = 0

    def stream() -> Iterator[Held]:
        nonlocal most
        for number in range(200):
            held = Held(str(number))
            alive.add(held)
            yield held
            del held
            most = max(most, len(alive))

    drawn = draw(cast("Iterator[Question]", stream()), limit=5, seed=0, stratum=lambda _: "")
    assert len(drawn) == 5
    assert most <= 6  # those that are kept, and the one in hand
