"""One cell of a user's file: a text, a list of texts, or anything kept as a text."""

import json

from tacitly.errors import TaskError
from tacitly.tasks.tables import Row
from tacitly.text import shortened

_VERDICTS = {
    "true": True,
    "yes": True,
    "1": True,
    "right": True,
    "false": False,
    "no": False,
    "0": False,
    "wrong": False,
}
_LIST_FORMS = "one text, several with | between them, or a JSON list of texts"


def read_text(row: Row, column: str, *, required: bool = False) -> str:
    """Read a cell as a text.

    Args:
        row: The row.
        column: The column; where the row lacks it, the text is empty.
        required: Whether an empty text is refused.

    Returns:
        The text, without space around it.

    Raises:
        TaskError: The cell holds something else, or is empty where it may not be.

    Example:
        >>> read_text(Row("a.jsonl line 1", 1, {"id": " 7 "}), "id")
        '7'
    """
    text = _text(row, column, row.values.get(column), allowed="a text or a number")
    if required and not text:
        raise TaskError(f"{row.where}: {column!r} is empty", allowed="a text", remedy="fill it in or drop the row")
    return text


def read_list(row: Row, column: str, *, required: bool = False) -> tuple[str, ...]:
    """Read a cell as one or several texts: a list, a JSON list in a text, or a text with `|` between them.

    Args:
        row: The row.
        column: The column; where the row lacks it, the list is empty.
        required: Whether an empty list is refused.

    Returns:
        The texts, each once, in their order; empty ones are left out.

    Raises:
        TaskError: The cell holds something else, or nothing where something is required.

    Example:
        >>> read_list(Row("a.csv line 2", 2, {"answers": "lung|lungs"}), "answers")
        ('lung', 'lungs')
        >>> read_list(Row("a.csv line 2", 2, {"answers": '["a|b", 3]'}), "answers")
        ('a|b', '3')
    """
    value = row.values.get(column)
    if isinstance(value, str):
        value = _split(row, column, value)
    items = value if isinstance(value, list) else [value]
    texts = [_text(row, column, item, allowed=_LIST_FORMS) for item in items]
    found = tuple(dict.fromkeys(text for text in texts if text))
    if required and not found:
        raise TaskError(f"{row.where}: {column!r} is empty", allowed=_LIST_FORMS, remedy="fill it in or drop the row")
    return found


def read_verdict(row: Row, column: str) -> bool | None:
    """Read a cell that says whether something is right.

    Args:
        row: The row.
        column: The column; where the row lacks it, nothing is said.

    Returns:
        What it says; None where it is empty.

    Raises:
        TaskError: The cell says something else.

    Example:
        >>> [read_verdict(Row("a.csv line 2", 2, {"correct": said}), "correct") for said in ("TRUE", "0", "")]
        [True, False, None]
    """
    value = row.values.get(column)
    if isinstance(value, bool):
        return value
    text = read_text(row, column)
    if text and text.casefold() not in _VERDICTS:
        raise TaskError(
            f"{row.where}: {column!r} is {shortened(text)!r}",
            allowed=f"{', '.join(_VERDICTS)}, or nothing where nobody has judged",
            remedy="correct it in the file",
        )
    return _VERDICTS.get(text.casefold())


def as_meta(value: object) -> str:
    """Keep any other cell as a text.

    Example:
        >>> as_meta("x"), as_meta(None), as_meta(["a", True])
        ('x', '', '["a", true]')
    """
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _split(row: Row, column: str, text: str) -> list[object]:
    stripped = text.strip()
    if not stripped.startswith("["):
        return list(stripped.split("|"))
    try:
        items = json.loads(stripped, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        items = None
    if isinstance(items, list):
        return items
    if stripped.startswith(("['", '["')):
        raise TaskError(
            f"{row.where}: {column!r} is {shortened(stripped)!r}, which is not a JSON list",
            allowed=_LIST_FORMS,
            remedy="write texts in double quotes",
        )
    return list(stripped.split("|"))


def _text(row: Row, column: str, value: object, *, allowed: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    kind = {dict: "an object", list: "a list", bool: "true or false without quotes"}.get(type(value), "of another type")
    raise TaskError(
        f"{row.where}: {column!r} holds {shortened(as_meta(value))}, {kind}",
        allowed=allowed,
        remedy="correct it in the file",
    )
