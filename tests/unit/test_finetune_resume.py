"""Fine-tuning stopped and started again: it ends with the same weights, and says what stopped it."""

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from tacitly.errors import StorageError, TrainingError
from tacitly.finetune.publish import merge
from tacitly.finetune.trainer import LoraTrainer
from tacitly.finetune.tuning import FinetuneResult, run_finetune
from tacitly.finetune_settings import FinetuneSettings
from tacitly.progress import RecordedProgress
from tacitly.tasks.entity_split import EntitySplit
from tests.unit.finetune_samples import changed, sample_settings

pytestmark = [
    pytest.mark.unit,
    # PEFT and TRL use names that transformers is about to drop.
    pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

STEPS = 11  # 36 pairs in batches of 4: the second epoch is not over


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> FinetuneSettings:
    folder = tmp_path_factory.mktemp("finetune")
    return sample_settings(folder, max_steps=STEPS, save_steps=4, scheduler="constant", score_examples=0)


@pytest.fixture(scope="module")
def alone(settings: FinetuneSettings, tmp_path_factory: pytest.TempPathFactory) -> FinetuneResult:
    return run_finetune(settings, out=tmp_path_factory.mktemp("tuned") / "run")


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt the training in the step after this one."""
    whole = LoraTrainer.training_step

    def stopping(self: LoraTrainer, *args: Any, **kwargs: Any) -> torch.Tensor:
        if self.state.global_step == step:
            raise KeyboardInterrupt
        return whole(self, *args, **kwargs)

    monkeypatch.setattr(LoraTrainer, "training_step", stopping)


def interrupt(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("moment", ["before a checkpoint", "in an epoch", "after the last step"])
def test_a_stopped_training_goes_on_and_ends_the_same(
    settings: FinetuneSettings, alone: FinetuneResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    if moment == "after the last step":
        monkeypatch.setattr("tacitly.finetune.adapting._save", interrupt)
    else:
        stop_at(2 if moment == "before a checkpoint" else 10, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_finetune(settings, out=tmp_path / "run")
    monkeypatch.undo()
    torch.rand(7)  # whatever was drawn before must not count
    progress = RecordedProgress()
    again = run_finetune(settings, out=tmp_path / "run", progress=progress)
    from_step = {"before a checkpoint": 0, "in an epoch": 8, "after the last step": STEPS}[moment]
    assert any(f"going on from step {from_step}" in note for note in progress.notes) == (from_step > 0)
    weights = [(run.folder / "adapter_model.safetensors").read_bytes() for run in (alone, again)]
    assert weights[0] == weights[1]
    assert again.record.losses == alone.record.losses
    assert again.record.training["steps"] == STEPS
    spent = [json.loads((r.folder / f"checkpoints/checkpoint-{STEPS}/spent.json").read_text()) for r in (alone, again)]
    assert spent[0]["tokens"] == spent[1]["tokens"]
    assert again.record.training["seconds"] == round(spent[1]["seconds"], 1)
    assert run_finetune(settings, out=tmp_path / "run").did is False


def test_a_four_bit_training_goes_on_and_ends_the_same(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("bitsandbytes", reason="4-bit weights need the extra qlora")
    short = changed(settings, quantize_4bit=True, max_steps=5, save_steps=2)
    alone = run_finetune(short, out=tmp_path / "alone")
    stop_at(3, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_finetune(short, out=tmp_path / "run")
    monkeypatch.undo()
    again = run_finetune(short, out=tmp_path / "run")
    weights = [load_file(run.folder / "adapter_model.safetensors") for run in (alone, again)]
    assert all(value.dtype == torch.float32 for value in weights[0].values())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert again.record.losses == alone.record.losses


@pytest.mark.parametrize("damage", ["adapter_model.safetensors", "optimizer.pt", "trainer_state.json", "whole.json"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    settings: FinetuneSettings, alone: FinetuneResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    stop_at(10, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        run_finetune(settings, out=tmp_path / "run")
    monkeypatch.undo()
    newest = tmp_path / "run" / "checkpoints" / "checkpoint-8" / damage
    raw = bytearray(newest.read_bytes())
    raw[len(raw) // 2] ^= 1
    newest.write_bytes(b"[1]" if damage == "whole.json" else bytes(raw))
    progress = RecordedProgress()
    again = run_finetune(settings, out=tmp_path / "run", progress=progress)
    assert any("going on from step 4" in note for note in progress.notes)
    weights = [(run.folder / "adapter_model.safetensors").read_bytes() for run in (alone, again)]
    assert weights[0] == weights[1]


def test_stopped_while_it_is_merged_there_is_no_half_of_a_model(
    alone: FinetuneResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(alone.folder, tmp_path / "run")
    monkeypatch.setattr("tacitly.finetune.publish.shutil.copyfile", interrupt)
    with pytest.raises(KeyboardInterrupt):
        merge(folder, alone.record, progress=RecordedProgress())
    monkeypatch.undo()
    assert not (folder / "merged").exists()
    merged = merge(folder, alone.record, progress=RecordedProgress())
    assert EntitySplit.read(merged) == EntitySplit.read(folder)
    assert not list(folder.glob(".writing-*"))


def test_stopped_while_the_split_is_written_it_starts_again(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    short = changed(settings, max_steps=1)
    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(StorageError, match=r"split\.parquet': the disk is full"):
        run_finetune(short, out=tmp_path / "run")
    monkeypatch.undo()
    assert run_finetune(short, out=tmp_path / "run").record.complete


@pytest.mark.parametrize(
    ("save_steps", "message"),
    [
        (2, r"the loss is no longer finite at step 4; the last good checkpoint stays in '.*checkpoint-2'; start anew"),
        (4, r"the loss is no longer finite at step 4; start anew with another --out and a lower train.learning_rate"),
    ],
)
def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save_steps: int, message: str
) -> None:
    from trl.trainer.sft_trainer import SFTTrainer

    step = SFTTrainer.training_step

    def broken(self: SFTTrainer, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss: torch.Tensor = step(self, *args, **kwargs)
        return loss * float("nan") if self.state.global_step == 3 else loss

    monkeypatch.setattr(SFTTrainer, "training_step", broken)
    with pytest.raises(TrainingError, match=message) as refused:
        run_finetune(changed(settings, save_steps=save_steps), out=tmp_path / "run")
    assert ("checkpoint" in str(refused.value)) == (save_steps == 2)


@pytest.mark.parametrize(
    "said",
    [
        SafetensorError("I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 42495 vs 42448"),
        RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Exception
) -> None:
    from trl.trainer.sft_trainer import SFTTrainer

    save = SFTTrainer._save_checkpoint

    def full(self: SFTTrainer, model: Any, trial: Any) -> None:
        if self.state.global_step == 4:
            raise said
        save(self, model, trial)

    monkeypatch.setattr(SFTTrainer, "_save_checkpoint", full)
    small = changed(settings, max_steps=4, save_steps=2)
    with pytest.raises(StorageError, match="the disk is full"):
        run_finetune(small, out=tmp_path / "run")
    monkeypatch.undo()
    assert (tmp_path / "run" / "checkpoints" / "checkpoint-2" / "whole.json").is_file()
    assert run_finetune(small, out=tmp_path / "run").record.complete


def test_a_weight_that_is_no_number_reaches_no_checkpoint(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = LoraTrainer.training_step

    def broken(self: LoraTrainer, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = step(self, *args, **kwargs)
        if self.state.global_step == 3:
            next(p for p in self.model.parameters() if p.requires_grad).data.fill_(float("inf"))
        return loss

    monkeypatch.setattr(LoraTrainer, "training_step", broken)
    with pytest.raises(TrainingError, match="a weight is no longer finite at step 4; start anew"):
        run_finetune(settings, out=tmp_path / "run")
    assert not list(tmp_path.glob("run/checkpoints/checkpoint-*"))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (0, "the loss on held-out entities is not finite before training; check the model and model.dtype"),
        (6, r"the loss on held-out entities is no longer finite at step 6; the last good checkpoint stays in '.*-4'"),
        (STEPS, r"the loss on held-out entities is no longer finite at step 11; the last good checkpoint"),
    ],
)
def test_a_held_out_loss_that_is_no_number_is_one_line_and_the_record_stays_whole(
    settings: FinetuneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, message: str
) -> None:
    from trl.trainer.sft_trainer import SFTTrainer

    own = SFTTrainer.prediction_step

    def broken(self: SFTTrainer, *args: Any, **kwargs: Any) -> Any:
        loss, *rest = own(self, *args, **kwargs)
        return (loss * float("nan") if self.state.global_step == step else loss), *rest

    monkeypatch.setattr(SFTTrainer, "prediction_step", broken)
    with pytest.raises(TrainingError, match=message):
        run_finetune(changed(settings, eval_steps=3), out=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "finetune.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert not record["complete"]
