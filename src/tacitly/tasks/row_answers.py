"""What a row of a published data set gives as its answer."""

import json
from collections.abc import Sequence

from tacitly.errors import TaskError
from tacitly.tasks.cells import read_text
from tacitly.tasks.published import NO_ANSWER, LeftOutError
from tacitly.tasks.tables import Row


def read_answer(row: Row, column: str) -> str:
    """Read the cell with the answer.

    Raises:
        LeftOutError: It is empty.

    Example:
        >>> read_answer(Row("a.csv line 2", 2, {"Answer": " neutral "}), "Answer")
        'neutral'
    """
    answer = read_text(row, column)
    if not answer:
        raise LeftOutError(NO_ANSWER)
    return answer


def read_answers(row: Row, column: str) -> tuple[str, ...]:
    """Read a cell with a list of answers: a list, or a JSON list in a text. Nothing is evaluated.

    Returns:
        The answers, each once, without the empty ones.

    Raises:
        LeftOutError: There is none.
        TaskError: The cell holds something else.

    Example:
        >>> read_answers(Row("a.tsv line 2", 2, {"possible_answers": '["lung", "lungs", "lung"]'}), "possible_answers")
        ('lung', 'lungs')
    """
    value = row.values[column]
    return as_answers(row, column, _parse_list(row, column, value) if isinstance(value, str) else value)


def as_answers(row: Row, column: str, items: object) -> tuple[str, ...]:
    """Take a list as answers, each once, without the empty ones.

    Args:
        row: Where it stands, for messages.
        column: Likewise.
        items: The list; None counts as empty.

    Raises:
        LeftOutError: There is none.
        TaskError: It is something else.

    Example:
        >>> as_answers(Row("a.parquet row 1", 1, {}), "answer", ["lung", "", "lung "])
        ('lung',)
    """
    texts = [] if items is None else items
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _no_list(row, column, items)
    answers = tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))
    if not answers:
        raise LeftOutError(NO_ANSWER)
    return answers


def read_one_of(row: Row, column: str, allowed: Sequence[str]) -> str:
    """Read a cell that holds one of a few values, in capitals or not.

    Raises:
        LeftOutError: It is empty, or -1, which is written where people disagreed.
        TaskError: It holds something else.

    Example:
        >>> read_one_of(Row("a.csv line 2", 2, {"label": "1"}), "label", ["0", "1"])
        '1'
    """
    value = read_answer(row, column).casefold()
    if value == "-1":
        raise LeftOutError(NO_ANSWER)
    if value not in allowed:
        raise TaskError(
            f"{row.where}: {column!r} is {value[:60]!r}", allowed=", ".join(allowed), remedy="fetch the file again"
        )
    return value


def read_field(row: Row, column: str, field: str) -> object:
    """Read a field of a cell that holds an object.

    Raises:
        TaskError: The cell holds something else.

    Example:
        >>> read_field(Row("a.parquet row 1", 1, {"answer": {"value": "lung"}}), "answer", "value")
        'lung'
    """
    value = row.values[column]
    if not isinstance(value, dict) or field not in value:
        raise TaskError(
            f"{row.where}: {column!r} is {str(value)[:60]!r}",
            allowed=f"an object with {field!r}",
            remedy="fetch the file again",
        )
    return value[field]


def read_passage(row: Row, column: str, value: object) -> str:
    """Read a passage: a text, or a list of its paragraphs.

    Args:
        row: Where it stands, for messages.
        column: Likewise.
        value: What stands there.

    Raises:
        TaskError: It is empty or something else.

    Example:
        >>> read_passage(Row("a.parquet row 1", 1, {}), "context", ["Aim.", "Result."])
        'Aim. Result.'
    """
    paragraphs = value if isinstance(value, list) else [value]
    texts = [paragraph.strip() for paragraph in paragraphs if isinstance(paragraph, str) and paragraph.strip()]
    if not texts:
        raise TaskError(
            f"{row.where}: {column!r} holds no passage",
            allowed="a text or a list of texts",
            remedy="fetch the file again",
        )
    return " ".join(texts)


def _parse_list(row: Row, column: str, text: str) -> object:
    if not text.strip():
        return []
    try:
        return json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise _no_list(row, column, text) from None


def _no_list(row: Row, column: str, value: object) -> TaskError:
    return TaskError(
        f"{row.where}: {column!r} is {str(value)[:60]!r}", allowed="a JSON list of texts", remedy="fetch the file again"
    )
