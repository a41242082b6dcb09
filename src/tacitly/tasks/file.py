"""The task `file`: the user's own questions, and answers that exist already, from a JSONL or CSV file."""

from functools import cached_property
from pathlib import Path

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.base import Messages, TaskCard, user
from tacitly.tasks.file_rows import FileRows
from tacitly.tasks.sampling import draw
from tacitly.tasks.template import PromptTemplate, with_context


class FileTask:
    r"""Questions of the user's own.

    `question` is required, and `answers` or `correct`. `answers` and `choices` hold one or several, separated by `|` or
    as a JSON list. `entity` is what the question is about (the question itself, where it is left out), `split` is
    `train` or `test`, `context` a passage to read first, `id` names the question. `answer` is what a model wrote
    elsewhere: it is read instead of asking, and `correct` says whether a person judged it right (`true`, `false`, or
    nothing); then the judge is `human`. Other columns are kept in `meta`. Rows without what they need are counted and
    left out.

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
    locator = ("choices", "asked_number", "novel_phrase")
    stop: tuple[str, ...] = ()
    system_prompt: str | None = None
    max_new_tokens = 32

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

    @cached_property
    def _rows(self) -> FileRows:
        return FileRows.read(self._path)

    @property
    def judge(self) -> str:
        """`human` where the file says which answers are right, else `alias`."""
        return "human" if self._rows.has_grades else "alias"

    @property
    def notes(self) -> tuple[str, ...]:
        """How many rows were left out, and why."""
        return self._rows.notes

    def questions(self) -> tuple[Question, ...]:
        """The questions, in the file's order."""
        return draw(
            self._rows.questions, limit=self._limit, seed=self._seed, stratum=lambda question: question.split or ""
        )

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
            is_here=None,
        )
