"""Fine-tuning: what is refused, in one line, before anything is lost."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerCallback

from tacitly.errors import ModelError, SettingsError, StorageError, TaskError, TrainingError
from tacitly.finetune.publish import merge
from tacitly.finetune.trainer import LoraTrainer
from tacitly.finetune.tuning import run_finetune
from tacitly.finetune_settings import FinetuneSettings
from tacitly.models.load import load_model
from tacitly.progress import RecordedProgress
from tacitly.recipes import load_finetune_recipe
from tests.tiny import save_model
from tests.unit.finetune_samples import changed, sample_settings

pytestmark = [
    pytest.mark.unit,
    # PEFT and TRL use names that transformers is about to drop.
    pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> FinetuneSettings:
    return sample_settings(tmp_path_factory.mktemp("finetune"), max_steps=2, score_examples=0)


@pytest.fixture(scope="module")
def tuned(settings: FinetuneSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_finetune(settings, out=tmp_path_factory.mktemp("tuned") / "run").folder


def interrupted(settings: FinetuneSettings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose training was stopped before its first step."""
    monkeypatch.setattr("tacitly.finetune.trainer.LoraTrainer.training_step", stop)
    with pytest.raises(KeyboardInterrupt):
        run_finetune(settings, out=folder)
    monkeypatch.undo()
    return folder


