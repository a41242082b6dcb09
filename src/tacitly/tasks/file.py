"""The task `file`: the user's own questions, from a JSONL or CSV file."""

from pathlib import Path

from tacitly.errors import TaskError
from tacitly.records import Question, Split
from tacitly.tasks.base import Messages, TaskCard, user
from tacitly.tasks.cells import as_meta, read_list, read_text
from tacitly.tasks.sampling import draw
from tacitly.tasks.tables import Row, read_rows, require_columns
from tacitly.tasks.template import PromptTemplate, with_context
from tacitly.text import normalize

REQUIRED = ("question", "answers")
OPTIONAL = ("choices", "entity", "split", "context", "id")


class FileTask:
    r"""Questions of the user's own.

    `question` and `answers` are required; `answers` and `choices` hold one or several, separated by `|` or as a JSON
    list. `entity` is what the question is about (the question itself, where it is left out), `split` is `train` or
    `test`, `context` a passage to read first, `id` names the question. Other columns are kept in `meta`.

    Args:
        path: The file: `.csv` with a header, or `.jsonl` with an object on each line.
        limit: At most this many questions, drawn evenly over the splits.
        prompt: A template in place of the bare question.
        seed: Which questions a limit draws.

    Raises:
        TaskError: No path is given.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "mine.csv"
        ...     _ = path.write_text("question,answers\nWhat colour is snow?,white|snow white\n")
        ...     question = FileTask(path=path).questions()[0]
        >>> question.question_id, question.answers, question.entity
        ('file/1', ('white', 'snow white'), 'what colour is snow')
    """

    name = "file"
    judge = "alias"
    locator = ("choices", "asked_number", "novel_phrase")
    stop: tuple[str, ...] = ()
    system_prompt: str | None = None
    max_new_tokens = 32
    notes: tuple[str, ...] = ()

    def __init__(
        self, *, path: Path | str | None = None, limit: int | None = None, prompt: str | None = None, seed: int = 0
    ) -> None:
        if path is None:
            raise TaskError(
                "task file needs task.path",
                allowed="a .csv or .jsonl file with the columns 'question' and 'answers'",
                remedy="set task.path to your file",
            )
        self._path = Path(path)
        self._limit = limit
        self._seed = seed
        self._template = PromptTemplate(prompt) if prompt is not None else None

    def questions(self) -> tuple[Question, ...]:
        """The questions, in the file's order."""
        found: list[Question] = []
        lines: dict[str, int] = {}
        for number, row in enumerate(read_rows(self._path), start=1):
            require_columns(self._path, REQUIRED, row)
            question = _question(row, number)
            if question.question_id in lines:
                raise TaskError(
                    f"{self._path} has the id {question.question_id!r} twice: on lines {lines[question.question_id]} "
                    f"and {row.line}",
                    allowed="an id of its own for every row",
                    remedy="change one, or leave the column out",
                )
            lines[question.question_id] = row.line
            found.append(question)
        if not found:
            raise TaskError(f"{self._path} has no rows", remedy="give at least one question")
        return draw(found, limit=self._limit, seed=self._seed, stratum=lambda question: question.split or "")

    def prompt(self, question: Question) -> Messages:
        """The question, after its context where it has one."""
        if self._template is not None:
            return [user(self._template.fill(question))]
        return [user(with_context(question, question.question))]

    @classmethod
    def card(cls) -> TaskCard:
        """Describe the task."""
        return TaskCard(
            name=cls.name,
            asks="your own questions",
            questions=None,
            needs="task.path (a .csv or .jsonl file with question and answers)",
            answer_form="whatever your answers are",
            source="your file",
            licence="yours",
        )


def _question(row: Row, number: int) -> Question:
    text = read_text(row, "question", required=True)
    answers = read_list(row, "answers", required=True)
    entity = read_text(row, "entity") or text
    return Question(
        question_id=read_text(row, "id") or f"file/{number}",
        question=text,
        answers=answers,
        entity=normalize(entity) or entity,
        choices=read_list(row, "choices"),
        split=_split(row),
        context=read_text(row, "context") or None,
        meta=_meta(row),
    )


_SPLITS: dict[str, Split | None] = {"": None, "train": "train", "test": "test"}


def _split(row: Row) -> Split | None:
    value = read_text(row, "split")
    if value.casefold() not in _SPLITS:
        raise TaskError(
            f"{row.where}: 'split' is {value!r}", allowed="train, test, or nothing", remedy="correct it in the file"
        )
    return _SPLITS[value.casefold()]


def _meta(row: Row) -> dict[str, str]:
    return {column: as_meta(value) for column, value in row.values.items() if column not in (*REQUIRED, *OPTIONAL)}
