"""The page on adding a task shows what runs, and what it prints."""

import re
from pathlib import Path

import pytest

from tests.unit.task_contract import check_task

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-task.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_page_s_task_runs_and_keeps_the_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (table,) = _blocks("csv")
    Path("capitals.csv").write_text(table, encoding="utf-8")
    written, asked = _blocks("python")
    names: dict[str, object] = {"__name__": "capitals"}
    exec(compile(written, str(PAGE), "exec"), names)
    exec(compile(asked, str(PAGE), "exec"), names)
    assert capsys.readouterr().out == _blocks("text")[0]
    check_task(names["task"], "capitals")  # type: ignore[arg-type]


def test_what_the_page_names_is_there() -> None:
    root = PAGE.parents[2]
    for file in re.findall(r"`(tasks/\w+\.py|tests/[\w/]+\.py)`", PAGE.read_text(encoding="utf-8")):
        assert (root / ("src/tacitly" if file.startswith("tasks/") else "") / file).is_file(), file
