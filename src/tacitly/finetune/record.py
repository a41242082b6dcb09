"""What a fine-tuning's folder says of itself: `finetune.json`, so that it resumes only what it was."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tacitly.errors import TrainingError
from tacitly.finetune_settings import FinetuneSettings
from tacitly.manifest import sha256
from tacitly.models.adapter import CONFIG, WEIGHTS
from tacitly.storage import write_whole
from tacitly.tasks.entity_split import FILE as SPLIT

FILE = "finetune.json"
SCHEMA = 1
# These change how a training is watched, or where the same questions and weights are: a digest and a hash know them.
_FREE = {"train.report_to", "task.path", "model.name"}


@dataclass
class Record:
    """Everything about a fine-tuning, for programs.

    Attributes:
        settings: As asked.
        processes: How many trained together: what `train.max_steps` draws, and the batches, depend on it.
        model: The base model's identity.
        data: A digest of the questions, the split's sizes, and what became of them.
        losses: `{"train": [[step, loss], ...], "held_out": [[step, loss], ...]}`, in nats per token of the answers.
        scores: `{"before": {...}, "after": {...}}`: similarity to the reference answers on held-out questions.
        training: How and where it was trained, and how fast.
        files: A sha256 of each file that makes the folder a model, once it is finished.
        complete: Whether it is finished.
    """

    settings: dict[str, Any]
    schema_version: int = SCHEMA
    processes: int = 1
    versions: dict[str, str] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    losses: dict[str, list[list[float]]] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    complete: bool = False

    def write(self, folder: Path) -> None:
        """Write it."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(folder / FILE, lambda path: path.write_text(text, encoding="utf-8"))

    def finish(self, folder: Path) -> None:
        """Write it, with a sha256 of the finished model's files."""
        self.files = {name: sha256(folder / name) for name in (CONFIG, WEIGHTS, SPLIT)}
        self.complete = True
        self.write(folder)

    def check_files(self, folder: Path) -> None:
        """Refuse a finished folder that is no longer what it was.

        Raises:
            TrainingError: If a file of the model is missing or changed.
        """
        for name, digest in self.files.items():
            if not (folder / name).is_file() or sha256(folder / name) != digest:
                raise TrainingError(
                    f"the finished training in {str(folder)!r} has lost {name!r}, or it was changed",
                    remedy="restore it, or start anew with another --out",
                )


def open_record(folder: Path, settings: FinetuneSettings, *, processes: int) -> Record:
    """The record of a folder, or a new one, also where nothing has come of the one that is there.

    Raises:
        TrainingError: If the folder holds something else, a damaged record, or a training with other settings or on
            another number of processes.
    """
    asked = settings.model_dump(mode="json")
    path = folder / FILE
    if not path.is_file():
        foreign = [e.name for e in folder.iterdir() if not e.name.startswith(".")] if folder.is_dir() else []
        if foreign:
            raise TrainingError(
                f"{str(folder)!r} holds files but no {FILE}, so it is no fine-tuning's",
                remedy="give --out an empty or new folder",
            )
        return Record(settings=asked, processes=processes)
    record = _read(path)
    if not (record.scores or record.losses):
        return Record(settings=asked, processes=processes)
    differing = _differences(record.settings, asked)
    if differing:
        raise TrainingError(
            f"the training in {str(folder)!r} has other settings: {', '.join(differing)}",
            remedy="give the same settings to go on with it, or another --out to start anew",
        )
    if record.processes != processes and not record.complete:
        raise TrainingError(
            f"the training in {str(folder)!r} began with WORLD_SIZE={record.processes}, now it is {processes}",
            remedy=f"start it with {record.processes} again, or give another --out to start anew",
        )
    return record


def _read(path: Path) -> Record:
    try:
        record = Record(**json.loads(path.read_text(encoding="utf-8")))
        whole = all(isinstance(value, type(getattr(Record(settings={}), name))) for name, value in vars(record).items())
    except (OSError, ValueError, TypeError):
        whole = False
    if not whole or record.schema_version != SCHEMA:
        raise TrainingError(f"{str(path)!r} is damaged, or of another version", remedy="start anew with another --out")
    return record


def _differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for name in sorted({*before, *now}):
        full, old, new = f"{prefix}{name}", before.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{full}.")
        elif old != new and full not in _FREE:
            found.append(f"{full} was {old!r}, now {new!r}")
    return found
