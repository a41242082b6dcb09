"""A folder that holds the figures and the page of several runs, and nothing else."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tacitly.errors import RunFolderError
from tacitly.manifest import MANIFEST
from tacitly.storage import TEMPORARY, write_whole


def require_room(folder: Path, *, ours: Sequence[str], what: str) -> None:
    """Refuse a folder that holds something else.

    Args:
        folder: The folder; it need not be there.
        ours: The files that may be there, since they would be written again.
        what: What they are, for the message.

    Raises:
        RunFolderError: If it is a run, or holds other files.
    """
    if (folder / MANIFEST).exists():
        raise RunFolderError(f"{str(folder)!r} is a run", remedy="give --out an empty or new folder")
    if folder.is_dir() and any(e.name not in ours and not e.name.startswith(TEMPORARY) for e in folder.iterdir()):
        raise RunFolderError(
            f"{str(folder)!r} holds files that are no {what}", remedy="give --out an empty or new folder"
        )


def write_outputs(folder: Path, texts: Mapping[str, str]) -> None:
    """Write UTF-8 texts, each whole or not at all, in the order given.

    Raises:
        StorageError: If the disk is full or cannot be written.
    """
    for name, text in texts.items():
        write_whole(folder / name, partial(Path.write_bytes, data=text.encode()))
