"""Every task of the catalog keeps one contract, here on made rows."""

from pathlib import Path

import pytest

from tacitly.errors import SettingsError, TaskError
from tacitly.tasks.catalog import TASKS, load_task, task_card, task_cards
from tacitly.tasks.template import PromptTemplate
from tests.unit.task_contract import check_task
from tests.unit.task_samples import write_sample

pytestmark = pytest.mark.unit


@pytest.fixture(params=TASKS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path | None]:
    name = str(request.param)
    return name, write_sample(name, tmp_path)


def test_a_task_keeps_the_contract(made: tuple[str, Path | None]) -> None:
    name, path = made
    check_task(load_task(name, path=path), name)


def test_ids_are_the_same_in_a_task_read_anew(made: tuple[str, Path | None]) -> None:
    name, path = made
    assert list(load_task(name, path=path).questions()) == list(load_task(name, path=path).questions())


def test_a_limit_is_kept_and_draws_the_same_again(made: tuple[str, Path | None]) -> None:
    name, path = made
    everything = list(load_task(name, path=path).questions())
    (drawn,) = load_task(name, path=path, limit=1, seed=7).questions()
    assert drawn in everything
    assert list(load_task(name, path=path, limit=1, seed=7).questions()) == [drawn]
    assert list(load_task(name, path=path, limit=10**6).questions()) == everything
    two = list(load_task(name, path=path, limit=2, seed=7).questions())
    assert drawn in two or len(everything) == 1


def test_a_prompt_of_the_user_s_own_takes_the_place_of_the_task_s(made: tuple[str, Path | None]) -> None:
    name, path = made
    task = load_task(name, path=path, limit=1, prompt="Q: {question}")
    (question,) = task.questions()
    filled = PromptTemplate("Q: {question}").fill(question)
    assert task.prompt(question) == [{"role": "user", "content": filled}]
    assert f"Q: {question.question}" in filled


def test_a_limit_below_one_is_refused(made: tuple[str, Path | None]) -> None:
    name, path = made
    with pytest.raises(SettingsError, match=r"task\.limit is 0; allowed: 1 or more"):
        load_task(name, path=path, limit=0).questions()


def test_a_path_that_does_not_exist_is_named(made: tuple[str, Path | None], tmp_path: Path) -> None:
    name, _ = made
    absent = tmp_path / "nowhere" / "absent.csv"
    with pytest.raises(TaskError, match=r"task\.path.*absent\.csv"):
        load_task(name, path=absent).questions()


@pytest.mark.parametrize("name", TASKS)
def test_a_card_says_all_that_there_is_to_say(name: str) -> None:
    card = task_card(name)
    assert card.name == name
    assert card in task_cards()
    for text in (card.asks, card.answer_form, card.source, card.licence, card.count):
        assert text.strip()
    assert card.is_here in {True, False, None}
    assert card.needs is None or "task.path" in card.needs


def test_the_card_of_the_bundled_task_counts_right() -> None:
    card = task_card("medfacts")
    assert card.questions == len(list(load_task("medfacts").questions()))
    assert card.is_here
