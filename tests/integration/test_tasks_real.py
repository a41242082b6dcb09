"""The contract of tasks over real rows, where they lie beside the repository."""

from collections import Counter
from pathlib import Path

import pytest

from tacitly.tasks.catalog import load_task
from tests.unit.task_contract import check_task

pytestmark = pytest.mark.integration

REAL = Path(__file__).parents[2].parent / "shared" / "data"
PATHS = {
    "cities": "cities.csv",
    "opentriviaqa": "opentriviaqa.tar.xz",
    **dict.fromkeys(("movies", "math", "winobias", "winogrande", "mnli"), "paper"),
    **dict.fromkeys(("medquad", "medquad_inheritance", "medquad_genes"), "medquad.tar.xz"),
}


def _need(name: str) -> Path:
    path = REAL / name
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{name} beside the repository")
    return path


@pytest.mark.parametrize("name", PATHS)
def test_a_task_keeps_the_contract_on_real_rows(name: str) -> None:
    path = _need(PATHS[name])
    task = load_task(name, path=path, limit=500, seed=1)
    check_task(task, name)
    assert len(list(task.questions())) == 500


@pytest.mark.parametrize(
    ("name", "asked", "entities", "splits"),
    [
        ("movies", 17_518, 3_143, {None: 17_518}),
        ("math", 2_595, 2_594, {"train": 1_948, "test": 647}),
        ("winobias", 3_160, 393, {"train": 1_584, "test": 1_576}),
        ("winogrande", 20_000, 6_125, {None: 20_000}),
        ("mnli", 16_126, 12_786, {"train": 9_888, "test": 6_238}),
    ],
)
def test_the_real_tables_give_as_many_questions(
    name: str, asked: int, entities: int, splits: dict[str | None, int]
) -> None:
    questions = load_task(name, path=_need("paper")).questions()
    assert len(list(questions)) == asked
    assert len({question.entity for question in questions}) == entities
    assert Counter(question.split for question in questions) == splits


def test_real_trivia_is_read_whole() -> None:
    task = load_task("opentriviaqa", path=_need("opentriviaqa.tar.xz"))
    questions = list(task.questions())
    assert Counter(question.meta["category"] for question in questions) == {
        "general": 3_290,
        "geography": 840,
        "animals": 1_365,
        "science-technology": 2_484,
    }
    assert "5 of 7,984 rows have an empty option, or one twice and are left out" in task.notes[0]
    assert any("é" in question.question + str(question.choices) for question in questions)
    assert not any("\ufffd" in question.question for question in questions)
