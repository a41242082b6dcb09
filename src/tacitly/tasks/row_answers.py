"""What a row of a published data set gives as its answer, and closed sets of options with letters."""

import json
from collections.abc import Sequence
from string import ascii_uppercase

from tacitly.errors import TaskError
from tacitly.records import Question
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
    items = _parse_list(row, column, value) if isinstance(value, str) else [] if value is None else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise _no_list(row, column, value)
    answers = tuple(dict.fromkeys(text for item in items if (text := item.strip())))
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


def as_choice(text: str) -> str:
    """An option as a choice's name, in which `|` would end it.

    Example:
        >>> as_choice(" P(A|B) ")
        'P(A/B)'
    """
    return text.replace("|", "/").strip()


def letter_choices(options: Sequence[str]) -> tuple[str, ...]:
    """Options as choices with two names each: the option and its letter.

    Example:
        >>> letter_choices(["Ampicillin", "Ceftriaxone"])
        ('Ampicillin|A)', 'Ceftriaxone|B)')
    """
    return tuple(f"{as_choice(option)}|{letter})" for letter, option in zip(ascii_uppercase, options, strict=False))


def list_options(question: Question) -> str:
    r"""The lettered choices of a question, as a prompt shows them.

    Example:
        >>> question = Question(
        ...     question_id="1", question="Which?", answers=("x",), entity="e", choices=letter_choices(["x", "y"])
        ... )
        >>> list_options(question)
        'A) x\nB) y'
    """
    return "\n".join(f"{letter} {text}" for text, letter in (choice.split("|") for choice in question.choices))


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
