"""Reading the user's files: rows with the line each began on, and errors that say where."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from tacitly.errors import TaskError

EXTENSIONS = (".csv", ".jsonl")

_LONGEST_FIELD = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file.

    Attributes:
        where: The file and the line on which the row begins, for messages.
        line: That line, counted from 1.
        values: What the row holds, by column: texts, and in JSONL lists, objects, booleans and None too.
            Numbers are texts, as they were written.
    """

    where: str
    line: int
    values: dict[str, object]


def read_rows(path: Path) -> Iterator[Row]:
    """Read the rows of a CSV or JSONL file, one at a time.

    Args:
        path: The file; its extension says which it is.

    Yields:
        The rows. Lines without anything on them are passed over.

    Raises:
        TaskError: The file cannot be read, is not UTF-8, or is not what its extension says.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "mine.jsonl"
        ...     _ = path.write_text('{"question": "Why?"}')
        ...     [row.values for row in read_rows(path)]
        [{'question': 'Why?'}]
    """
    kind = path.suffix.lower()
    if path.is_dir():
        raise TaskError(f"task.path {str(path)!r} is a folder", allowed="one .csv or .jsonl file")
    if not path.exists():
        raise TaskError(f"task.path {str(path)!r} does not exist", remedy="check the path, or where you run this")
    if kind not in EXTENSIONS:
        ending = f"the extension {path.suffix!r}" if path.suffix else "no extension"
        raise TaskError(
            f"task.path {str(path)!r} has {ending}", allowed=", ".join(EXTENSIONS), remedy="rename or convert the file"
        )
    lines = io.StringIO(_read_text(path), newline="" if kind == ".csv" else "\n")
    yield from csv_rows(path, lines) if kind == ".csv" else jsonl_rows(path, lines)


def read_bundled(name: str) -> list[dict[str, str]]:
    """Read a table that comes with the package.

    Args:
        name: Its path below the folder `data`.

    Returns:
        Its rows, by column.

    Example:
        >>> read_bundled("countries.csv")[0]["country"]
        'Afghanistan'
    """
    table = resources.files("tacitly") / "tasks" / "data" / name
    return list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"), newline="")))