def stop(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_other_settings_are_refused_by_name(tuned: Path, settings: FinetuneSettings) -> None:
    with pytest.raises(TrainingError, match=r"train\.learning_rate was 0\.005, now 0\.1; give the same settings"):
        run_finetune(changed(settings, learning_rate=0.1), out=tuned)
    assert run_finetune(changed(settings, report_to=("tensorboard",)), out=tuned).did is False


def test_what_cannot_be_trained_is_refused(settings: FinetuneSettings, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"no question that would be trained on fits into train\.max_length=16"):
        run_finetune(changed(settings, max_length=16), out=tmp_path / "a")
    with pytest.raises(SettingsError, match=r"'train.max_length' is 100000; allowed: at most the model's 256"):
        run_finetune(changed(settings, max_length=100_000), out=tmp_path / "b")
    with pytest.raises(TaskError, match="leaves one part empty"):
        run_finetune(changed(settings, held_out=0.999), out=tmp_path / "c")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.txt").write_text("mine")
    with pytest.raises(TrainingError, match=r"holds files but no finetune\.json"):
        run_finetune(settings, out=tmp_path / "d")
    with pytest.raises(TrainingError, match="the trainer refuses the settings"):
        run_finetune(changed(settings, scheduler="sideways"), out=tmp_path / "e")


@pytest.mark.parametrize(
    "train",
    [
        {"report_to": ("wandb",)},
        {"optimizer": "galore_adamw"},
        {"optimizer": "lomo"},
        {"scheduler": "cosine_with_min_lr"},
        {"target_modules": ("nowhere",)},
    ],
)
def test_what_the_libraries_do_not_have_is_told_first_and_can_be_put_right(
    settings: FinetuneSettings, tmp_path: Path, train: dict[str, Any]
) -> None:
    with pytest.raises(TrainingError, match=r"the trainer refuses the settings: .") as refused:
        run_finetune(changed(settings, **train), out=tmp_path / "run")
    assert "\n" not in str(refused.value)
    assert json.loads((tmp_path / "run" / "finetune.json").read_text())["losses"] == {}
    if "scheduler" in train:
        assert run_finetune(settings, out=tmp_path / "run").record.complete


@pytest.mark.parametrize(
    ("name", "value"),
    [("judge", "exact"), ("locator", ("model",)), ("split_from", Path("runs/ft")), ("entities", "held_out")],
)
def test_settings_of_studies_are_refused(settings: FinetuneSettings, tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(
        SettingsError, match=rf"setting 'task\.{name}' is .* which a fine-tuning does not use; leave it"
    ):
        run_finetune(changed(settings, "task", **{name: value}), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_adapter_is_refused_and_its_merged_model_named(
    settings: FinetuneSettings, tuned: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"an adapter that could not carry another; .* give '.*/run/merged', which"):
        run_finetune(changed(settings, "model", name=str(tuned)), out=tmp_path / "run")


def test_other_weights_under_the_same_name_are_refused(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = changed(settings, "model", name=str(save_model(tmp_path / "model")))
    folder = interrupted(named, tmp_path / "run", monkeypatch)
    save_model(tmp_path / "model", seed=1)
    with pytest.raises(
        TrainingError, match=r"began with other weights of '.*' \(sha256 \w{12}, now \w{12}\); give back"
    ):
        run_finetune(named, out=folder)


def test_another_number_of_processes_is_refused(
    settings: FinetuneSettings, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = interrupted(settings, tmp_path / "run", monkeypatch)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="began with WORLD_SIZE=1, now it is 2; start it with 1 again"):
        run_finetune(settings, out=folder)
    assert run_finetune(settings, out=tuned).did is False
    with pytest.raises(TrainingError, match="WORLD_SIZE is 2, but the trainer sees 1: each would train alone"):
        run_finetune(settings, out=tmp_path / "alone")


def test_a_folder_that_cannot_be_written_is_one_line(settings: FinetuneSettings, tmp_path: Path) -> None:
    (tmp_path / "run" / ".lock").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"cannot write '.*run'"):
        run_finetune(settings, out=tmp_path / "run")


@pytest.mark.parametrize("lost", ["adapter_model.safetensors", "split.parquet"])
def test_a_finished_folder_that_lost_or_changed_a_file_is_refused(
    settings: FinetuneSettings, tuned: Path, tmp_path: Path, lost: str
) -> None:
    folder = shutil.copytree(tuned, tmp_path / "run")
    (folder / lost).write_bytes((folder / lost).read_bytes()[:-9])
    with pytest.raises(TrainingError, match=f"the finished training in '.*run' has lost '{lost}', or it was changed"):
        run_finetune(settings, out=folder)
    (folder / lost).unlink()
    with pytest.raises(TrainingError, match=f"has lost '{lost}'"):
        run_finetune(settings, out=folder)


@pytest.mark.parametrize(
    ("lost", "left", "message"),
    [
        ("adapter_model.safetensors", 0, "has no adapter_model.safetensors; restore it"),
        ("adapter_model.safetensors", 100, "its weights are damaged; fetch or make them again"),
        ("adapter_config.json", 10, "does not say which model it adapts"),
    ],
)
def test_a_damaged_adapter_is_one_line(tuned: Path, tmp_path: Path, lost: str, left: int, message: str) -> None:
    folder = shutil.copytree(tuned, tmp_path / "run")
    whole = (folder / lost).read_bytes()
    (folder / lost).write_bytes(whole[:left])
    if not left:
        (folder / lost).unlink()
    with pytest.raises(ModelError, match=message) as refused:
        load_model(str(folder))
    assert "\n" not in str(refused.value)


def test_a_damaged_base_model_is_one_line(settings: FinetuneSettings, tmp_path: Path) -> None:
    folder = shutil.copytree(settings.model.name, tmp_path / "model")
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:500])
    with pytest.raises(ModelError, match="its weights are damaged"):
        run_finetune(changed(settings, "model", name=str(folder)), out=tmp_path / "run")


def test_an_adapter_is_not_merged_into_other_weights(settings: FinetuneSettings, tmp_path: Path) -> None:
    named = changed(settings, "model", name=str(save_model(tmp_path / "model")))
    done = run_finetune(named, out=tmp_path / "run")
    save_model(tmp_path / "model", seed=1)
    with pytest.raises(ModelError, match=r"are not those that the adapter in '.*run' was trained on"):
        merge(done.folder, done.record, progress=RecordedProgress())
    assert not (done.folder / "merged").exists()


@pytest.mark.parametrize(
    "content",
    ["not JSON", "[]", '{"settings": null, "losses": {"held_out": []}}', '{"settings": {}, "losses": [1]}', '{"x": 1}'],
)
def test_a_damaged_record_is_one_line(settings: FinetuneSettings, tmp_path: Path, content: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "finetune.json").write_text(content)
    with pytest.raises(TrainingError, match=r"finetune\.json' is damaged, or of another version; start anew"):
        run_finetune(settings, out=tmp_path / "run")


def test_a_damaged_table_of_answers_is_one_line(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = changed(settings, score_examples=2)
    folder = interrupted(asked, tmp_path / "run", monkeypatch)
    (folder / "answers.parquet").write_bytes(b"PAR1")
    with pytest.raises(TrainingError, match=r"answers\.parquet' is damaged"):
        run_finetune(asked, out=folder)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_numbers_that_are_none_are_refused(settings: FinetuneSettings, value: float) -> None:
    with pytest.raises(SettingsError, match=r"setting 'train\.learning_rate' is (inf|nan); allowed: input should be"):
        load_finetune_recipe("finetune-medquad-embedded", overrides={"train.learning_rate": value})


def test_a_tracker_that_does_not_open_is_told_first(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tracker(TrainerCallback):
        def setup(self, *_: Any) -> None:
            raise ConnectionError("no API key")

    made = LoraTrainer.__init__

    def with_tracker(self: LoraTrainer, **kwargs: Any) -> None:
        made(self, **{**kwargs, "callbacks": [*kwargs["callbacks"], Tracker()]})

    monkeypatch.setattr(LoraTrainer, "__init__", with_tracker)
    with pytest.raises(TrainingError, match="the trainer refuses the settings: Tracker does not open: no API key"):
        run_finetune(settings, out=tmp_path / "run")


def test_the_same_questions_and_weights_elsewhere_are_the_same(settings: FinetuneSettings, tuned: Path) -> None:
    elsewhere = os.path.relpath(settings.task.path)
    assert run_finetune(changed(settings, "task", path=Path(elsewhere)), out=tuned).did is False


def test_one_module_s_name_is_no_pattern() -> None:
    assert FinetuneSettings(train={"target_modules": "q_proj"}).train.target_modules == ("q_proj",)
    assert FinetuneSettings().train.target_modules == "all-linear"
