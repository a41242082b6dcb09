"""Joining runs that sampled with seeds of their own: what comes out, what is refused, and what survives Ctrl-C."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tacitly
from tacitly.activations.store import ActivationStore
from tacitly.cli.main import run as command
from tacitly.errors import RunFolderError
from tacitly.manifest import STAGES
from tacitly.merging import joining
from tacitly.merging.merge import merge_runs
from tacitly.progress import RecordedProgress
from tacitly.run_folder import RunFolder
from tests.tiny import save_model
from tests.unit.sampled_runs import QUESTIONS, sample_study, write_questions

pytestmark = pytest.mark.unit

COLLECTED = ("answers", "labels", "spans", "activations")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_questions(tmp_path_factory.mktemp("questions"))


@pytest.fixture(scope="module")
def shards(model: Path, path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Three runs of the same questions with 3, 2 and 1 samples, drawn with the seeds 0, 7 and 8."""
    folder = tmp_path_factory.mktemp("shards")
    sample_study(model, folder / "a", path=path)
    sample_study(model, folder / "b", path=path, generate__seed=7, generate__samples=2, generate__batch_size=9)
    sample_study(model, folder / "c", path=path, generate__seed=8, generate__samples=1)
    return folder / "a", folder / "b", folder / "c"


@pytest.fixture(scope="module")
def merged(shards: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("merged") / "run"
    merge_runs(shards, out=out)
    return out


def answers(folder: Path) -> pd.DataFrame:
    run = RunFolder.view(folder)
    frame = run.table("answers").merge(run.table("labels"), on="answer_id").merge(run.table("spans"), on="answer_id")
    return frame.set_index(["question_id", "sample"]).sort_index()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_the_joined_run_holds_the_first_s_greedy_answers_and_the_samples_of_all(
    merged: Path, shards: tuple[Path, ...]
) -> None:
    joined = answers(merged)
    assert len(joined) == QUESTIONS * 7
    assert joined["answer_id"].tolist() == [f"{question}#{sample}" for question, sample in joined.index]
    columns = ["text", "token_ids", "token_logprobs", "end_logprob", "correct", "given", "first_token"]
    for shard, numbers in zip(shards, ({0: 0, 1: 1, 2: 2, 3: 3}, {1: 4, 2: 5}, {1: 6}), strict=True):
        own = answers(shard)
        for old, new in numbers.items():
            one, other = own.xs(old, level="sample"), joined.xs(new, level="sample")
            pd.testing.assert_frame_equal(one[columns], other[columns])


def test_every_answer_keeps_its_own_states(merged: Path, shards: tuple[Path, ...]) -> None:
    ids = [f"q{i}" for i in range(QUESTIONS)]
    for shard, old, new in ((shards[0], 0, 0), (shards[0], 3, 3), (shards[1], 2, 5), (shards[2], 1, 6)):
        mine = ActivationStore(RunFolder.view(shard), [f"{q}#{old}" for q in ids])
        theirs = ActivationStore(RunFolder.view(merged), [f"{q}#{new}" for q in ids])
        assert mine.positions == theirs.positions
        for layer in mine.layers("residual"):
            np.testing.assert_array_equal(mine.layer_states("residual", layer), theirs.layer_states("residual", layer))


def test_the_joined_run_is_finished_and_whole(merged: Path, shards: tuple[Path, ...]) -> None:
    run = RunFolder.view(merged)
    assert run.manifest.complete
    assert [name for name, record in run.manifest.stages.items() if record.complete] == list(STAGES)
    assert all(finding.ok for finding in tacitly.check_run(merged))
    assert [(part.run, part.seeds, part.samples) for part in run.manifest.merged] == [
        (str(shards[0]), [0], 3), (str(shards[1]), [7], 2), (str(shards[2]), [8], 1)
    ]  # fmt: skip
    assert (merged / "report" / "index.html").exists()


def test_a_study_with_its_settings_has_nothing_to_do_and_adds_what_is_asked_for(
    merged: Path, model: Path, path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(merged, folder, ignore=shutil.ignore_patterns(".lock"))
    assert sample_study(model, folder, path=path, until=None, generate__samples=6).stages == []
    before = answers(folder)
    sample_study(model, folder, path=path, generate__samples=7)
    after = answers(folder)
    pd.testing.assert_frame_equal(after.loc[before.index], before)
    assert len(after) == len(before) + QUESTIONS
    assert RunFolder.view(folder).manifest.merged


def test_answers_that_are_written_anew_are_no_longer_said_to_be_merged(
    merged: Path, model: Path, path: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(merged, folder, ignore=shutil.ignore_patterns(".lock"))
    sample_study(model, folder, path=path, until="answers", generate__samples=1, generate__max_new_tokens=5)
    assert RunFolder.view(folder).manifest.merged == []


def test_the_runs_are_only_read_and_a_second_call_does_nothing(shards: tuple[Path, ...], tmp_path: Path) -> None:
    before = [contents(shard) for shard in shards]
    first = merge_runs(shards, out=tmp_path / "out", until="activations")
    assert first.stages == []
    when = {f: (tmp_path / "out" / f).stat().st_mtime_ns for f in RunFolder.view(tmp_path / "out").manifest.files}
    merge_runs(shards, out=tmp_path / "out", until="activations")
    assert all((tmp_path / "out" / f).stat().st_mtime_ns == then for f, then in when.items())
    assert [contents(shard) for shard in shards] == before


def test_a_merged_run_can_be_merged_again_save_with_what_it_holds(shards: tuple[Path, ...], tmp_path: Path) -> None:
    merge_runs(shards[:2], out=tmp_path / "two", until="activations")
    merge_runs([tmp_path / "two", shards[2]], out=tmp_path / "three", until="activations")
    assert len(answers(tmp_path / "three")) == QUESTIONS * 7
    with pytest.raises(RunFolderError, match="both drew their samples with the seed 7"):
        merge_runs([tmp_path / "two", shards[1]], out=tmp_path / "four")


def test_samples_beyond_those_asked_for_are_left_behind(
    shards: tuple[Path, ...], model: Path, path: Path, tmp_path: Path
) -> None:
    shutil.copytree(shards[0], tmp_path / "fewer", ignore=shutil.ignore_patterns(".lock"))
    sample_study(model, tmp_path / "fewer", path=path, until=None, generate__samples=1)
    merge_runs([tmp_path / "fewer", shards[1]], out=tmp_path / "out", until="activations")
    joined, second = answers(tmp_path / "out"), answers(shards[1])
    assert len(joined) == QUESTIONS * 4
    assert joined.xs(3, level="sample")["text"].tolist() == second.xs(2, level="sample")["text"].tolist()


@pytest.mark.parametrize("stop", [2, 9])
def test_stopped_while_it_copies_nothing_is_lost_and_the_next_call_works(
    shards: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    before = [contents(shard) for shard in shards]
    whole, calls = RunFolder.write, []

    def interrupted(self, name, writer):  # type: ignore[no-untyped-def]
        calls.append(name)
        if len(calls) > stop:
            raise KeyboardInterrupt
        whole(self, name, writer)

    monkeypatch.setattr(RunFolder, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        merge_runs(shards, out=tmp_path / "out", until="activations")
    monkeypatch.undo()
    assert [contents(shard) for shard in shards] == before
    assert not (tmp_path / "out" / "manifest.json").exists()
    merge_runs(shards, out=tmp_path / "out", until="activations")
    run = RunFolder.view(tmp_path / "out")
    assert run.damaged() == []
    assert len(answers(tmp_path / "out")) == QUESTIONS * 7
    assert {str(f.relative_to(run.path)) for f in run.path.rglob("*.*") if f.is_file()} == {
        *run.manifest.files, "manifest.json", ".lock"
    }  # fmt: skip


def test_stopped_while_it_learns_the_next_call_goes_on(
    shards: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tacitly.results import learning

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(learning, "write_probes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        merge_runs(shards, out=tmp_path / "out")
    monkeypatch.undo()
    monkeypatch.setattr(joining, "_copy", interrupted)
    result = merge_runs(shards, out=tmp_path / "out")
    assert result.stages[0] == "probes"
    assert result.report.exists()


def test_greedy_answers_that_differ_by_a_near_tie_are_counted(shards: tuple[Path, ...], tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(shards[1], other, ignore=shutil.ignore_patterns(".lock"))
    with RunFolder.open(other, version="0") as run:
        name = run.files("answers")[0]
        frame = pd.read_parquet(other / name)
        place = frame.index[frame["sample"] == 0][0]
        frame.loc[place, "text"] = "another"
        run.write_table(name, frame)
        run.commit()
    progress = RecordedProgress()
    merge_runs([shards[0], other], out=tmp_path / "out", until="activations", progress=progress)
    (said,) = [note for note in progress.notes if "worded differently" in note]
    assert said.startswith("1 greedy answers")
    greedy = answers(tmp_path / "out").xs(0, level="sample")
    assert greedy["text"].tolist() == answers(shards[0]).xs(0, level="sample")["text"].tolist()


def refusal(capsys: pytest.CaptureFixture[str], *folders: Path, out: Path) -> str:
    """What `tacitly merge` says, in one line."""
    assert command(["merge", *map(str, folders), "--out", str(out)]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1
    assert "Traceback" not in error
    assert not (out / "manifest.json").exists()
    return error


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"generate__temperature": 0.7}, "generate.temperature is 1.0 in the first and 0.7 in the other"),
        ({"generate__top_p": 0.9}, "generate.top_p is 1.0"),
        ({"generate__max_new_tokens": 5}, "generate.max_new_tokens is 6 in the first and 5"),
        ({"generate__stop": ["x"]}, "generate.stop is () in the first and ('x',)"),
        ({"task__locator": "novel_phrase"}, "task.locator is ('first_line',)"),
        ({"task__judge": "token_f1"}, "task.judge is None in the first and ('token_f1',)"),
        ({"task__prompt": "Say: {question}"}, "task.prompt is None"),
        ({"capture__sample_positions": ["-1"]}, "capture.sample_positions is"),
        ({"generate__seed": 0}, "both drew their samples with the seed 0; allowed: a seed of its own"),
        ({"task__limit": 20, "generate__samples": 1}, "10 questions were asked in"),
        ({"generate__samples": 0}, "has no sampled answers (generate.samples is 0)"),
    ],
)
def test_runs_that_do_not_fit_are_refused_in_one_line(
    shards: tuple[Path, ...],
    model: Path,
    path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, object],
    words: str,
) -> None:
    sample_study(model, tmp_path / "other", path=path, **{"generate__seed": 3, "generate__samples": 1, **change})
    capsys.readouterr()
    error = refusal(capsys, shards[0], tmp_path / "other", out=tmp_path / "out")
    assert words in error
    assert str(tmp_path / "other") in error


def test_other_weights_and_other_questions_are_refused(
    shards: tuple[Path, ...], path: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = save_model(tmp_path / "other", seed=1)
    sample_study(other, tmp_path / "weights", path=path, generate__seed=3, generate__samples=1)
    capsys.readouterr()
    assert "the sha256 of the model's weights is" in refusal(
        capsys, shards[0], tmp_path / "weights", out=tmp_path / "out"
    )
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[4]["answers"] = ["z"]
    changed = tmp_path / "changed.jsonl"
    changed.write_text("\n".join(map(json.dumps, rows)))
    sample_study(model, tmp_path / "questions", path=changed, generate__seed=3, generate__samples=1)
    capsys.readouterr()
    error = refusal(capsys, shards[0], tmp_path / "questions", out=tmp_path / "out")
    assert "the answers of question 'q4' is ('a', 'b'" in error
    assert "('z',)" in error


def test_unfinished_damaged_and_missing_runs_are_refused(
    shards: tuple[Path, ...], model: Path, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample_study(model, tmp_path / "short", path=path, until="answers", generate__seed=3)
    capsys.readouterr()
    assert "is not finished: not labels, judgements" in refusal(
        capsys, shards[0], tmp_path / "short", out=tmp_path / "out"
    )
    shutil.copytree(shards[1], tmp_path / "damaged", ignore=shutil.ignore_patterns(".lock"))
    name = RunFolder.view(shards[1]).files("spans")[0]
    (tmp_path / "damaged" / name).write_bytes(b"")
    assert f"has damaged files, the first is '{name}'" in refusal(
        capsys, shards[0], tmp_path / "damaged", out=tmp_path / "out"
    )
    assert "is not a run" in refusal(capsys, shards[0], tmp_path / "nowhere", out=tmp_path / "out")
    assert "1 run is nothing to merge" in refusal(capsys, shards[0], out=tmp_path / "out")
    assert "both drew their samples with the seed 0" in refusal(capsys, shards[0], shards[0], out=tmp_path / "out")


def test_a_folder_that_holds_something_else_is_refused(
    shards: tuple[Path, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["merge", str(shards[0]), str(shards[1]), "--out"]
    before = contents(shards[2])
    assert command([*arguments, str(shards[2])]) == 2
    assert "holds a run; give --out an empty or new folder" in capsys.readouterr().err
    assert contents(shards[2]) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert command([*arguments, str(tmp_path / "mine")]) == 2
    assert "holds files but no manifest.json" in capsys.readouterr().err
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"
    assert command([*arguments, str(tmp_path / "out"), "--until", "activations"]) == 0
    assert "stopped after activations" in capsys.readouterr().out
    assert command(["merge", str(shards[0]), str(shards[2]), "--out", str(tmp_path / "out")]) == 2
    assert "holds another merge, or one of these runs before they changed" in capsys.readouterr().err
    assert command([*arguments, str(tmp_path / "new"), "--until", "never"]) == 2
    assert "unknown stage 'never' for --until" in capsys.readouterr().err


def test_a_task_file_that_changed_since_is_refused_before_anything_is_lost(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write_questions(tmp_path / "own", number=12)
    sample_study(model, tmp_path / "a", path=own, generate__samples=1)
    sample_study(model, tmp_path / "b", path=own, generate__samples=1, generate__seed=1)
    own.write_text(own.read_text() + "\n")
    capsys.readouterr()
    assert "the task's file is not what it was" in refusal(capsys, tmp_path / "a", tmp_path / "b", out=tmp_path / "out")
