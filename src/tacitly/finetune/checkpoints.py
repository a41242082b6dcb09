"""Checkpoints of a training: which of them are whole, and what went wrong while one was written."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from tacitly.errors import StorageError
from tacitly.storage import storage, write_whole

KEPT = 2
_WHOLE = "whole.json"
_DISK = ("no space left", "disk quota", "pytorchstreamwriter", "file write failed")


def mark_whole(checkpoint: Path) -> None:
    """Say that a checkpoint is finished, with its files' sizes; it counts from now on."""
    sizes = {file.name: file.stat().st_size for file in sorted(checkpoint.iterdir()) if file.name != _WHOLE}
    write_whole(checkpoint / _WHOLE, lambda path: path.write_text(json.dumps(sizes, indent=1)))


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
    """Delete what a kill left half written; only one process may."""
    for checkpoint in folder.glob("checkpoint-*"):
        if not _is_whole(checkpoint):
            shutil.rmtree(checkpoint)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was written."""
    return int(checkpoint.name.rpartition("-")[2])


def _is_whole(checkpoint: Path) -> bool:
    try:
        sizes = json.loads((checkpoint / _WHOLE).read_text(encoding="utf-8"))
        return all((checkpoint / name).stat().st_size == size for name, size in sizes.items())
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
