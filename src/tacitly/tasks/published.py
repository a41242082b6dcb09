"""What the tasks over published data sets share: a file's rows become questions, and what is left out is counted."""

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.base import Messages, TaskCard, user
from tacitly.tasks.parquet_rows import read_parquet
from tacitly.tasks.plain_files import plain_name, read_lines
from tacitly.tasks.sampling import draw
from tacitly.tasks.sources import PartFile, Source
from tacitly.tasks.tables import Row, csv_rows, jsonl_rows, require_columns
from tacitly.tasks.template import PromptTemplate, with_context

KINDS = (".csv", ".tsv", ".jsonl", ".parquet")


class LeftOutError(Exception):
    """A row that is counted and not asked; its text ends the sentence "3 rows ..."."""


NO_ANSWER = "have no answer"


@dataclass
class Reading:
    """What was read, and what of it is not asked.

    Attributes:
        rows: How many rows were read.
        repeats: How many questions had been asked before.
        left_out: How many rows are left out, by the reason.
        first: Where the first of them stands, by the reason.

    Example:
        >>> reading = Reading(rows=10_000)
        >>> reading.leave_out("have no answer", "a.csv line 17")
        >>> reading.notes
        ('1 of 10,000 rows have no answer and are left out: first in a.csv line 17',)
    """

    rows: int = 0
    repeats: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def leave_out(self, reason: str, where: str) -> None:
        """Count a row that is left out."""
        self.left_out[reason] += 1
        self.first.setdefault(reason, where)

    @property
    def notes(self) -> tuple[str, ...]:
        """The counts, in single lines."""
        lines = [
            f"{count:,} of {self.rows:,} rows {reason} and are left out: first in {self.first[reason]}"
            for reason, count in self.left_out.items()
        ]
        if self.repeats:
            lines.append(f"{self.repeats:,} questions stand there again, and each is asked once")
        return tuple(lines)


