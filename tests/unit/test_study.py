"""Whole studies on tiny models: what is done again, what is refused, and what has no figure."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import tacitly
from tacitly.activations.store import ActivationStore
from tacitly.cli.main import run as command
from tacitly.errors import CaptureError, ModelError, RunFolderError, SettingsError, StorageError, TaskError, UserError
from tacitly.manifest import STAGES
from tacitly.progress import RecordedProgress
from tacitly.run_folder import RunFolder
from tacitly.study import StudyResult, run_study
from tests.tiny import save_model

pytestmark = pytest.mark.unit

N = 40


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


def questions(folder: Path, *, answers: str = "a", n: int = N) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "questions.jsonl"
    rows = [{"id": f"q{i}", "question": f"What is number {i}?", "answers": [answers]} for i in range(n)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def settings(model: Path, path: Path, **more: object) -> dict[str, object]:
    return {
        "task.name": "file",
        "task.path": str(path),
        "model.name": str(model),
        "generate.max_new_tokens": 6,
        "generate.batch_size": 16,
        **more,
    }


def study(model: Path, folder: Path, *, file: Path | None = None, **more: object) -> StudyResult:
    progress = more.pop("progress", None)
    until, redo = more.pop("until", None), more.pop("redo", None)
    path = file or questions(folder)
    return run_study(
        "demo",
        overrides=settings(model, path, **{k.replace("__", "."): v for k, v in more.items()}),
        out=folder / "run",
        until=until,
        redo=redo,
        progress=progress,
    )


@pytest.fixture(scope="module")
def finished(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete study whose labels have both classes: answers that hold an `a` are right."""
    folder = tmp_path_factory.mktemp("finished")
    study(model, folder)
    return folder


def copied(finished: Path, tmp_path: Path) -> Path:
    import shutil

    shutil.copytree(finished, tmp_path / "copy", ignore=shutil.ignore_patterns(".lock"))
    return tmp_path / "copy"


def test_a_study_leaves_what_the_architecture_draws(finished: Path) -> None:
    run = RunFolder.view(finished / "run")
    assert run.manifest.complete
    assert [name for name, record in run.manifest.stages.items() if record.complete] == list(STAGES)
    assert {f.split("/")[0] for f in run.manifest.files} >= {
        "questions.parquet", "answers", "labels", "spans", "activations", "folds.parquet", "scores", "metrics.json",
        "report",
    }  # fmt: skip
    assert pd.read_parquet(finished / "run" / "answers").shape[0] == N
    metrics = run.json("metrics.json")
    assert metrics["schema"] == 1
    assert metrics["counts"]["questions"] == N
    assert set(metrics) >= {
        "model", "task", "accuracy", "by_entity", "by_answer", "all_answers", "within_answer", "grid", "timings",
        "peak_rss_mb",
    }  # fmt: skip
    assert all(finding.ok for finding in tacitly.check_run(finished / "run"))


def test_a_second_run_has_nothing_to_do_and_opens_no_model(finished: Path, model: Path, tmp_path: Path) -> None:
    folder = copied(finished, tmp_path)

    def closed(*_: object, **__: object) -> None:
        raise AssertionError("the model was opened")

    path = finished / "questions.jsonl"
    again = run_study("demo", overrides=settings(model, path), out=folder / "run", open_model=closed)
    assert again.stages == []
    assert again.metrics is not None


@pytest.mark.parametrize(
    ("change", "redone"),
    [
        ({"probe__seeds": 2}, ["probes", "baselines", "families", "samples", "report"]),
        ({"task__locator": "first_line"}, ["spans", "activations", *STAGES[STAGES.index("self_evaluation") :]]),
        ({"capture__sites": ["mlp"]}, ["activations", *STAGES[STAGES.index("probes") :]]),
        ({"generate__batch_size": 5}, []),
    ],
)
def test_changed_settings_redo_just_what_depends_on_them_and_say_so(
    finished: Path, model: Path, tmp_path: Path, change: dict[str, object], redone: list[str]
) -> None:
    folder, progress = copied(finished, tmp_path), RecordedProgress()
    result = study(model, folder, file=finished / "questions.jsonl", progress=progress, **change)
    assert result.stages == redone
    said = [note for note in progress.notes if "settings changed" in note]
    assert bool(said) == bool(redone)
    assert all(next(iter(change)).replace("__", ".") in note for note in said)
    assert RunFolder.view(folder / "run").manifest.complete


def test_more_samples_are_added_to_what_is_there(finished: Path, model: Path, tmp_path: Path) -> None:
    folder = copied(finished, tmp_path)
    before = RunFolder.view(folder / "run").table("answers").set_index("answer_id")
    result = study(model, folder, file=finished / "questions.jsonl", generate__samples=2)
    assert "probes" not in result.stages
    answers = RunFolder.view(folder / "run").table("answers").set_index("answer_id")
    assert answers["sample"].value_counts().to_dict() == {0: N, 1: N, 2: N}
    pd.testing.assert_frame_equal(answers.loc[before.index], before)


