"""One row of a user's file, or a mapping of a program's, as an answer to be scored."""

import difflib
import json
import math
import re
from collections.abc import Mapping, Sequence

from tacitly.detect.records import GivenAnswer
from tacitly.errors import TaskError
from tacitly.tasks.cells import as_meta, read_list, read_text
from tacitly.tasks.tables import Row

COLUMNS = ("id", "question", "answer", "token_ids", "context", "choices")

_ID = re.compile(r"-?[0-9]{1,12}")
_ID_LIST = "a list of token ids, such as [504, 8884]"


def read_given(row: Row) -> GivenAnswer:
    """Read an answer.

    Args:
        row: `question`, and `answer` or `token_ids` or both; `id` (by default the line's number), `context` and
            `choices` if there are any.

    Raises:
        TaskError: A column is unknown or missing, or a cell holds something else.

    Example:
        >>> given = read_given(Row("a.jsonl line 3", 3, {"question": "Who?", "token_ids": ["5", "6"]}))
        >>> given.id, given.token_ids
        ('3', (5, 6))
    """
    require_known(row.where, tuple(row.values))
    question = read_text(row, "question", required=True)
    answer, token_ids = _answer(row), _token_ids(row)
    if token_ids is not None and answer == "":
        answer = None  # a CSV file has both columns for every row
    if answer is None and token_ids is None:
        raise TaskError(
            f"{row.where} has no answer",
            allowed="'answer' (a text), 'token_ids' (a list), or both",
            remedy="give one, or leave the row out",
        )
    return GivenAnswer(
        id=read_text(row, "id") or str(row.line),
        question=question,
        answer=answer,
        token_ids=token_ids,
        context=read_text(row, "context") or None,
        choices=read_list(row, "choices"),
        where=row.where,
    )


def row_of(values: Mapping[str, object], number: int) -> Row:
    """A program's mapping as a row; numbers are texts in rows.

    Raises:
        TaskError: It holds a number that is none.

    Example:
        >>> row_of({"id": 7, "token_ids": (5, 6)}, 1).values
        {'id': '7', 'token_ids': ['5', '6']}
    """
    where = f"answer {number}"
    return Row(where, number, {str(name): _plain(f"{where}: {name!r}", value) for name, value in values.items()})


def require_known(where: str, columns: Sequence[str], *, header: bool = False) -> None:
    """Refuse columns that nothing is known of, and a header without those that are needed.

    Raises:
        TaskError: Naming the column, and what is allowed.

    Example:
        >>> require_known("a.csv line 1", ["question", "answer"], header=True)
    """
    allowed = ", ".join(COLUMNS)
    for column in columns:
        if column not in COLUMNS:
            near = difflib.get_close_matches(column, COLUMNS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "rename it or leave it out"
            raise TaskError(f"{where} has the unknown column {_short(column)!r}", allowed=allowed, remedy=hint)
    if header and not ("question" in columns and {"answer", "token_ids"}.intersection(columns)):
        lacking = "'question'" if "question" not in columns else "'answer' and 'token_ids'"
        raise TaskError(
            f"{where} lacks {lacking}", allowed="question, and answer or token_ids or both", remedy="add the column"
        )


def _answer(row: Row) -> str | None:
    value = row.values.get("answer")
    if value is None or isinstance(value, str):
        return value
    raise TaskError(
        f"{row.where}: 'answer' holds {_short(as_meta(value))}", allowed="a text", remedy="correct it in the file"
    )


def _token_ids(row: Row) -> tuple[int, ...] | None:
    value = row.values.get("token_ids")
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = json.loads(value, parse_int=str) if value.lstrip().startswith("[") else value.split()
        except (ValueError, RecursionError):
            value = [value]
    if value is None:
        return None
    items = value if isinstance(value, list) else [value]
    for item in items:
        if not isinstance(item, str) or not _ID.fullmatch(item):
            raise TaskError(
                f"{row.where}: 'token_ids' holds {_short(as_meta(item))}",
                allowed=_ID_LIST,
                remedy="correct it in the file",
            )
    return tuple(map(int, items))


def _plain(where: str, value: object) -> object:
    """A value as JSON would have given it, with numbers as texts."""
    if hasattr(value, "tolist"):  # NumPy's
        value = value.tolist()
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(where, inner) for name, inner in value.items()}
    if isinstance(value, Sequence):
        return [_plain(where, item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise TaskError(f"{where} is {value}", allowed="a text, or nothing", remedy="give None where there is nothing")
    return str(value)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
