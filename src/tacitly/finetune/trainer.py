"""TRL's trainer, set up from our settings: loss on the answer only, no step lost, no broken number kept."""

import json
import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from torch.nn.functional import cross_entropy
from transformers import PrinterCallback, TrainerCallback, TrainerState, set_seed
from transformers.trainer import TRAINER_STATE_NAME
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from tacitly.errors import TrainingError
from tacitly.finetune.checkpoints import KEPT, explained, last_whole, mark_whole
from tacitly.finetune.data import processes
from tacitly.finetune.examples import IGNORED, Example
from tacitly.finetune.order import EpochOrder
from tacitly.models.load import LanguageModel
from tacitly.progress import Progress
from tacitly.settings import FinetuneSettings, TrainSettings
from tacitly.tasks.entity_split import FILE as SPLIT

# Transformers 5 is renaming it.
_NEW_NAME = "activation_checkpointing"
_SPENT = "spent.json"
_CHECKPOINTING = _NEW_NAME if _NEW_NAME in SFTConfig.__dataclass_fields__ else "gradient_checkpointing"


class LoraTrainer(SFTTrainer):
    """Stops at a loss or a weight that is no longer a number, before it reaches a checkpoint.

    Attributes:
        tokens_seen: Tokens of the batches of every step, without padding, also of the starts before this one.
        seconds: What training took, evaluations and checkpoints included, also before, up to the last checkpoint.
        order: The order of the examples, once training has begun.

    Its evaluation loss is per token.
    """

    tokens_seen = 0
    seconds = 0.0
    order: EpochOrder | None = None
    _begun = 0.0

    def go_on(self, checkpoint: Path | None) -> None:
        """Train, from a checkpoint on where there is one; one whose last step is done is only loaded."""
        # What came before (an evaluation, or none after a restart) must not decide what dropout draws.
        set_seed(self.args.seed)
        if self.args.world_size > 1:
            # Prepared for an evaluation, the model would pass for prepared to train, and every process learn alone.
            vars(self.model).pop("_is_accelerate_prepared", None)
        self._begun = time.monotonic()
        if checkpoint is None:
            self.train()
            return
        spent = json.loads((checkpoint / _SPENT).read_text(encoding="utf-8"))
        self.tokens_seen, self.seconds = spent["tokens"], spent["seconds"]
        self._begun -= self.seconds
        state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
        if state.global_step < state.max_steps:
            self.train(resume_from_checkpoint=str(checkpoint))
        else:  # the trainer would take one step more
            self._load_from_checkpoint(str(checkpoint))
            self.state = state

    def _get_train_sampler(self, train_dataset: Any = None) -> EpochOrder:
        examples: Dataset = train_dataset or self.train_dataset
        lengths = [len(ids) for ids in examples["input_ids"]]
        batch_size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        grouped = self.args.train_sampling_strategy == "group_by_length"
        self.order = EpochOrder(lengths, batch_size=batch_size, seed=self.args.seed, grouped=grouped)
        return self.order

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """One batch forward and backward.

        Raises:
            TrainingError: If its loss is NaN or infinite.
        """
        inputs: dict[str, torch.Tensor] = args[1]
        self.tokens_seen += int(self.accelerator.reduce(inputs["attention_mask"].sum()))
        loss: torch.Tensor = super().training_step(*args, **kwargs)  # type: ignore[no-untyped-call]
        if not math.isfinite(loss.item()):
            raise self._diverged("the loss", self.state.global_step + 1)
        return loss

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The loss of one batch; on a CPU with the output layer at the learned positions only.

        TRL's own computes the logits twice, forward and backward, which saves memory that an accelerator lacks and
        costs time that a CPU lacks. Models with a loss beside that of the tokens are left to it.
        """
        outputs_wanted = kwargs.get("return_outputs", bool(args and args[0]))
        if self.args.device.type != "cpu" or self.args.world_size > 1 or self.aux_loss_enabled or outputs_wanted:
            return super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[no-untyped-call]
        targets = inputs["labels"][:, 1:]
        learned = (targets != IGNORED).any(dim=0).nonzero().squeeze(1)
        logits = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], logits_to_keep=learned,
            use_cache=False,
        ).logits  # fmt: skip
        targets = targets[:, learned].flatten()
        loss = cross_entropy(logits.flatten(0, 1).float(), targets, ignore_index=IGNORED, reduction="sum")
        counted = kwargs.get("num_items_in_batch")
        return loss / ((targets != IGNORED).sum() if counted is None else counted)

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The mean loss of one batch, which also goes into the sum over all of them."""
        loss, *rest = super().prediction_step(model, inputs, *args, **kwargs)
        tokens = (inputs["labels"][:, 1:] != IGNORED).sum()
        self._loss_and_tokens += torch.stack([loss.double() * tokens, tokens.double()]).cpu()
        return loss, *rest

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """The loss per token; the trainer's own is the mean over batches, however many tokens they have.

        Raises:
            TrainingError: If it is NaN or infinite.
        """
        self._loss_and_tokens = torch.zeros(2, dtype=torch.float64)
        output = super().evaluation_loop(*args, **kwargs)
        device = self.args.device
        total, tokens = self.accelerator.reduce(self._loss_and_tokens.to(device)).tolist()
        if not math.isfinite(total):
            raise self._diverged("the loss on held-out entities", self.state.global_step)
        return output._replace(metrics={**(output.metrics or {}), "eval_loss": total / tokens})

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write no card into the checkpoints: the model's own is written at the end."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step = self.state.global_step
        checkpoint = Path(str(self.args.output_dir)) / f"checkpoint-{step}"
        if not all(bool(torch.isfinite(p).all()) for p in model.parameters() if p.requires_grad):
            raise self._diverged("a weight", step)
        with explained(checkpoint):
            super()._save_checkpoint(model, trial)  # type: ignore[no-untyped-call]
            self.accelerator.wait_for_everyone()
            self.seconds = time.monotonic() - self._begun
            if self.args.should_save:
                # A checkpoint opens as a model, too, and its studies must know what it was trained on.
                shutil.copyfile(checkpoint.parents[1] / SPLIT, checkpoint / SPLIT)
                spent = {"tokens": self.tokens_seen, "seconds": self.seconds}
                (checkpoint / _SPENT).write_text(json.dumps(spent), encoding="utf-8")
                mark_whole(checkpoint)

    def _diverged(self, what: str, step: int) -> TrainingError:
        if step == 0:
            return TrainingError(f"{what} is not finite before training", remedy="check the model and model.dtype")
        good = last_whole(Path(str(self.args.output_dir)))
        kept = f"the last good checkpoint stays in {str(good)!r}; " if good else ""
        return TrainingError(
            f"{what} is no longer finite at step {step}",
            remedy=f"{kept}start anew with another --out and a lower train.learning_rate",
        )


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
