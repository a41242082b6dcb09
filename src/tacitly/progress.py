"""How a stage tells what it is doing, without knowing who listens."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Progress(Protocol):
    """Hears of stages, of rows done, and of what the user should know."""

    def begin(self, what: str, total: int | None) -> None:
        """A piece of work with `total` steps starts; the one before it is over."""

    def advance(self, steps: int = 1) -> None:
        """Some steps are done."""

    def note(self, message: str) -> None:
        """One line that the user should read."""


class RecordedProgress:
    """A fake that keeps what it hears.

    Example:
        >>> progress = RecordedProgress()
        >>> progress.begin("answers", 3)
        >>> progress.advance(2)
        >>> progress.done
        {'answers': 2}
    """

    def __init__(self) -> None:
        self.done: dict[str, int] = {}
        self.notes: list[str] = []
        self._current = ""

    def begin(self, what: str, total: int | None) -> None:  # noqa: ARG002
        """Start counting under this name."""
        self._current = what
        self.done.setdefault(what, 0)

    def advance(self, steps: int = 1) -> None:
        """Count."""
        self.done[self._current] = self.done.get(self._current, 0) + steps

    def note(self, message: str) -> None:
        """Keep the line."""
        self.notes.append(message)