class PublishedTask(ABC):
    """A task over a published data set; what a row asks, a task says in `ask`.

    A question that stands in several rows is asked once, where it stands first, and what any of them gives is accepted.
    How to write one: docs/how-to/add-a-task.md.

    Args:
        path: The data set's files (`Source.find`); None fetches them.
        limit: At most this many questions, drawn evenly over the parts.
        prompt: A template in place of the task's prompt.
        seed: Which questions a limit draws.

    Attributes:
        columns: The columns that are read; `answer.aliases` is the field `aliases` of the column `answer`.
        instruction: What the prompt says after the question.
        keeps_parts: Whether a question's `split` is the part that it was published in. Not where the parts share
            entities: training would lose every entity that is tested.
    """

    name: ClassVar[str]
    asks: ClassVar[str]
    answer_form: ClassVar[str]
    licence: ClassVar[str]
    source: ClassVar[Source]
    columns: ClassVar[tuple[str, ...]]
    judge: ClassVar[str] = "alias"
    locator: ClassVar[tuple[str, ...]] = ("asked_number", "novel_phrase", "first_line")
    instruction: ClassVar[str] = ""
    keeps_parts: ClassVar[bool] = True
    max_new_tokens: ClassVar[int] = 32
    stop: ClassVar[tuple[str, ...]] = ()
    system_prompt: ClassVar[str | None] = None

    def __init__(
        self, *, path: Path | str | None = None, limit: int | None = None, prompt: str | None = None, seed: int = 0
    ) -> None:
        self.path = None if path is None else Path(path)
        self.limit = limit
        self.seed = seed
        self.template = PromptTemplate(prompt) if prompt is not None else None

    @abstractmethod
    def ask(self, row: Row) -> Iterable[Question]:
        """The questions of a row; their ids need only tell them from others of the same part, and none has a split.

        Raises:
            LeftOutError: The row asks nothing.
            TaskError: The row is malformed.
        """

    def prompt(self, question: Question) -> Messages:
        """The question after its context, and what kind of answer is wanted."""
        if self.template is not None:
            return [user(self.template.fill(question))]
        return [user(with_context(question, self.wording(question)))]

    def wording(self, question: Question) -> str:
        """The question and what kind of answer is wanted."""
        return f"{question.question}\n{self.instruction}".strip()

    def questions(self) -> tuple[Question, ...]:
        """The questions, in the order of the files."""
        return self._read[0]

    @property
    def notes(self) -> tuple[str, ...]:
        """How many rows are left out, and why."""
        return self._read[1]

    @classmethod
    def card(cls) -> TaskCard:
        """Describe the task."""
        return TaskCard(
            name=cls.name,
            asks=cls.asks,
            questions=None,
            sizes={str(part): rows for part, rows in cls.source.sizes.items()},
            needs=None,
            answer_form=cls.answer_form,
            source=cls.source.short,
            licence=cls.licence,
            is_here=cls.source.is_here,
        )

    @cached_property
    def _read(self) -> tuple[tuple[Question, ...], tuple[str, ...]]:
        found = self.source.find(self.path, task=self.name)
        reading = Reading()
        again: dict[bytes, list[str]] = {}
        drawn = draw(
            self._asked_once(found, reading, again), limit=self.limit, seed=self.seed, stratum=lambda q: q.split or ""
        )
        if not drawn:
            raise TaskError(f"task {self.name}: {found[0].path} has no questions", allowed=self.source.wanted)
        lacking = self.source.lacking(found) if self.path and self.path.is_dir() else ()
        notes = (f"{', '.join(lacking)}: not in {self.path}, and not read",) if lacking else ()
        merged = (replace(q, answers=tuple(dict.fromkeys((*q.answers, *again.get(_key(q), ()))))) for q in drawn)
        return tuple(merged), (*notes, *reading.notes)

    def _asked_once(
        self, found: Iterable[PartFile], reading: Reading, again: dict[bytes, list[str]]
    ) -> Iterator[Question]:
        seen: set[bytes] = set()
        for question in self._everything(found, reading):
            key = _key(question)
            if key in seen:
                reading.repeats += 1
                again.setdefault(key, []).extend(question.answers)
            else:
                seen.add(key)
                yield question

    def _everything(self, found: Iterable[PartFile], reading: Reading) -> Iterator[Question]:
        top = tuple(dict.fromkeys(column.split(".")[0] for column in self.columns))
        for one in found:
            split = one.part if self.keeps_parts and one.part != "all" else None
            for row in read_published(one.path, self.columns):
                require_columns(one.path, top, row)
                reading.rows += 1
                try:
                    for question in self.ask(row):
                        question_id = f"{self.name}/{one.part or 'all'}/{question.question_id}"
                        yield replace(question, question_id=question_id, split=split)
                except LeftOutError as left_out:
                    reading.leave_out(str(left_out), row.where)


def read_published(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    r"""Read the rows of a data set's file, one at a time, whatever its form.

    Args:
        path: A `.csv`, `.tsv`, `.jsonl` or `.parquet`, plain or compressed.
        columns: What is wanted of a `.parquet`.

    Yields:
        The rows.

    Raises:
        TaskError: The file is damaged or of another form.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "a.tsv"
        ...     _ = path.write_text("city\tcountry\nLodz\tPoland\n")
        ...     [row.values for row in read_published(path, ())]
        [{'city': 'Lodz', 'country': 'Poland'}]
    """
    kind = Path(plain_name(path)).suffix.lower()
    if kind == ".parquet" and path.suffix.lower() == kind:
        yield from read_parquet(path, columns)
    elif kind == ".jsonl":
        yield from jsonl_rows(path, read_lines(path))
    elif kind in {".csv", ".tsv"}:
        yield from csv_rows(path, read_lines(path), delimiter="\t" if kind == ".tsv" else ",")
    else:
        raise TaskError(
            f"{path} is of an unknown form", allowed=f"{', '.join(KINDS)}, all but the last compressed or not"
        )


def _key(question: Question) -> bytes:
    text = "\0".join((question.question, question.context or "", *question.choices))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
