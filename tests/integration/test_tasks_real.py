"""The contract of tasks over real rows, where they lie beside the repository."""

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


@pytest.mark.parametrize("name", PATHS)
def test_a_task_keeps_the_contract_on_real_rows(name: str) -> None:
    path = REAL / PATHS[name]
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{path.name} beside the repository")
    task = load_task(name, path=path)
    check_task(task, name)
    drawn = list(load_task(name, path=path, limit=100, seed=1).questions())
    assert len(drawn) == 100
    assert {question.question_id for question in drawn} < {question.question_id for question in task.questions()}