def require_columns(path: Path, columns: Sequence[str], row: Row) -> None:
    """Check that a row has columns.

    Raises:
        TaskError: One is missing; the message names it and those that are there.

    Example:
        >>> require_columns(Path("a.csv"), ["city"], Row("a.csv line 2", 2, {"city": "Lodz"}))
    """
    lacking = [column for column in columns if column not in row.values]
    if lacking:
        raise TaskError(
            f"{row.where if path.suffix.lower() == '.jsonl' else path} lacks {_listed(lacking)}",
            allowed=f"{_listed(columns)} in every row; it has {_listed(list(row.values)) or 'none'}",
            remedy="rename or add the columns",
        )


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(repr(column) for column in columns[:20]) + (", ..." if len(columns) > 20 else "")


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise TaskError(f"task.path {str(path)!r} cannot be read: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        start = error.start + (3 if raw.startswith(b"\xef\xbb\xbf") else 0)
        line = raw.count(b"\n", 0, start) + 1
        raise TaskError(
            f"{path} is not UTF-8: byte {raw[start]:#04x} at position {start}, on line {line}",
            allowed="UTF-8, with or without a byte order mark",
            remedy="save it as UTF-8",
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise TaskError(f"{path} line {line} holds a NUL character", remedy="save it as plain UTF-8 text")
    return text


def csv_rows(path: Path, lines: Iterable[str], *, delimiter: str = ",") -> Iterator[Row]:
    r"""Read the rows of a CSV file from its lines.

    Raises:
        TaskError: The lines are not CSV, or a row has more cells than there are columns.

    Example:
        >>> [row.values for row in csv_rows(Path("a.tsv"), ["city\tcountry\n", "Lodz\tPoland\n"], delimiter="\t")]
        [{'city': 'Lodz', 'country': 'Poland'}]
    """
    header: list[str] | None = None
    for line, cells in csv_cells(path, lines, delimiter=delimiter):
        if header is None:
            header = csv_header(path, line, cells)
        else:
            yield csv_row(path, line, header, cells)


def csv_cells(path: Path, lines: Iterable[str], *, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    r"""Read the cells of a CSV file's rows, its header's too, each with the line that it begins on.

    Raises:
        TaskError: The lines are not CSV.

    Example:
        >>> list(csv_cells(Path("a.csv"), ["city,country\n", "\n", "Lodz,Poland\n"]))
        [(1, ['city', 'country']), (3, ['Lodz', 'Poland'])]
    """
    previous = csv.field_size_limit(_LONGEST_FIELD)
    try:
        reader = csv.reader(lines, strict=True, delimiter=delimiter)
        line = 1
        for cells in reader:
            first, line = line, reader.line_num + 1
            if any(cell.strip() for cell in cells):
                yield first, cells
    except csv.Error as error:
        raise TaskError(f"{path} line {reader.line_num} is not valid CSV: {error}", remedy="check its quotes") from None
    finally:
        csv.field_size_limit(previous)


def csv_row(path: Path, line: int, header: Sequence[str], cells: Sequence[str]) -> Row:
    """Make a row of its cells; those that are missing at its end are empty.

    Raises:
        TaskError: It has more cells than there are columns.

    Example:
        >>> csv_row(Path("a.csv"), 2, ["city", "country"], ["Lodz"]).values
        {'city': 'Lodz', 'country': ''}
    """
    if len(cells) > len(header):
        raise TaskError(
            f"{path} line {line} has {len(cells)} cells, but there are {len(header)} columns",
            remedy="put quotes around a cell that holds a comma",
        )
    padded = [*cells, *[""] * (len(header) - len(cells))]
    return Row(f"{path} line {line}", line, dict(zip(header, padded, strict=True)))


def csv_header(path: Path, line: int, cells: Sequence[str]) -> list[str]:
    """Read the names of the columns.

    Raises:
        TaskError: One has no name, or that of another.

    Example:
        >>> csv_header(Path("a.csv"), 1, ["city", " country"])
        ['city', 'country']
    """
    where = f"{path} line {line}"
    header = [cell.strip() for cell in cells]
    for i, name in enumerate(header):
        if not name:
            raise TaskError(f"{where}: column {i + 1} has no name", remedy="name it or leave it out")
        if name in header[:i]:
            raise TaskError(f"{where} names the column {name!r} twice", remedy="rename one of them")
    return header


def jsonl_rows(path: Path, lines: Iterable[str]) -> Iterator[Row]:
    """Read the rows of a JSONL file from its lines.

    Raises:
        TaskError: A line is not a JSON object.

    Example:
        >>> [row.values for row in jsonl_rows(Path("a.jsonl"), ['{"year": 1912}'])]
        [{'year': '1912'}]
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield json_row(path, number, line)


def json_row(path: Path, number: int, line: str) -> Row:
    """Read one line of a JSONL file.

    Raises:
        TaskError: It is not a JSON object.

    Example:
        >>> json_row(Path("a.jsonl"), 7, '{"year": 1912}').where
        'a.jsonl line 7'
    """
    where = f"{path} line {number}"
    allowed, remedy = "one JSON object on each line", "correct it or leave it out"
    try:
        values = json.loads(line, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
        json.dumps(values, ensure_ascii=False).encode()
    except RecursionError:
        raise TaskError(
            f"{where} is nested too deeply", allowed="one flat JSON object on each line", remedy=remedy
        ) from None
    except UnicodeEncodeError:
        raise TaskError(f"{where} holds half a character (a lone surrogate)", remedy="write it out in full") from None
    except ValueError as error:
        problem = f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else error
        raise TaskError(f"{where} is not valid JSON: {problem}", allowed=allowed, remedy=remedy) from None
    if not isinstance(values, dict):
        raise TaskError(f"{where} is not a JSON object", allowed=allowed, remedy=remedy)
    return Row(where, number, values)


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
