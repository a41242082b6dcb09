"""Checkpoints of a training: which of them are whole, and what went wrong while one was written."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from tacitly.errors import StorageError
from tacitly.manifest import sha256
from tacitly.storage import storage, write_whole

KEPT = 2
_WHOLE = "whole.json"
# What libraries say of a disk that is full; the last two are PyTorch's.
_DISK = (
    "no space left",
    "disk quota",
    "pytorchstreamwriter",
    "file write failed",
    "inline_container",
    "unexpected pos",
)


def mark_whole(checkpoint: Path) -> None:
    """Say that a checkpoint is finished, with a sha256 of each of its files; it counts from now on."""
    files = [file for file in sorted(checkpoint.iterdir()) if file.name != _WHOLE]
    for file in files:
        with file.open("rb") as written:
            os.fsync(written.fileno())
    digests = {file.name: sha256(file) for file in files}
    write_whole(checkpoint / _WHOLE, lambda path: path.write_text(json.dumps(digests, indent=1)))


def last_whole(folder: Path) -> Path | None:
    """The newest checkpoint that is whole, or None.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for step in (5, 10, 15):
        ...     (folder / f"checkpoint-{step}").mkdir()
        >>> mark_whole(folder / "checkpoint-5"), mark_whole(folder / "checkpoint-10")
        (None, None)
        >>> last_whole(folder).name
        'checkpoint-10'
    """
    return max(filter(_is_whole, folder.glob("checkpoint-*")), key=step_of, default=None)


def delete_broken(folder: Path) -> None:
    """Delete what a kill left half written, and what was damaged since; only one process may."""
    for checkpoint in folder.glob("checkpoint-*"):
        if not _is_whole(checkpoint):
            shutil.rmtree(checkpoint)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was written."""
    return int(checkpoint.name.rpartition("-")[2])


def _is_whole(checkpoint: Path) -> bool:
    try:
        digests = json.loads((checkpoint / _WHOLE).read_text(encoding="utf-8"))
        return isinstance(digests, dict) and all(sha256(checkpoint / name) == d for name, d in digests.items())
    except (OSError, ValueError):
        return False


@contextmanager
def explained(target: Path) -> Iterator[None]:
    """Say in one line that the disk is full, whichever library noticed it.

    Raises:
        StorageError: For a write that failed.
    """
    try:
        with storage(target):
            yield
    except (SafetensorError, RuntimeError) as error:
        if any(sign in str(error).lower() for sign in _DISK):
            raise StorageError(
                f"cannot write {str(target)!r}: the disk is full",
                remedy="free some space and run the same command again; it goes on from the last whole checkpoint",
            ) from error
        raise
