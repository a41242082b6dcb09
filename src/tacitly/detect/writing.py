"""Scored answers as they are found: JSONL, or CSV; whatever stops the writing leaves whole lines."""

import csv
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import BinaryIO

from tacitly.detect.records import FIELDS, ScoredAnswer
from tacitly.errors import StorageError
from tacitly.storage import storage


class AnswerWriter:
    """Writes scored answers, batch by batch.

    Args:
        path: A `.csv` file, or another for JSONL; None for JSONL on standard output. A file that is there is replaced
            when the first answer is written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._csv = path is not None and path.suffix.lower() == ".csv"

    def __enter__(self) -> "AnswerWriter":
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, answers: Sequence[ScoredAnswer]) -> None:
        """Write some answers; they are there when this returns.

        Raises:
            StorageError: The disk is full or cannot be written; the lines before these stay.
            BrokenPipeError: Nobody reads standard output any more.
        """
        lines = [answer.as_dict() for answer in answers]
        if self._path is None:
            with _undisturbed():
                sys.stdout.write("".join(map(_as_json, lines)))
                sys.stdout.flush()
            return
        with storage(self._path), _undisturbed():
            first = self._file is None
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("wb", buffering=0)
            text = _as_csv(lines, header=first) if self._csv else "".join(map(_as_json, lines))
            _append(self._file, text.encode())


def check_target(path: Path | None, source: str | Path) -> None:
    """Refuse to write where answers are read from, or to a folder.

    Raises:
        StorageError: If so.
    """
    if path is None:
        return
    if path.is_dir():
        raise StorageError(f"--out {str(path)!r} is a folder", allowed="a .jsonl or .csv file")
    if path.exists() and Path(source).exists() and os.path.samefile(path, source):
        raise StorageError(f"--out {str(path)!r} is the file that is read", remedy="give another name")


def _as_json(line: dict[str, object]) -> str:
    return json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"


def _as_csv(lines: Sequence[dict[str, object]], *, header: bool) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _append(file: BinaryIO, content: bytes) -> None:
    """Write all of it or, where the disk is full, nothing."""
    start, view = file.tell(), memoryview(content)
    try:
        while view:
            view = view[file.write(view) :]
    except OSError:
        file.truncate(start)
        raise


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put Ctrl-C off until a block is through, so that no line is cut."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if caught and callable(before):
        before(*caught[0])
