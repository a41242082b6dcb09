"""A fine-tuning from recipe to adapter: the file to read first in this folder."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tacitly.errors import ModelError, SettingsError, TrainingError
from tacitly.finetune.card import write_card
from tacitly.finetune.data import FinetuneData, processes
from tacitly.finetune.record import Record, open_record
from tacitly.finetune_settings import FinetuneSettings
from tacitly.models.adapter import INSTALL, MISSING
from tacitly.models.quiet import quiet
from tacitly.progress import Progress, RecordedProgress
from tacitly.recipes import load_finetune_recipe
from tacitly.settings import TaskSettings
from tacitly.storage import storage

_STUDY_ONLY = ("judge", "locator", "split_from", "entities")
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
    _refuse_unused(settings.task)
    record = open_record(folder, settings, processes=processes())
    if record.complete:
        record.check_files(folder)
        return FinetuneResult(folder, record, did=False)
    if not is_main_process():  # the first one tells what all do
        _train(settings, folder, record, RecordedProgress())
        return FinetuneResult(folder, record, did=True)
    with _locked(folder):
        _train(settings, folder, record, progress or RecordedProgress())
    return FinetuneResult(folder, record, did=True)


def is_main_process() -> bool:
    """Whether this is the first of the processes that `accelerate launch` or `torchrun` started, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


def _refuse_unused(task: TaskSettings) -> None:
    for name in _STUDY_ONLY:
        value = getattr(task, name)
        if value != TaskSettings.model_fields[name].default:
            raise SettingsError(
                f"setting 'task.{name}' is {value!r}, which a fine-tuning does not use",
                remedy="leave it out; it is for studies",
            )


def _locked(folder: Path) -> AbstractContextManager[Any]:
    """Make the folder and keep other processes out of it.

    Raises:
        TrainingError: If one is working there.
        StorageError: If it cannot be written.
    """
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return FileLock(folder / ".lock").acquire(timeout=0)
        except Timeout:
            raise TrainingError(
                f"another process is working in {str(folder)!r}", remedy="wait for it, or give another --out"
            ) from None


def _train(settings: FinetuneSettings, folder: Path, record: Record, progress: Progress) -> None:
    try:
        with quiet():  # bitsandbytes says at once what of it this machine cannot use
            from tacitly.finetune.adapting import answer_after, answer_before, open_trainer, train_adapter
    except ImportError as error:
        raise ModelError(f"{MISSING} (no module {error.name!r})", remedy=INSTALL) from None
    main = is_main_process()
    data = FinetuneData.read(settings, progress=progress)
    _check_same(data, folder, record)
    record.data = data.counts()
    record.model = data.language_model.identity.as_dict()
    record.versions = {name: version(name) for name in VERSIONED}
    if main:  # the record first: it makes the folder a fine-tuning's
        record.write(folder)
        data.seen.write(folder)
    trainer = open_trainer(data, folder, progress)
    if main:
        answer_before(data, folder, record, progress)
    train_adapter(trainer, data, folder, record, progress)
    if main:
        answer_after(data, folder, record, progress)
        write_card(folder, record, name=folder.name)
        record.finish(folder)


def _check_same(data: FinetuneData, folder: Path, record: Record) -> None:
    """Refuse to go on with other questions or other weights.

    Raises:
        TrainingError: If they are not those that the training began with.
    """
    name, found = data.settings.model.name, data.language_model.identity.weights_hash
    if record.data and record.data["digest"] != data.digest:
        raise TrainingError(
            f"the questions of {data.settings.task.name!r} are not those that the training in {str(folder)!r} began "
            "with",
            remedy="give back the file that it began with, or another --out to start anew",
        )
    if record.model and record.model["weights_hash"] != found:
        raise TrainingError(
            f"the training in {str(folder)!r} began with other weights of {name!r} "
            f"(sha256 {record.model['weights_hash'][:12]}, now {found[:12]})",
            remedy="give back the model that it began with, or another --out to start anew",
        )
