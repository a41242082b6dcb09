"""What the README shows runs."""

import re
from pathlib import Path

import pytest
import yaml

from tacitly.cli.main import run as command
from tacitly.settings import StudySettings
from tests.tiny import save_model

pytestmark = pytest.mark.unit

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(tmp_path / "my-model")
    rows = [f"What is number {i}?,{'a' if i % 2 else 'e|i'}" for i in range(40)]
    (tmp_path / "questions.csv").write_text("question,answers\n" + "\n".join(rows))
    (example,) = blocks("python")
    assert len(example.strip().splitlines()) <= 12
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "right: " in printed
    assert "by_answer" in printed


def test_the_recipe_is_one() -> None:
    (recipe,) = blocks("yaml")
    assert StudySettings.model_validate(yaml.safe_load(recipe)).probe.seeds == 3


def test_every_command_named_exists(capsys: pytest.CaptureFixture[str]) -> None:
    named = set(re.findall(r"^ +(?:\.venv/bin/)?tacitly (\w+)", README, flags=re.MULTILINE))
    assert named == {
        "study", "merge", "transfer", "finetune", "compare", "chat", "detect", "serve", "check", "report", "tasks",
        "models",
    }  # fmt: skip
    for name in named:
        assert command([name, "--help"]) == 0
    capsys.readouterr()


def test_every_local_link_and_make_target_exists() -> None:
    root = Path(__file__).parents[2]
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", README):
        assert (root / link).exists(), link
    makefile = (root / "Makefile").read_text()
    for target in set(re.findall(r"make (\w+)", README)) - {"are"}:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
