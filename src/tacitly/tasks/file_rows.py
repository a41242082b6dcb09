"""The rows of a user's file as questions, and which of them cannot be used."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tacitly.errors import TaskError
from tacitly.records import Question, Split
from tacitly.tasks.cells import as_meta, read_list, read_text, read_verdict
from tacitly.tasks.tables import Row, read_rows, require_columns
from tacitly.text import normalize

COLUMNS = ("question", "answers", "choices", "entity", "split", "context", "id", "answer", "correct")
_SPLITS: dict[str, Split | None] = {"": None, "train": "train", "test": "test"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRows:
    """What a user's file holds.

    Attributes:
        questions: The rows that can be used, in the file's order.
        has_grades: Whether the file says which answers are right.
        notes: How many rows cannot be used, and why.
    """

    questions: tuple[Question, ...]
    has_grades: bool
    notes: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> "FileRows":
        """Read a file.

        Raises:
            TaskError: It cannot be read, a row is not what it should be, or none can be used.
        """
        found: list[Question] = []
        lines: dict[str, int] = {}
        lacking: dict[str, list[int]] = defaultdict(list)
        for number, row in enumerate(read_rows(path), start=1):
            _check_columns(path, row)
            question = _question(row, number)
            if question.question_id in lines:
                raise TaskError(
                    f"{path} has the id {question.question_id!r} twice: on lines {lines[question.question_id]} "
                    f"and {row.line}",
                    allowed="an id of its own for every row",
                    remedy="change one, or leave the column out",
                )
            lines[question.question_id] = row.line
            column = _lacks(row, question)
            if column is None:
                found.append(question)
            else:
                lacking[column].append(row.line)
        if not lines:
            raise TaskError(f"{path} has no rows", remedy="give at least one question")
        if not found:
            raise TaskError(f"{path} has nothing in {' or '.join(map(repr, lacking))}", remedy="fill it in")
        notes = tuple(
            f"{len(at)} of {len(lines)} rows of {path.name} have nothing in {column!r} and are left out, the first on "
            f"line {at[0]}"
            for column, at in lacking.items()
        )
        return cls(questions=tuple(found), has_grades=any(q.graded is not None for q in found), notes=notes)


def _check_columns(path: Path, row: Row) -> None:
    if "answer" in row.values and not {"answers", "correct"} & set(row.values):
        raise TaskError(
            f"{row.where} has 'answer', what a model wrote, and nothing to judge it by",
            allowed="'answers' (what is accepted as right) or 'correct' (whether a person judged it right)",
            remedy="add one of them; rename 'answer' to 'answers' if it holds what is accepted",
        )
    require_columns(path, ["question", *(("answer", "correct") if "correct" in row.values else ("answers",))], row)


def _lacks(row: Row, question: Question) -> str | None:
    """The column that a row would need something in."""
    if question.written is None and "answer" in row.values:
        return "answer"
    if question.answers or question.graded is not None:
        return None
    return "correct" if "correct" in row.values else "answers"


def _question(row: Row, number: int) -> Question:
    text = read_text(row, "question", required=True)
    entity = read_text(row, "entity") or text
    return Question(
        question_id=read_text(row, "id") or f"file/{number}",
        question=text,
        answers=read_list(row, "answers"),
        entity=normalize(entity) or entity,
        choices=read_list(row, "choices"),
        split=_split(row),
        context=read_text(row, "context") or None,
        written=read_text(row, "answer") or None,
        graded=read_verdict(row, "correct"),
        meta={column: as_meta(value) for column, value in row.values.items() if column not in COLUMNS},
    )


def _split(row: Row) -> Split | None:
    value = read_text(row, "split")
    if value.casefold() not in _SPLITS:
        raise TaskError(
            f"{row.where}: 'split' is {value!r}", allowed="train, test, or nothing", remedy="correct it in the file"
        )
    return _SPLITS[value.casefold()]
