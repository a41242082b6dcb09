"""What the command line prints."""

import pytest
from syrupy.assertion import SnapshotAssertion

from tacitly.cli.main import run as command
from tacitly.models import embedded

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("arguments", [["--help"], ["study", "--help"], ["check", "--help"], ["report", "--help"]])
def test_help_reads_as_it_did(
    arguments: list[str],
    snapshot: SnapshotAssertion,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert command(arguments) == 0
    assert "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines()) == snapshot


def test_tasks_lists_every_task_with_its_count(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert command(["tasks"]) == 0
    printed = capsys.readouterr().out
    for words in ("medfacts", "cities", "file", "medquad_inheritance", "13,136", "needs task.path"):
        assert words in printed


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
