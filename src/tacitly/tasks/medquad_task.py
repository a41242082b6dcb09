"""What the tasks over MedQuAD share: it is read once, and what was left out is said."""

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

from tacitly.records import Question
from tacitly.tasks.medquad_pairs import MedQuad, read_medquad, shown
from tacitly.tasks.template import PromptTemplate


class MedQuadTask(ABC):
    """A task whose questions come from MedQuAD; which ones, a task says in `ask`.

    Attributes:
        path: A copy of MedQuAD; None for the hub's table.
        limit: At most this many questions.
        template: What takes the place of the task's prompt, or None.
        seed: Which questions a limit draws.
    """

    def __init__(
        self, *, path: Path | str | None = None, limit: int | None = None, prompt: str | None = None, seed: int = 0
    ) -> None:
        self.path = None if path is None else Path(path)
        self.limit = limit
        self.seed = seed
        self.template = PromptTemplate(prompt) if prompt is not None else None

    @cached_property
    def medquad(self) -> MedQuad:
        """What was read."""
        return read_medquad(self.path)

    @property
    def shown(self) -> str:
        """What is read, as messages call it."""
        return shown(self.path)

    def questions(self) -> tuple[Question, ...]:
        """The questions, in the order of their documents."""
        return self._questions

    @property
    def notes(self) -> tuple[str, ...]:
        """How much was read, and why the rest is left out."""
        notes = (f"MedQuAD: {self.medquad.counts.summary}",)
        if any(pair.synonyms or pair.cui for pair in self.medquad.pairs):
            return notes
        return (*notes, "this copy of MedQuAD tells no synonyms or concepts: one disease may count as several")

    @abstractmethod
    def ask(self, medquad: MedQuad) -> tuple[Question, ...]:
        """What a task asks of MedQuAD."""

    @cached_property
    def _questions(self) -> tuple[Question, ...]:
        return self.ask(self.medquad)
