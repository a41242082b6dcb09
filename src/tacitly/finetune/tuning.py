"""A fine-tuning from recipe to adapter: the file to read first in this folder."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tacitly.errors import ModelError, TrainingError
from tacitly.finetune.card import write_card
from tacitly.finetune.data import FinetuneData
from tacitly.finetune.record import Record, open_record
from tacitly.models.adapter import INSTALL, MISSING
from tacitly.progress import Progress, RecordedProgress
from tacitly.recipes import load_finetune_recipe
from tacitly.settings import FinetuneSettings
from tacitly.storage import storage

VERSIONED = ("tacitly", "torch", "transformers", "trl", "peft", "datasets", "tokenizers")


@dataclass(frozen=True, slots=True)
class FinetuneResult:
    """What a fine-tuning leaves.

    Attributes:
        folder: The folder; as it holds the adapter, studies take it as `model.name`.
        record: What its `finetune.json` says.
        did: Whether anything was done now.
    """

    folder: Path
    record: Record
    did: bool


def run_finetune(
    recipe: str | Path | FinetuneSettings,
    *,
    overrides: Sequence[str] | Mapping[str, Any] = (),
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> FinetuneResult:
    """Fine-tune a model with LoRA, or go on where it was stopped.

    Started by `accelerate launch`, every process trains, and the first one writes.

    Args:
        recipe: A YAML file, the name of a bundled recipe, or settings.
        overrides: Settings that win, as `["train.max_steps=20"]` or `{"train.max_steps": 20}`.
        out: The folder; `runs/<recipe>` by default.
        progress: Hears what is going on.

    Returns:
        The folder and its record.

    Raises:
        UserError: For anything that the user can mend; the last good checkpoint is kept.
    """
    settings = recipe if isinstance(recipe, FinetuneSettings) else load_finetune_recipe(recipe, overrides=overrides)
    folder = Path(out or Path("runs") / ("finetune" if isinstance(recipe, FinetuneSettings) else Path(recipe).stem))
    record = open_record(folder, settings)
    if record.complete:
        return FinetuneResult(folder, record, did=False)
    progress = progress or RecordedProgress()
    if not is_main_process():
        _train(settings, folder, record, progress)
        return FinetuneResult(folder, record, did=True)
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        with lock.acquire(timeout=0):
            _train(settings, folder, record, progress)
    except Timeout:
        raise TrainingError(
            f"another process is working in {str(folder)!r}", remedy="wait for it, or give another --out"
        ) from None
    return FinetuneResult(folder, record, did=True)


def is_main_process() -> bool:
    """Whether this is the first of the processes that `accelerate launch` or `torchrun` started, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


def _train(settings: FinetuneSettings, folder: Path, record: Record, progress: Progress) -> None:
    try:
        from tacitly.finetune.adapting import answer_after, answer_before, train_adapter
    except ImportError as error:
        raise ModelError(f"{MISSING} (no module {error.name!r})", remedy=INSTALL) from None
    main = is_main_process()
    data = FinetuneData.read(settings, progress=progress)
    if record.data and record.data["digest"] != data.digest:
        raise TrainingError(
            f"the questions of {settings.task.name!r} are not those that the training in {str(folder)!r} began with",
            remedy="give back the file that it began with, or another --out to start anew",
        )
    record.data = data.counts()
    record.model = data.language_model.identity.as_dict()
    record.versions = {name: version(name) for name in VERSIONED}
    if main:
        data.seen.write(folder, data.questions)
        record.write(folder)
        answer_before(data, folder, record, progress)
    train_adapter(data, folder, record, progress)
    if main:
        answer_after(data, folder, record, progress)
        write_card(folder, record)
        record.complete = True
        record.write(folder)
