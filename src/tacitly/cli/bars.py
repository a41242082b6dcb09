"""Progress bars with rate and time left, on standard error."""

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        elapsed = task.finished_time if task.finished else task.elapsed
        rate = f"{task.completed / elapsed:.1f}/s" if elapsed and task.completed else ""
        return Text(rate, style="dim")


class Bars:
    """Shows what a study is doing: bars in a terminal, one line per piece of work elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._bars = Progress(*columns, console=console, disable=not console.is_terminal)
        self._current: TaskID | None = None

    def __enter__(self) -> "Bars":
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        if kind is None:
            self._finish()
        self._bars.stop()

    def begin(self, what: str, total: int | None) -> None:
        """Open a bar; the one before it is done."""
        self._finish()
        self._current = self._bars.add_task(what, total=total)
        if self._bars.disable:
            self._console.print(f"{what} ..." if total is None else f"{what}: {total} ...", highlight=False)

    def advance(self, steps: int = 1) -> None:
        """Move the open bar."""
        if self._current is not None:
            self._bars.advance(self._current, steps)

    def note(self, message: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(Text(message), soft_wrap=True)

    def _finish(self) -> None:
        if self._current is not None:
            task = self._bars.tasks[self._bars.task_ids.index(self._current)]
            total = task.total if task.total is not None else 1
            self._bars.update(self._current, total=total, completed=total)
        self._current = None
