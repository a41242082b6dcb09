"""The commands of the page on resampling run, on a tiny model."""

import re
import shlex
from pathlib import Path

import pytest

from tacitly.cli.main import run as command
from tacitly.run_folder import RunFolder
from tests.tiny import save_model
from tests.unit.sampled_runs import write_questions

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "resample-and-choose.md").read_text(encoding="utf-8")


def test_its_commands_run_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(tmp_path / "model")
    write_questions(tmp_path, number=30)
    small = ["task.name=file", "task.path=questions.jsonl", "task.limit=null", "model.name=model",
             "generate.max_new_tokens=8", "generate.batch_size=400", "self_evaluation.of=[]",
             "capture.positions=['last_q_token','-1']", "probe.families=[]"]  # fmt: skip
    commands = re.findall(r"^    tacitly (.+)$", PAGE, flags=re.MULTILINE)
    assert len(commands) == 6
    for line in commands:
        arguments = shlex.split(line)
        sets = [part for setting in small for part in ("--set", setting)] if arguments[0] == "study" else []
        learns = arguments[0] == "merge" or "runs/both" in arguments
        more = [] if learns or "--until" in arguments else ["--until", "activations"]  # one study is learned from
        assert command([*arguments[:2], *sets, *arguments[2:], *more]) == 0, capsys.readouterr().err
    assert "nothing to do" in capsys.readouterr().err
    assert len(RunFolder.view("runs/ten").table("answers")) == 30 * 13
    assert len(RunFolder.view("runs/both").table("answers")) == 30 * 11
    (code,) = re.findall(r"^    import tacitly\n(?:    .*\n)+", PAGE, flags=re.MULTILINE)
    exec(compile(re.sub("^    ", "", code, flags=re.MULTILINE), "resample-and-choose.md", "exec"), {})
    assert "ceiling" in capsys.readouterr().out
