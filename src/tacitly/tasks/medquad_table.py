"""MedQuAD as a table: the form in which the Hugging Face hub has it, and the smaller one of three columns."""

import re
from collections.abc import Iterator
from pathlib import Path

from tacitly.errors import TaskError
from tacitly.tasks.cells import read_text
from tacitly.tasks.fetching import fetch_from_hub, find_fetched
from tacitly.tasks.medquad_documents import Document, PublishedPair, tidy
from tacitly.tasks.tables import Row, read_rows, require_columns

HUB_NAME = "lavita/MedQuAD"
HUB_REVISION = "84ea67f83cec9692ad254eaa02c9731b24ecfe4c"
HUB_FILE = "data/train-00000-of-00001-e36383d177026d53.parquet"
TABLES = (".csv", ".parquet")
COLUMNS = (
    "document_id",
    "document_source",
    "umls_cui",
    "synonyms",
    "question_id",
    "question_focus",
    "question_type",
    "question",
    "answer",
)
THREE_COLUMNS = ("qtype", "Question", "Answer")

_MOST_BYTES = 256 * 1024 * 1024
_MOST_ROWS = 1_000_000
_MOST_ROWS_AT_ONCE = 16
_TEMPLATES = re.compile(
    r"""(?:what\ (?:is|are)\ \(are\)|do\ you\ have\ information\ about|what\ are\ the\ symptoms\ (?:of|for)
    |how\ to\ diagnose|what\ is\ the\ outlook\ for|who\ is\ at\ risk\ for|what\ are\ the\ treatments\ for
    |what\ are\ the\ (?:stages|complications)\ of|what\ causes|how\ to\ prevent|what\ to\ do\ for
    |what\ research\ (?:\(or\ clinical\ trials\)\ )?is\ being\ done\ for|how\ many\ people\ are\ affected\ by
    |what\ are\ the\ genetic\ changes\ related\ to|where\ to\ find\ support\ for\ people\ with
    |is(?=\ .*\ inherited\b))\ (?P<focus>.*?)(?:\ inherited)?[\s?]*$""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def fetch_table() -> Path:
    """Fetch the hub's table, at the pinned revision, into the hub's cache.

    Returns:
        The Parquet file.

    Raises:
        TaskError: The hub is out of reach and the file is not in its cache.
    """
    return fetch_from_hub(
        HUB_NAME,
        HUB_REVISION,
        HUB_FILE,
        task="medquad",
        remedy="set task.path to a local copy: the folder, .zip or .tar.* of github.com/abachaa/MedQuAD, or the hub's "
        "table as .parquet or .csv",
    )


def is_fetched() -> bool:
    """Whether the hub's table is in the hub's cache."""
    return find_fetched("hub", HUB_NAME, HUB_REVISION, HUB_FILE) is not None


def read_table(path: Path) -> tuple[Document, ...]:
    r"""Read a table of questions and answers.

    Args:
        path: A `.csv` or `.parquet` with the columns of the hub's table (`COLUMNS`; others are passed over), or with
            `qtype`, `Question` and `Answer` alone, where what a question is about is taken from its wording.

    Returns:
        The documents, put together from their rows; a document of which the table has no row is not among them.

    Raises:
        TaskError: The file cannot be read, lacks a column, or has a row without a question or its type.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "three.csv"
        ...     _ = path.write_text("qtype,Question,Answer\ncauses,What causes gout ?,Uric acid.\n")
        ...     read_table(path)[0].focus
        'gout'
    """
    rows = _parquet_rows(path) if path.suffix.lower() == ".parquet" else _csv_rows(path)
    three: bool | None = None
    documents: dict[tuple[str, ...], tuple[Row, list[PublishedPair]]] = {}
    for row in rows:
        if three is None:
            three = _is_three(path, row)
        require_columns(path, THREE_COLUMNS if three else COLUMNS, row)
        if three:
            row = _widened(row)
        key = tuple(
            read_text(row, column).casefold() for column in ("document_source", "document_id", "question_focus")
        )
        documents.setdefault(key, (row, []))[1].append(_pair(row))
    if not documents:
        raise TaskError(f"{path} has no rows", remedy="give the whole table")
    return tuple(_document(row, pairs) for row, pairs in documents.values())


def _is_three(path: Path, row: Row) -> bool:
    """Whether a table is of the three-column form, which its first row tells.

    Raises:
        TaskError: It is of neither form.
    """
    there = set(row.values)
    if set(THREE_COLUMNS) <= there:
        return True
    if there & set(COLUMNS) <= {"question", "answer"}:  # a table of the user's own, or with other capitals
        raise TaskError(
            f"{path} has the columns {', '.join(map(repr, list(row.values)[:12])) or 'none'}",
            allowed=f"{', '.join(THREE_COLUMNS)}, or {', '.join(COLUMNS)}",
            remedy="rename the columns; capitals count",
        )
    return False


def focus_of(question: str) -> str:
    """What a question of MedQuAD is about, from its wording; the question itself where that is of another kind.

    Some were published about nothing ("What is (are) ?"), which gives an empty text.

    Example:
        >>> focus_of("What are the treatments for Low Vision ?"), focus_of("Is gout inherited ?")
        ('Low Vision', 'gout')
        >>> focus_of("how vaccines prevent disease")
        'how vaccines prevent disease'
    """
    match = _TEMPLATES.match(question)
    return (match["focus"] if match else question).strip(" ?")


def _widened(row: Row) -> Row:
    kind, question, answer = (row.values[column] for column in THREE_COLUMNS)
    focus = focus_of(question) if isinstance(question, str) else ""
    values: dict[str, object] = {
        **dict.fromkeys(COLUMNS, ""),
        "document_id": (focus or str(question)).casefold().replace(" ", "-"),
        "document_source": "table",
        "question_id": str(row.line),
        "question_focus": focus,
        "question_type": kind,
        "question": question,
        "answer": answer,
    }
    return Row(row.where, row.line, values)


def _pair(row: Row) -> PublishedPair:
    return PublishedPair(
        pair_id=read_text(row, "question_id", required=True),
        question_type=read_text(row, "question_type", required=True),
        question=tidy(read_text(row, "question", required=True)),
        answer=tidy(read_text(row, "answer")) or None,
    )


def _document(row: Row, pairs: list[PublishedPair]) -> Document:
    source = read_text(row, "document_source", required=True)
    return Document(
        document_id=f"{source}/{read_text(row, 'document_id', required=True)}",
        source=source,
        focus=tidy(read_text(row, "question_focus")),
        cuis=tuple(sorted(set(_split(row, "umls_cui")))),
        synonyms=tuple(dict.fromkeys(_split(row, "synonyms"))),
        pairs=tuple(pairs),
    )


def _split(row: Row, column: str) -> list[str]:
    return [part for text in read_text(row, column).split("|") if (part := tidy(text))]


def _csv_rows(path: Path) -> Iterator[Row]:
    if path.is_file() and path.stat().st_size > _MOST_BYTES:
        raise _too_large(path)
    yield from read_rows(path)


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            about = file.metadata
            unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
            if unpacked > _MOST_BYTES or about.num_rows > _MOST_ROWS:
                raise _too_large(path)
            # The footer does not count how often a text of a dictionary is used, so the texts are counted as they come,
            # and so few rows are unpacked at once that even the longest possible text in each is not too much.
            rows = min(_MOST_ROWS_AT_ONCE, _MOST_BYTES // max(unpacked, 1))
            line = size = 0
            wanted = [name for name in file.schema_arrow.names if name in {*COLUMNS, *THREE_COLUMNS}]
            for batch in file.iter_batches(batch_size=rows, columns=wanted or None, use_threads=False):
                for values in batch.to_pylist():
                    line += 1
                    texts = {k: str(v) if isinstance(v, int | float) else v for k, v in values.items()}
                    size += sum(len(str(text)) for text in texts.values())
                    if size > _MOST_BYTES:
                        raise _too_large(path)
                    yield Row(f"{path} row {line}", line, texts)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TaskError(f"{path} cannot be read as Parquet: {reason}", remedy="fetch it again") from None


def _too_large(path: Path) -> TaskError:
    return TaskError(f"{path} is too large", allowed=f"{_MOST_BYTES:,} bytes and {_MOST_ROWS:,} rows")
