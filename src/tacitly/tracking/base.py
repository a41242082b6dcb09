"""What a tracker is told of a study, and a fake that keeps what it hears."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tacitly.report.pictures import Picture

PROJECT = "tacitly"
"""What the runs are filed under where nothing else is set."""


class Tracker(Protocol):
    """Hears of one finished study, from `start` to `finish`."""

    def start(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:
        """A run of this name begins; what is kept locally may lie in its folder."""

    def log(self, metrics: Mapping[str, float]) -> None:
        """Its numbers, by names whose parts are separated by slashes."""

    def figure(self, picture: "Picture") -> None:
        """One of its figures."""

    def finish(self) -> None:
        """That was all; everything is written when this returns."""


class RecordedTracker:
    """A fake.

    Example:
        >>> tracker = RecordedTracker()
        >>> tracker.log({"accuracy": 0.5})
        >>> tracker.metrics
        {'accuracy': 0.5}
    """

    def __init__(self) -> None:
        self.name = ""
        self.settings: dict[str, str] = {}
        self.metrics: dict[str, float] = {}
        self.figures: list[str] = []
        self.finished = False

    def start(self, name: str, folder: Path, settings: Mapping[str, str]) -> None:  # noqa: ARG002
        """Keep name and settings."""
        self.name, self.settings = name, dict(settings)

    def log(self, metrics: Mapping[str, float]) -> None:
        """Keep the numbers."""
        self.metrics |= metrics

    def figure(self, picture: "Picture") -> None:
        """Keep its key."""
        self.figures.append(picture.key)

    def finish(self) -> None:
        """Keep that it was called."""
        self.finished = True
