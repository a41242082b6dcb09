"""The run folder: immutable files, written whole, listed with their sha256 in a manifest that is written last."""

import json
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from tacitly.errors import RunFolderError
from tacitly.manifest import MANIFEST, STAGES, Manifest, read_manifest, sha256
from tacitly.storage import TEMPORARY, storage, write_whole


class RunFolder:
    """One run's files, locked against other processes while open.

    Use it as a context manager, from `RunFolder.open`.

    Example:
        >>> import tempfile
        >>> with RunFolder.open(tempfile.mkdtemp(), version="0", create=True) as run:
        ...     run.write_table("labels/part-00000.parquet", pd.DataFrame({"answer_id": ["a"]}))
        ...     run.commit()
        ...     run.table("labels").shape
        (1, 1)
    """

    def __init__(self, path: Path, manifest: Manifest, lock: FileLock | None) -> None:
        self.path = path
        self.manifest = manifest
        self._lock = lock

    @classmethod
    def open(cls, path: str | Path, *, version: str, create: bool = False) -> "RunFolder":
        """Open a run folder for writing, making it if asked.

        Raises:
            RunFolderError: If another process works in it, it is no run, or its manifest is damaged.
        """
        path = Path(path)
        if not create or (path.exists() and not path.is_dir()):
            _require_run(path)
        elif path.is_dir() and not (path / MANIFEST).exists() and any(_foreign(path)):
            raise RunFolderError(
                f"{str(path)!r} holds files but no {MANIFEST}, so it is not a run",
                remedy="give --out an empty or new folder",
            )
        with storage(path):
            path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path / ".lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                raise RunFolderError(
                    f"another process is working in {str(path)!r}", remedy="wait for it, or give another --out"
                ) from None
        try:
            if (path / MANIFEST).exists():
                manifest = read_manifest(path)
            else:
                manifest = Manifest(tacitly=version, created=datetime.now(UTC).isoformat(timespec="seconds"))
            run = cls(path, manifest, lock)
            run._sweep()
        except BaseException:
            lock.release()
            raise
        return run

    @classmethod
    def view(cls, path: str | Path) -> "RunFolder":
        """Open a run folder for reading, without a lock.

        Raises:
            RunFolderError: If it is no run, or its manifest is damaged.
        """
        path = Path(path)
        _require_run(path)
        return cls(path, read_manifest(path), None)

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()

    # Reading

    def files(self, prefix: str) -> list[str]:
        """The committed files whose path is `prefix` or below it, in order."""
        return sorted(f for f in self.manifest.files if f == prefix or f.startswith(prefix.rstrip("/") + "/"))

    def table(self, name: str) -> pd.DataFrame:
        """All rows of a table: one Parquet file, or a folder of parts. Empty where there is none yet."""
        parts = [f for f in self.files(name) + self.files(f"{name}.parquet") if f.endswith(".parquet")]
        frames = [pd.read_parquet(self.path / part) for part in parts]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()

    def json(self, name: str) -> Any:
        """A committed JSON file's content."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))

    def damaged(self) -> list[str]:
        """Files that are missing, or whose sha256 is not the manifest's."""
        return [
            name
            for name, digest in sorted(self.manifest.files.items())
            if not (self.path / name).is_file() or sha256(self.path / name) != digest
        ]

    # Writing

    def write(self, name: str, writer: Callable[[Path], object]) -> None:
        """Write a file under a temporary name, sync it, and move it into place; it counts once committed.

        Raises:
            StorageError: If the disk is full or cannot be written.
        """
        self.manifest.files[name] = write_whole(self.path / name, writer)

    def adopt(self, name: str) -> None:
        """Count a file that was written whole by other means."""
        self.manifest.files[name] = sha256(self.path / name)

    def write_table(self, name: str, frame: pd.DataFrame) -> None:
        """Write a Parquet file."""
        self.write(name, lambda path: frame.to_parquet(path, index=False))

    def write_text(self, name: str, text: str) -> None:
        """Write a UTF-8 text file."""
        self.write(name, lambda path: path.write_bytes(text.encode()))

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file; NaN and infinity are refused."""
        self.write_text(name, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))

    def next_part(self, folder: str) -> int:
        """The number of the next part of a growing table: no committed number is used again."""
        numbers = [int(f.rsplit("-", 1)[1].split(".")[0]) for f in self.files(folder)]
        return max(numbers, default=-1) + 1

    def commit(self) -> None:
        """Write the manifest: what was written before counts from now on."""
        text = self.manifest.model_dump_json(indent=1)
        write_whole(self.path / MANIFEST, lambda path: path.write_bytes(text.encode()))

    def forget(self, names: Iterable[str]) -> None:
        """Take files off the manifest, commit, then delete them: they never count half."""
        names = list(names)
        for name in names:
            self.manifest.files.pop(name, None)
        self.commit()
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def set_aside(self, names: Iterable[str]) -> None:
        """Move damaged files to `damaged/` and take them off the manifest."""
        for name in names:
            self.manifest.files.pop(name, None)
            source, target = self.path / name, self.path / "damaged" / name
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(source, target)
        self.commit()

    def _sweep(self) -> None:
        """Delete what an interrupted write left: temporary files, and files that were never committed."""
        known = {self.path / name for name in self.manifest.files} | {self.path / MANIFEST, self.path / ".lock"}
        for entry in self.path.rglob("*"):
            inside_damaged = entry.relative_to(self.path).parts[0] == "damaged"
            ours = entry.relative_to(self.path).parts[0].split(".")[0] in _OURS or entry.name.startswith(TEMPORARY)
            if entry.is_file() and ours and not inside_damaged and entry not in known:
                entry.unlink()


_OURS = {
    *STAGES, "kept", "folds", "scores", "metrics", "detector", "experiments",
}  # fmt: skip


def _require_run(path: Path) -> None:
    if not (path / MANIFEST).is_file():
        kind = "has no manifest.json" if path.is_dir() else "is not a folder" if path.exists() else "does not exist"
        raise RunFolderError(f"{str(path)!r} is not a run: it {kind}", remedy="give a folder that `tacitly study` made")


def _foreign(path: Path) -> Iterable[Path]:
    """What no study of ours left there, not even one that was killed before its first manifest."""
    ours = (".lock", TEMPORARY)
    return (e for e in path.iterdir() if not e.name.startswith(ours) and e.name.split(".")[0] not in _OURS)
