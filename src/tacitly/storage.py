"""Writing files whole or not at all, and saying in one line why it could not be done."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import platformdirs

from tacitly.errors import StorageError

TEMPORARY = ".writing-"


def cache_folder() -> Path:
    """Where models and data sets are kept: `TACITLY_CACHE`, or the user's cache folder."""
    chosen = os.environ.get("TACITLY_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("tacitly"))


def write_whole(target: Path, writer: Callable[[Path], object]) -> str:
    """Write a file under another name, then give it its own: a reader finds all of it or none.

    Args:
        target: The file; its folder is made where it is missing.
        writer: Writes the file at the path that it is given.

    Returns:
        The file's sha256, in hexadecimal.

    Raises:
        StorageError: If the disk is full or cannot be written.
    """
    temporary = target.with_name(TEMPORARY + target.name)
    with storage(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        writer(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.replace(temporary, target)
        _sync_folder(target.parent)
    return digest


class storage:  # noqa: N801 -- reads as a statement
    """Explain a full or unwritable disk in one line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, StorageError):
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise StorageError(
                f"cannot write {str(self._path)!r}: {'the disk is full' if full else error.strerror or error}",
                remedy="free some space and run the same command again; what is finished is kept"
                if full
                else "check that the folder can be written",
            ) from error


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
