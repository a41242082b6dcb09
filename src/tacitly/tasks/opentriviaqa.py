"""The task `opentriviaqa`: trivia with two to four options, from text files with a category each."""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.archives import ARCHIVES, Member, is_archive, read_members
from tacitly.tasks.base import Messages, TaskCard, user
from tacitly.tasks.fetching import fetch_from_github, find_fetched
from tacitly.tasks.lettered import lettered_question, word_options
from tacitly.tasks.published import NO_ANSWER, LeftOutError, Reading
from tacitly.tasks.sampling import draw
from tacitly.tasks.template import PromptTemplate

REPOSITORY = "uberspot/OpenTriviaQA"
REVISION = "dd31530bfbb19f9505b160b89c9df4b1127e3c70"

_OPTION = re.compile(r"(?P<letter>[A-Z])(?:\s+(?P<text>.*))?")
_WANTED = f"a folder, {', '.join(ARCHIVES)} with its category files, of github.com/{REPOSITORY} or as .txt"


class OpenTriviaQA:
    r"""Trivia of many categories; the options stand in the prompt, each with its letter.

    A file's questions begin with `#Q`, then come `^` with the answer, and the options with a letter each. Lines that
    are not UTF-8 are read as Windows-1252. A question without an answer, or whose answer is none of its options, is
    counted and left out.

    Args:
        path: The files in a folder or an archive; None fetches the repository.
        limit: At most this many questions, drawn evenly over the categories.
        prompt: A template in place of the task's prompt.
        seed: Which questions a limit draws.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "sky.txt").write_text("#Q What colour is it?\n^ Blue\nA Red\nB Blue\n")
        ...     task = OpenTriviaQA(path=folder)
        ...     question = task.questions()[0]
        >>> question.choices, question.answers
        (('Red|A)', 'Blue|B)'), ('Blue',))
        >>> print(task.prompt(question)[0]["content"])
        What colour is it?
        A) Red
        B) Blue
        Answer with the right option.
    """

    name = "opentriviaqa"
    judge = "choice"
    locator = ("choices",)
    stop: tuple[str, ...] = ()
    system_prompt: str | None = None
    max_new_tokens = 48

    def __init__(
        self, *, path: Path | str | None = None, limit: int | None = None, prompt: str | None = None, seed: int = 0
    ) -> None:
        self._path = None if path is None else Path(path)
        self._limit = limit
        self._seed = seed
        self._template = PromptTemplate(prompt) if prompt is not None else None

    def questions(self) -> tuple[Question, ...]:
        """The questions, category by category."""
        return self._read[0]

    @property
    def notes(self) -> tuple[str, ...]:
        """How many questions are left out, and why."""
        return self._read[1]

    def prompt(self, question: Question) -> Messages:
        """The question and its options, each with its letter."""
        if self._template is not None:
            return [user(self._template.fill(question))]
        return [user(word_options(question))]

    @classmethod
    def card(cls) -> TaskCard:
        """Describe the task."""
        return TaskCard(
            name=cls.name,
            asks="trivia with two to four options",
            questions=None,
            needs=None,
            sizes={"all": 49_716},
            answer_form="one of the options",
            source=f"GitHub: {REPOSITORY}",
            licence="CC BY-SA 4.0",
            is_here=find_fetched("github", REPOSITORY, REVISION, "") is not None,
        )

    @cached_property
    def _read(self) -> tuple[tuple[Question, ...], tuple[str, ...]]:
        path = self._path
        if path is None:
            path = fetch_from_github(REPOSITORY, REVISION, "", task=self.name, remedy=f"set task.path to {_WANTED}")
        elif not path.exists():
            raise TaskError(f"task.path {str(path)!r} does not exist", allowed=_WANTED)
        elif not path.is_dir() and not is_archive(path):
            raise TaskError(f"task.path {str(path)!r} is no folder or archive", allowed=_WANTED)
        reading = Reading()
        drawn = draw(
            _asked_once(path, reading),
            limit=self._limit,
            seed=self._seed,
            stratum=lambda question: question.meta["category"],
        )
        if not drawn:
            raise TaskError(f"{path} has no questions of {self.name}", allowed=_WANTED)
        return drawn, reading.notes


def _asked_once(path: Path, reading: Reading) -> Iterator[Question]:
    seen: set[tuple[str, ...]] = set()
    for member in read_members(path, ending=""):
        if not _is_category(member.name):
            continue
        for question in _questions(path, member, reading):
            key = (question.question, *question.choices)
            if key in seen:
                reading.repeats += 1
            else:
                seen.add(key)
                yield question


def _is_category(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() == ".txt" or (not path.suffix and path.parent.name == "categories")


def _questions(path: Path, member: Member, reading: Reading) -> Iterator[Question]:
    category = PurePosixPath(member.name).stem
    block: list[str] = []
    start = 0
    for number, raw in enumerate((*member.content.splitlines(), b"#Q"), start=1):
        line = _decode(raw).strip().lstrip("\ufeff")
        if not line.startswith("#Q"):
            block.append(line)
            continue
        if start:
            reading.rows += 1
            try:
                yield _ask(block, category=category, number=start)
            except LeftOutError as left_out:
                reading.leave_out(str(left_out), f"{path}: {member.name} line {start}")
        block, start = [line.removeprefix("#Q").strip()], number


def _ask(block: list[str], *, category: str, number: int) -> Question:
    """The question that a block of lines asks.

    Raises:
        LeftOutError: It asks none.
    """
    marks = [i for i, line in enumerate(block) if line.startswith("^")]
    text = "\n".join(line for line in block[: marks[0]] if line) if marks else ""
    if not text:
        raise LeftOutError(NO_ANSWER)
    return lettered_question(
        question_id=f"opentriviaqa/{category}/{number}",
        question=text,
        options=[option["text"] or "" for line in block[marks[0] + 1 :] if (option := _OPTION.fullmatch(line))],
        right=block[marks[0]].removeprefix("^"),
        meta={"category": category},
    )


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")
