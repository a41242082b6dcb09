"""What the command line prints."""

import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tacitly.cli.main import run as command
from tacitly.models import embedded
from tacitly.tasks.catalog import TASKS

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["study", "--help"],
        ["check", "--help"],
        ["report", "--help"],
        ["tasks", "--help"],
        ["detect", "--help"],
        ["serve", "--help"],
    ],
)
def test_help_reads_as_it_did(
    arguments: list[str],
    snapshot: SnapshotAssertion,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert command(arguments) == 0
    assert "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines()) == snapshot


def test_tasks_lists_every_task_with_its_size_source_and_licence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TACITLY_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert command(["tasks"]) == 0
    printed = capsys.readouterr().out
    rows = {line.split()[0]: line for line in printed.splitlines() if line[:1].strip()}
    assert set(TASKS) <= set(rows)
    assert "13,136" in rows["medquad"]
    assert "your file" in rows["cities"]
    assert rows["medfacts"].rstrip().endswith("here")
    assert "train 10,000" in rows["mnli"]
    assert rows["mnli"].rstrip().endswith("to fetch")
    for words in ("test 7,856", "hub: stanfordnlp/imdb", "CC BY-SA 4.0"):
        assert words in printed


def test_tasks_is_whole_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    assert command(["tasks"]) == 0
    printed = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    assert all(name in printed for name in TASKS)


def test_tasks_of_a_name_shows_three_questions_with_their_prompts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "made.txt").write_text(
        "".join(f"#Q Which is number {i}?\n^ {i}\nA none\nB {i}\n" for i in range(9)) + "#Q Is \x1b[31mred?\n"
    )
    assert command(["tasks", "opentriviaqa", "--path", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "opentriviaqa: trivia with two to four options" in printed
    assert "  judge     choice\n" in printed
    assert printed.count("\n  user      Which is number ") == 3
    assert printed.count("\n            A) none\n            B) ") == 3
    assert printed.count("  accepted  ") == printed.count("  choices   none | ") == 3
    assert "note: 1 of 10 rows have no answer and are left out: first in " in printed
    assert command(["tasks", "opentriviaqa", "--path", str(tmp_path)]) == 0
    assert capsys.readouterr().out == printed


def test_tasks_shows_both_ends_of_a_long_prompt_and_nothing_that_steers_a_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"question,answers,context\nWhy\x1b[2J?,so,{'word ' * 1_000}\n")
    assert command(["tasks", "file", "--path", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "characters ...]" in printed
    assert "Why\ufffd[2J?" in printed
    assert "\x1b" not in printed
    assert len(printed) < 2_500


def test_tasks_of_an_unknown_name_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["tasks", "trivia_qa"]) == 2
    assert "did you mean 'triviaqa'?" in capsys.readouterr().err


def test_models_says_where_the_embedded_model_is_or_will_be(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("TACITLY_CACHE", str(tmp_path))
    assert command(["models"]) == 0
    printed = capsys.readouterr().out
    assert str(embedded.embedded_folder()) in printed
    assert "not fetched yet" in printed
    assert "OWNER/NAME" in printed


def test_help_needs_neither_torch_nor_pandas() -> None:
    import subprocess
    import sys

    code = "import sys; from tacitly.cli import main; main.run(['--help']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
