"""Training the adapter, and asking the model before and after."""

import json
from pathlib import Path
from typing import Any, cast

import pandas as pd
from peft import PeftModel
from transformers import TrainerState

from tacitly.finetune.answers import FILE as ANSWERS
from tacitly.finetune.answers import HeldOutQuestions, read_answers, similarity_scores
from tacitly.finetune.checkpoints import delete_broken, explained, last_whole, step_of
from tacitly.finetune.data import FinetuneData
from tacitly.finetune.record import Record
from tacitly.finetune.trainer import LoraTrainer
from tacitly.finetune.trainer_setup import make_trainer, optimizer_name, precision
from tacitly.models.adapter import CONFIG
from tacitly.models.quiet import library_notes_off
from tacitly.progress import Progress
from tacitly.storage import write_whole

CHECKPOINTS = "checkpoints"


def open_trainer(data: FinetuneData, folder: Path, progress: Progress) -> LoraTrainer:
    """Put the adapter on the model; until it is trained, the model answers as before.

    Raises:
        TrainingError: If a setting names something that the libraries do not have.
    """
    with library_notes_off():
        trainer = make_trainer(
            data.language_model,
            data.settings,
            train=data.learned[0],
            held_out=data.evaluated[0],
            folder=folder / CHECKPOINTS,
            progress=progress,
        )
    data.language_model.model.train(mode=False)
    return trainer


def train_adapter(trainer: LoraTrainer, data: FinetuneData, folder: Path, record: Record, progress: Progress) -> None:
    """Train, from the last whole checkpoint where there is one, and save the adapter and the tokenizer.

    Raises:
        TrainingError: If the loss is no longer a number.
        StorageError: If the disk is full.
    """
    checkpoints = folder / CHECKPOINTS
    if trainer.is_world_process_zero():
        with explained(folder):
            delete_broken(checkpoints)
    resumed = last_whole(checkpoints)
    counts = data.learned[1]
    progress.note(
        f"LoRA on {counts.examples} pairs ({counts.cut} answers cut at a sentence's end, {counts.too_long} more passed "
        f"over as too long) in {_precision(data)} with {optimizer_name(data.settings.train)}"
        + (f", going on from step {step_of(resumed)}" if resumed else "")
    )
    with library_notes_off():
        _train(trainer, folder, record, progress, resumed=resumed)
    record.training = _training(trainer, data)
    if trainer.is_world_process_zero():
        with explained(folder):
            _save(trainer, data, folder)
        record.write(folder)


def _train(trainer: LoraTrainer, folder: Path, record: Record, progress: Progress, *, resumed: Path | None) -> None:
    if not record.losses:
        record.losses["held_out"] = [[0, _evaluate(trainer, progress)]]
        if trainer.is_world_process_zero():
            record.write(folder)
    with explained(folder):
        trainer.go_on(resumed)
    _keep_losses(record, trainer, progress)


def answer_before(data: FinetuneData, folder: Path, record: Record, progress: Progress) -> None:
    """Ask the base model the held-out questions, unless that is done."""
    if "before" not in record.scores:
        _answer(data, folder, record, progress, when="before")


def answer_after(data: FinetuneData, folder: Path, record: Record, progress: Progress) -> None:
    """Ask the tuned model, in the same precision, the same questions."""
    data.language_model.model.train(mode=False)
    _answer(data, folder, record, progress, when="after")


def _answer(data: FinetuneData, folder: Path, record: Record, progress: Progress, *, when: str) -> None:
    if not data.scored:
        return
    asked = HeldOutQuestions(
        data.scored,
        [data.form.render(data.task.prompt(q)) for q in data.scored],
        data.task.max_new_tokens,
        tuple(dict.fromkeys((*data.task.stop, *data.form.stop))),
    )
    answers = asked.ask(data.language_model, data.form, progress, when=when)
    path = folder / ANSWERS
    table = read_answers(folder) if when == "after" else None
    if table is None:
        table = pd.DataFrame(
            {
                "question_id": [q.question_id for q in data.scored],
                "question": [q.question for q in data.scored],
                "reference": [q.answers[0] for q in data.scored],
            }
        )
    table[when] = answers
    write_whole(path, lambda target: table.to_parquet(target, index=False))
    record.scores[when] = similarity_scores(answers, table["reference"].tolist())
    record.write(folder)


def _evaluate(trainer: LoraTrainer, progress: Progress) -> float:
    """The mean loss on held-out pairs, in nats per token of the answers."""
    progress.begin("loss on held-out entities", None)
    return round(float(trainer.evaluate()["eval_loss"]), 6)


def _keep_losses(record: Record, trainer: LoraTrainer, progress: Progress) -> None:
    """Write down every loss that was logged, and that after the last step."""
    state: TrainerState = trainer.state
    history: dict[str, dict[int, float]] = {"train": {}, "held_out": {0: record.losses["held_out"][0][1]}}
    for entry in state.log_history:
        for name, key in (("train", "loss"), ("held_out", "eval_loss")):
            if key in entry:
                history[name][int(entry["step"])] = round(float(entry[key]), 6)
    if state.global_step not in history["held_out"]:
        history["held_out"][state.global_step] = _evaluate(trainer, progress)
    record.losses = {name: [[step, loss] for step, loss in sorted(found.items())] for name, found in history.items()}


def _training(trainer: LoraTrainer, data: FinetuneData) -> dict[str, Any]:
    model = _model_of(trainer)
    return {
        "steps": trainer.state.global_step,
        "epochs": round(float(trainer.state.epoch or 0), 3),
        "seconds": round(trainer.seconds, 1),
        "tokens_per_second": round(trainer.tokens_seen / trainer.seconds, 1),
        "device": str(trainer.args.device),
        "precision": _precision(data),
        "optimizer": optimizer_name(data.settings.train),
        "trainable_parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }


def _precision(data: FinetuneData) -> str:
    return precision(data.language_model.identity.dtype, quantized=data.settings.train.quantize_4bit)


def _model_of(trainer: LoraTrainer) -> PeftModel:
    return cast("PeftModel", trainer.accelerator.unwrap_model(trainer.model))


def _save(trainer: LoraTrainer, data: FinetuneData, folder: Path) -> None:
    """Write adapter and tokenizer; the adapter names its base model as the user did, not a cache folder."""
    _model_of(trainer).save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # a stub of PEFT's; the card is ours
    data.language_model.tokenizer.save_pretrained(folder)
    identity, path = data.language_model.identity, folder / CONFIG
    config = json.loads(path.read_text(encoding="utf-8"))
    local = Path(identity.name)
    config["base_model_name_or_path"] = str(local.resolve()) if local.exists() else identity.name
    config["revision"] = identity.revision
    write_whole(path, lambda target: target.write_text(json.dumps(config, indent=1)))
