"""Answers from a file or standard input, one at a time; a row that cannot be read costs only itself."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from tacitly.detect.records import GivenAnswer
from tacitly.detect.rows import read_given, require_known
from tacitly.errors import TaskError
from tacitly.tasks.tables import EXTENSIONS, Row, csv_cells, csv_header, csv_row, json_row

STANDARD_INPUT = "-"

_LONGEST_LINE = 16 * 1024 * 1024
_Lines = Iterator[tuple[int, bytes | None]]


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that cannot be read, with the reason in one line, and its id where that much could be read."""

    error: str
    id: str | None = None


@contextmanager
def open_answers(source: str | Path) -> Iterator[Iterator[GivenAnswer | RefusedRow]]:
    r"""Open a file of answers.

    Args:
        source: A `.jsonl` or `.csv` file, or `-` for standard input, which is JSONL if it begins with `{`, else CSV.

    Yields:
        The answers, read as they are asked for. In JSONL every line stands for itself: a damaged one is a refused row.
        A CSV file in which quotes are wrong, or which is not UTF-8, cannot be read beyond that place.

    Raises:
        TaskError: There is no such file, it has no rows, its columns are others, or a CSV file is damaged.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "mine.csv"
        ...     _ = path.write_text("question,answer\nWhich organ?,The liver.\n")
        ...     with open_answers(path) as answers:
        ...         [(given.id, given.answer) for given in answers]
        [('2', 'The liver.')]
    """
    if str(source) == STANDARD_INPUT:
        name = Path("standard input")
        yield _unique(name, _rows(name, _lines(name, cast("BinaryIO", sys.stdin.buffer)), None))
        return
    path = Path(source)
    kind = path.suffix.lower()
    if path.is_dir() or not path.exists():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise TaskError(f"{str(path)!r} {what}", allowed="a .jsonl or .csv file, or - for standard input")
    if kind not in EXTENSIONS:
        ending = f"the extension {path.suffix!r}" if path.suffix else "no extension"
        raise TaskError(
            f"{str(path)!r} has {ending}",
            allowed=f"{', '.join(EXTENSIONS)}, or - for standard input",
            remedy="rename or convert the file",
        )
    try:
        stream = path.open("rb")
    except OSError as error:
        raise TaskError(f"{str(path)!r} cannot be read: {error.strerror or error}") from None
    with stream:
        yield _unique(path, _rows(path, _lines(path, stream), kind))


def _rows(name: Path, lines: _Lines, kind: str | None) -> Iterator[Row | RefusedRow]:
    if kind is None:
        kind, lines = _guess(lines)
    if kind == ".csv":
        yield from _csv_rows(name, (_text(name, number, raw) for number, raw in lines))
        return
    for number, raw in lines:
        try:
            text = _text(name, number, raw)
            if text.strip():
                yield json_row(name, number, text)
        except TaskError as error:
            yield RefusedRow(str(error))


def _csv_rows(name: Path, lines: Iterable[str]) -> Iterator[Row | RefusedRow]:
    header: list[str] | None = None
    for line, cells in csv_cells(name, lines):
        if header is None:
            header = csv_header(name, line, cells)
            require_known(f"{name} line {line}", header, header=True)
            continue
        try:
            yield csv_row(name, line, header, cells)
        except TaskError as error:
            yield RefusedRow(str(error))


def _unique(name: Path, rows: Iterator[Row | RefusedRow]) -> Iterator[GivenAnswer | RefusedRow]:
    """The rows as answers, each id once."""
    lines: dict[str, int] = {}
    nothing = True
    for row in rows:
        nothing = False
        if isinstance(row, RefusedRow):
            yield row
            continue
        try:
            given = read_given(row)
        except TaskError as error:
            yield RefusedRow(str(error), id=_id_of(row))
            continue
        first = lines.setdefault(given.id, row.line)
        if first != row.line:
            twice = TaskError(
                f"{row.where} has the id {given.id!r}, which line {first} has",
                allowed="an id of its own for every row",
                remedy="change one, or leave the column out",
            )
            yield RefusedRow(str(twice), id=given.id)
            continue
        yield given
    if nothing:
        raise TaskError(f"{name} has no rows", allowed="at least one question with its answer")


def _id_of(row: Row) -> str | None:
    value = row.values.get("id")
    return value.strip() or None if isinstance(value, str) else None


def _guess(lines: _Lines) -> tuple[str, _Lines]:
    """Whether lines without a name are JSONL or CSV, by the first that says something."""
    blank = []
    for number, raw in lines:
        said = (raw or b"").removeprefix(b"\xef\xbb\xbf").strip()
        blank.append((number, raw))
        if said or raw is None:
            return (".csv" if said and not said.startswith((b"{", b"[")) else ".jsonl"), chain(blank, lines)
    return ".jsonl", iter(blank)


def _lines(name: Path, stream: BinaryIO) -> _Lines:
    """The lines with their numbers; None for one that is too long, which is passed over."""
    number = 0
    try:
        while raw := stream.readline(_LONGEST_LINE + 1):
            number += 1
            if len(raw) <= _LONGEST_LINE:
                yield number, raw
                continue
            while raw and not raw.endswith(b"\n"):
                raw = stream.readline(_LONGEST_LINE)
            yield number, None
    except OSError as error:
        raise TaskError(f"{name} cannot be read after line {number}: {error.strerror or error}") from None


def _text(name: Path, number: int, raw: bytes | None) -> str:
    where = f"{name} line {number}"
    if raw is None:
        raise TaskError(
            f"{where} is too long", allowed=f"at most {_LONGEST_LINE:,} bytes", remedy="shorten it or leave it out"
        )
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise TaskError(
            f"{where} is not UTF-8 (byte {raw[error.start]:#04x})",
            allowed="UTF-8, with or without a byte order mark",
            remedy="save the file as UTF-8",
        ) from None
    if "\0" in text:
        raise TaskError(f"{where} holds a NUL character", remedy="save the file as plain UTF-8 text")
    return text
