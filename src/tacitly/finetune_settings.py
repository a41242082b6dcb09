"""The settings of a fine-tuning (`tacitly.recipes` reads them)."""

from pydantic import Field, field_validator

from tacitly.settings import Group, ModelSettings, TaskSettings, as_names


class TrainSettings(Group):
    """How a model is fine-tuned; the defaults are those of the reference recipe (`docs/method.md`, fine-tuning).

    Attributes:
        epochs: How often all pairs are learned, where `max_steps` is None.
        max_steps: Optimiser steps; as many pairs are drawn as they take.
        target_modules: Which projections get an adapter: `all-linear`, or their names.
        optimizer: `auto` is `paged_adamw_32bit` with CUDA and plain AdamW (`adamw_torch`) without.
        quantize_4bit: Read the base model in 4 bits (QLoRA; needs the extra `qlora`).
        max_length: Tokens of prompt and answer; a longer answer is cut at a sentence's end.
        held_out: Share of the questions that is kept from training, all of an entity's or none.
        eval_examples: At most this many held-out pairs give the evaluation loss.
        eval_steps: How often it is taken, beside start and end; None for start and end alone.
        save_steps: How often a checkpoint is written; the last two are kept.
        log_steps: How often the training loss is written down: the mean since the last time, or since a resume.
        score_examples: Held-out questions that are answered before and after, and compared with their references.
        report_to: Trackers that the trainer reports to (`tensorboard`, `wandb`, `mlflow`, `trackio`).
    """

    lora_r: int = Field(default=64, ge=1)
    lora_alpha: int = Field(default=16, ge=1)
    lora_dropout: float = Field(default=0.1, ge=0, lt=1)
    target_modules: str | tuple[str, ...] = "all-linear"
    epochs: float = Field(default=3, gt=0)
    max_steps: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=4, ge=1)
    gradient_accumulation: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=2e-4, gt=0)
    weight_decay: float = Field(default=0.001, ge=0)
    scheduler: str = "cosine"
    warmup_ratio: float = Field(default=0.03, ge=0, lt=1)
    max_grad_norm: float = Field(default=0.3, gt=0)
    optimizer: str = "auto"
    quantize_4bit: bool = False
    gradient_checkpointing: bool = False
    group_by_length: bool = True
    max_length: int = Field(default=512, ge=16)
    held_out: float = Field(default=0.2, gt=0, lt=1)
    eval_examples: int = Field(default=256, ge=1)
    eval_steps: int | None = Field(default=None, ge=1)
    save_steps: int = Field(default=50, ge=1)
    log_steps: int = Field(default=10, ge=1)
    score_examples: int = Field(default=32, ge=0)
    report_to: tuple[str, ...] = ()

    _lists = field_validator("report_to", mode="before")(as_names)

    @field_validator("target_modules")
    @classmethod
    def _not_a_pattern(cls, modules: str | tuple[str, ...]) -> str | tuple[str, ...]:
        return (modules,) if isinstance(modules, str) and modules != "all-linear" else modules


class FinetuneSettings(Group):
    """A whole fine-tuning.

    Example:
        >>> FinetuneSettings(train={"max_steps": 20}).train.lora_r
        64
    """

    task: TaskSettings = TaskSettings(name="medquad")
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    seed: int = Field(default=0, ge=0)