def test_until_and_redo(model: Path, tmp_path: Path) -> None:
    assert (
        study(model, tmp_path / "new", file=questions(tmp_path), until="answers", redo="probes").stages[0]
        == "questions"
    )
    assert study(model, tmp_path, until="answers").stages == ["questions", "answers"]
    assert study(model, tmp_path, until="labels").stages == ["labels"]
    assert study(model, tmp_path, until="labels", redo="labels").stages == ["labels"]
    with pytest.raises(SettingsError, match="unknown stage 'answer' for --until; allowed: questions, answers"):
        study(model, tmp_path, until="answer")


@pytest.mark.parametrize("table", ["answers", "labels", "spans", "activations", "scores", "report"])
def test_a_damaged_file_is_set_aside_and_computed_again(
    finished: Path, model: Path, tmp_path: Path, table: str
) -> None:
    folder, progress = copied(finished, tmp_path), RecordedProgress()
    run = RunFolder.view(folder / "run")
    name = run.files(table)[-1]
    content = bytearray((folder / "run" / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder / "run" / name).write_bytes(bytes(content))
    untouched = {f: (folder / "run" / f).stat().st_mtime_ns for f in run.files("answers") if f != name}
    result = study(model, folder, file=finished / "questions.jsonl", progress=progress)
    assert any("damaged files were set aside" in note and name in note for note in progress.notes)
    assert (folder / "run" / "damaged" / name).exists()
    assert all((folder / "run" / f).stat().st_mtime_ns == when for f, when in untouched.items())
    assert set(result.stages) >= {"scores": {"probes", "baselines"} & set(result.stages)}.get(table, {table})
    if table in ("answers", "activations"):  # read again in other batches, so the figures are made again
        assert set(result.stages) >= {"probes", "baselines", "report"}
    assert all(finding.ok for finding in tacitly.check_run(folder / "run"))
    old, new = (RunFolder.view(f / "run").table("answers").sort_values("answer_id") for f in (finished, folder))
    assert old["text"].tolist() == new["text"].tolist()


def test_other_weights_under_the_same_name_are_refused(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", seed=0)
    study(model, tmp_path, until="answers")
    save_model(tmp_path / "model", seed=1)
    with pytest.raises(RunFolderError, match="other weights"):
        study(model, tmp_path, generate__samples=1)
    assert len(RunFolder.view(tmp_path / "run").table("answers")) == N


def test_one_class_only_has_no_figures_but_a_report(model: Path, tmp_path: Path) -> None:
    result = study(model, tmp_path, file=questions(tmp_path, answers="not to be found"))
    assert result.metrics is not None
    assert result.metrics["counts"]["correct"] == 0
    assert result.metrics["by_entity"] is None
    assert "wrong" in result.metrics["by_entity_reason"]
    assert result.report.exists()
    assert any("by_entity is not defined" in warning for warning in result.warnings)
    assert "NaN" not in (tmp_path / "run" / "metrics.json").read_text()


def test_a_model_without_a_template_is_asked_in_plain_form_with_a_warning(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", chat=False)
    result = study(model, tmp_path, until="answers")
    assert any("no chat template" in warning for warning in result.warnings)
    run = RunFolder.view(tmp_path / "run")
    assert run.table("questions")["prompt"][0].endswith("\nA:")
    assert not run.table("answers")["text"].str.contains("\n").any()


def test_a_question_longer_than_the_context_is_refused_by_name(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"id": "long", "question": "why " * 100, "answers": ["a"]}))
    with pytest.raises(TaskError, match=r"'long' takes 4\d\d tokens"):
        study(model, tmp_path, file=path)


def test_a_site_that_the_model_lacks_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", "mixtral")
    with pytest.raises(CaptureError, match="mlp_hidden"):
        study(model, tmp_path, capture__sites=["mlp_hidden"])
    assert RunFolder.view(tmp_path / "run").table("answers").empty


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task__judge": "judge"}, "unknown judge 'judge'; allowed: alias, choice, .*; set"),
        ({"task__locator": ["choices", "nowhere"]}, "unknown locator 'nowhere'; allowed: .*novel_phrase"),
        ({"capture__token_layers": [4]}, r"names layer 4 of 'residual'; allowed: 0 to 3"),
    ],
)
def test_what_would_fail_later_is_refused_before_anything_is_asked(
    model: Path, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        study(model, tmp_path, **change)
    assert not (tmp_path / "run" / "answers").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"task__judge": "bogus"},
        {"task__name": "bogus"},
        {"task__locator": "bogus"},
        {"capture__token_layers": [9]},
        {"task__path": "nowhere.jsonl"},
        {"model__name": "./nowhere"},
        {"generate__max_new_tokens": 10_000},
    ],
)
def test_refused_settings_lose_nothing_of_a_finished_run(
    finished: Path, model: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    folder, file = copied(finished, tmp_path), finished / "questions.jsonl"
    with pytest.raises(UserError):
        study(model, folder, file=file, **change)
    assert all(finding.ok for finding in tacitly.check_run(folder / "run"))
    assert study(model, folder, file=file).stages == []


def test_another_model_in_the_same_folder_starts_over(finished: Path, tmp_path: Path) -> None:
    folder = copied(finished, tmp_path)
    other = save_model(tmp_path / "other", "qwen2", seed=3)
    result = study(other, folder, file=finished / "questions.jsonl")
    assert result.stages[:2] == ["questions", "answers"]
    assert result.metrics is not None
    assert result.metrics["model"]["architecture"] == "Qwen2ForCausalLM"
    assert len(RunFolder.view(folder / "run").table("answers")) == N


def test_empty_generations_are_unknown_and_said(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    folder = save_model(tmp_path / "model")
    ending = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():  # every hidden state now points to the end token
        ending.model.norm.weight.zero_()
        ending.lm_head.weight.zero_()
    ending.generation_config.eos_token_id = 0  # the first of equal logits
    ending.save_pretrained(folder)
    result = study(folder, tmp_path)
    assert result.metrics is not None
    assert result.metrics["counts"]["unknown"] == N
    assert result.metrics["accuracy"] is None
    assert any(f"{N} answers are empty" in warning for warning in result.warnings)
    assert result.report.exists()


def test_token_layers_keep_every_answer_token(model: Path, tmp_path: Path) -> None:
    study(model, tmp_path, until="answers", capture__token_layers=[2])
    run = RunFolder.view(tmp_path / "run")
    answers = run.table("answers")
    states = ActivationStore(run, answers["answer_id"].tolist()).token_states("residual", 2)
    assert [len(one) for one in states] == answers["token_ids"].map(len).tolist()


def test_infinite_activations_are_refused_and_keep_what_was_finished(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tacitly.activations import store

    finite, calls = store._stored, []

    def overflowing(values, name, answers, half, wide):  # type: ignore[no-untyped-def]
        calls.append(name)
        if len(calls) > 6:
            values = np.full_like(values, np.inf)
        return finite(values, name, answers, half, wide)

    monkeypatch.setattr(store, "_stored", overflowing)
    with pytest.raises(CaptureError, match="NaN or infinity"):
        study(model, tmp_path)
    monkeypatch.undo()
    kept = len(RunFolder.view(tmp_path / "run").table("answers"))
    assert 0 < kept < N
    assert study(model, tmp_path).metrics is not None


def test_a_full_disk_loses_nothing_that_is_finished(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    whole, calls = RunFolder.write, []

    def full(self, name, writer):  # type: ignore[no-untyped-def]
        calls.append(name)

        def no_space(path: Path) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        whole(self, name, no_space if len(calls) > 7 else writer)

    monkeypatch.setattr(RunFolder, "write", full)
    with pytest.raises(StorageError, match="the disk is full"):
        study(model, tmp_path)
    monkeypatch.undo()
    assert 0 < len(RunFolder.view(tmp_path / "run").table("answers")) < N
    assert study(model, tmp_path).metrics is not None


def test_a_model_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    path = questions(tmp_path)
    for name, words in ((str(tmp_path / "nowhere"), "no model at"), ("nobody/nothing", "cannot open the model")):
        with pytest.raises(ModelError, match=words) as caught:
            study(Path(name) if name.startswith("/") else name, tmp_path, file=path)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["study", "nothing"], "unknown recipe 'nothing'"),
        (["study", "demo", "--set", "task.limt=3"], "did you mean 'task.limit'"),
        (["study", "demo", "--set", "task.name=medfact"], "medfacts"),
        (["study", "demo", "--set", "task.limit=many"], "'task.limit' is 'many'"),
        (["study", "demo", "--until", "never"], "unknown stage"),
        (["check", "nowhere"], "not a run"),
        (["report", "nowhere"], "not a run"),
        (["stud"], "study"),
        (["study", "demo", "--bogus"], "--bogus"),
    ],
)
def test_a_user_s_error_is_one_line_and_exit_code_2(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert words in error
    assert len(error.splitlines()) == 1
    assert "Traceback" not in error


def test_ctrl_c_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from tacitly import study as module

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_study", interrupted)
    assert command(["study", "demo"]) == 130
    assert "same command again" in capsys.readouterr().err


def test_the_report_is_rebuilt_from_the_run_folder(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(finished, tmp_path) / "run"
    before = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert command(["report", str(folder)]) == 0
    assert (folder / "report" / "index.html").read_text(encoding="utf-8") == before
    assert command(["check", str(folder)]) == 0
    assert "BAD" not in capsys.readouterr().out
    (folder / "scores" / "probes.parquet").write_bytes(b"")
    assert command(["check", str(folder)]) == 2
    assert command(["report", str(folder)]) == 2


def test_the_public_names_are_these() -> None:
    assert tacitly.__all__ == [
        "Chat", "Detector", "RunFolder", "Scorer", "StudyResult", "StudySettings", "TacitlyError", "UserError",
        "check_run", "compare_runs", "detect_answers", "load_model", "load_recipe", "merge_runs", "run_finetune",
        "run_study",
    ]  # fmt: skip
    assert all(getattr(tacitly, name) is not None for name in tacitly.__all__)
