"""Setting up TRL's trainer from our settings: adapter, arguments, and what is told while it trains."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import PrinterCallback, TrainerCallback, TrainerState
from trl.trainer.sft_config import SFTConfig

from tacitly.errors import TrainingError
from tacitly.finetune.checkpoints import KEPT
from tacitly.finetune.data import processes
from tacitly.finetune.examples import Example
from tacitly.finetune.trainer import LoraTrainer
from tacitly.finetune_settings import FinetuneSettings, TrainSettings
from tacitly.models.load import LanguageModel
from tacitly.progress import Progress

# Transformers 5 is renaming it.
_NEW_NAME = "activation_checkpointing"
_CHECKPOINTING = _NEW_NAME if _NEW_NAME in SFTConfig.__dataclass_fields__ else "gradient_checkpointing"


class _Order(TrainerCallback):
    """Gives every epoch its order; with several processes the sampler lies deeper than the trainer itself reaches."""

    def __init__(self, trainer: LoraTrainer) -> None:
        self._trainer = trainer

    def on_epoch_begin(self, *rest: Any, **_: Any) -> None:
        state: TrainerState = rest[1]
        if self._trainer.order is not None:
            self._trainer.order.set_epoch(int(state.epoch or 0))


class _Reporter(TrainerCallback):
    """Tells our progress what the trainer does."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_train_begin(self, *rest: Any, **_: Any) -> None:
        state: TrainerState = rest[1]
        self._progress.begin("training steps", state.max_steps)
        self._progress.advance(state.global_step)

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self._progress.advance()

    def on_log(self, *rest: Any, **kwargs: Any) -> None:
        state: TrainerState = rest[1]
        logs: dict[str, float] = kwargs["logs"]
        if "eval_loss" in logs:
            self._progress.note(f"step {state.global_step}: loss on held-out entities {logs['eval_loss']:.4f}")


def make_trainer(
    language_model: LanguageModel,
    settings: FinetuneSettings,
    *,
    train: Sequence[Example],
    held_out: Sequence[Example],
    folder: Path,
    progress: Progress,
) -> LoraTrainer:
    """Put a LoRA adapter on a model and set up its training; the model is changed in place.

    Args:
        language_model: The base model.
        settings: Its `train` and `seed` are read.
        train: What is learned.
        held_out: What gives the evaluation loss.
        folder: Where checkpoints go.
        progress: Hears of steps and losses.

    Raises:
        TrainingError: If a setting names something that the libraries do not have, or the processes do not train
            together.
    """
    train_settings = settings.train
    modules = train_settings.target_modules
    lora = LoraConfig(
        r=train_settings.lora_r,
        lora_alpha=train_settings.lora_alpha,
        lora_dropout=train_settings.lora_dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
        task_type="CAUSAL_LM",
    )
    tokenizer = language_model.tokenizer
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    try:
        trainer = LoraTrainer(
            model=language_model.model,
            args=_arguments(train_settings, seed=settings.seed, folder=folder),
            train_dataset=_dataset(train),
            eval_dataset=_dataset(held_out),
            processing_class=tokenizer,
            peft_config=lora,
            callbacks=[_Reporter(progress)],
        )
        _try_optimizer(trainer)
        _open_trackers(trainer)
    except (ValueError, ImportError, RuntimeError) as error:  # a scheduler, optimizer, tracker or module is not there
        raise TrainingError(f"the trainer refuses the settings: {' '.join(str(error).split())[:300]}") from error
    if trainer.args.world_size != processes():
        raise TrainingError(
            f"WORLD_SIZE is {processes()}, but the trainer sees {trainer.args.world_size}: each would train alone",
            remedy="start it by `accelerate launch` or `torchrun`, or as one process without WORLD_SIZE",
        )
    for parameter in language_model.model.parameters():
        if parameter.requires_grad:  # of a 4-bit model's adapter TRL makes bfloat16, which a checkpoint does not keep
            parameter.data = parameter.data.float()
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_Order(trainer))
    return trainer


def _try_optimizer(trainer: LoraTrainer) -> None:
    """Make optimizer and scheduler, so that a wrong name is told before anything takes time; training makes its own.

    Raises:
        ValueError: If a name is unknown, or needs arguments.
        ImportError: If it needs a package that is not there.
    """
    trainer.create_optimizer()
    trainer.create_scheduler(num_training_steps=1)
    trainer.optimizer = trainer.lr_scheduler = None


def _open_trackers(trainer: LoraTrainer) -> None:
    """Open what the trainer reports to, so that a missing login is told before anything takes time.

    Raises:
        ValueError: If a tracker does not open.
    """
    for tracker in trainer.callback_handler.callbacks:
        if hasattr(tracker, "setup") and trainer.is_world_process_zero():
            try:
                tracker.setup(trainer.args, trainer.state, trainer.model)
            except Exception as error:  # each tracker's client raises its own
                raise ValueError(f"{type(tracker).__name__} does not open: {error}") from error


def optimizer_name(settings: TrainSettings) -> str:
    """The optimizer that `auto` stands for: the paged one needs CUDA."""
    if settings.optimizer != "auto":
        return settings.optimizer
    return "paged_adamw_32bit" if torch.cuda.is_available() and _has_bitsandbytes() else "adamw_torch"


def precision(dtype: str, *, quantized: bool) -> str:
    """What is computed in: bfloat16 on an accelerator, the model's own number format on a CPU."""
    return ("bfloat16" if torch.accelerator.is_available() else dtype) + (" on 4-bit weights" if quantized else "")


def _has_bitsandbytes() -> bool:
    from importlib.util import find_spec

    return find_spec("bitsandbytes") is not None


def _arguments(settings: TrainSettings, *, seed: int, folder: Path) -> SFTConfig:
    checkpointing: dict[str, Any] = {_CHECKPOINTING: settings.gradient_checkpointing}
    arguments = SFTConfig(
        **checkpointing,
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.gradient_accumulation,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        lr_scheduler_type=settings.scheduler,
        warmup_steps=settings.warmup_ratio,
        max_grad_norm=settings.max_grad_norm,
        optim=optimizer_name(settings),
        train_sampling_strategy="group_by_length" if settings.group_by_length else "random",
        bf16=torch.accelerator.is_available(),
        max_length=None,  # already cut, at a sentence's end
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        eval_strategy="steps" if settings.eval_steps else "no",
        eval_steps=settings.eval_steps,
        save_strategy="steps",
        save_steps=settings.save_steps,
        save_total_limit=KEPT,
        logging_steps=settings.log_steps,
        logging_first_step=True,
        report_to=list(settings.report_to) or "none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.accelerator.is_available(),
        ddp_find_unused_parameters=False,
        seed=seed,
        data_seed=seed,
    )
    if arguments.n_gpu > 1:  # one process trains on one; on all of them, batches would be that many times as large
        arguments._n_gpu = 1
    return arguments


def _dataset(examples: Sequence[Example]) -> Dataset:
    return Dataset.from_dict(
        {
            "input_ids": [list(e.input_ids) for e in examples],
            "labels": [list(e.labels) for e in examples],
        }
    )
