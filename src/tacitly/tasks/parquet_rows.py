"""Reading a Parquet file row by row: only the columns that are wanted, and few rows at once."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tacitly.errors import TaskError
from tacitly.tasks.tables import Row

_MOST_AT_ONCE = 256 * 1024 * 1024
_MOST_ROWS_AT_ONCE = 256


def read_parquet(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Read the rows of a Parquet file.

    Args:
        path: The file.
        columns: What is wanted; `answer.aliases` is the field `aliases` of the column `answer`.

    Yields:
        The rows, with those of the columns that there are; numbers are texts.

    Raises:
        TaskError: The file is damaged, or a group of its rows unpacks to too much.

    Example:
        >>> import tempfile, pyarrow, pyarrow.parquet
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "a.parquet"
        ...     pyarrow.parquet.write_table(pyarrow.table({"text": ["good"], "label": [1]}), path)
        ...     [row.values for row in read_parquet(path, ["text", "label"])]
        [{'text': 'good', 'label': '1'}]
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    line = 0
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.metadata.num_row_groups):
                unpacked = file.metadata.row_group(group).total_byte_size
                if unpacked > _MOST_AT_ONCE:
                    raise TaskError(
                        f"{path} has a row group of {unpacked:,} bytes", allowed=f"at most {_MOST_AT_ONCE:,}"
                    )
                # The longest possible text, in each of the rows that are unpacked at once, is not too much either.
                rows = max(1, min(_MOST_ROWS_AT_ONCE, _MOST_AT_ONCE // max(unpacked, 1)))
                batches = file.iter_batches(
                    batch_size=rows, row_groups=[group], columns=list(columns), use_threads=False
                )
                for batch in batches:
                    for values in batch.to_pylist():
                        line += 1
                        yield Row(f"{path} row {line}", line, {k: _as_text(v) for k, v in values.items()})
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TaskError(f"{path} cannot be read as Parquet: {reason}", remedy="fetch it again") from None


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
