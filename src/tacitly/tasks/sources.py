"""Where a published data set's files are: on a local path, or at a pinned revision of its public home."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tacitly.errors import TaskError
from tacitly.tasks.fetching import fetch_from_github, fetch_from_hub, find_fetched
from tacitly.tasks.plain_files import COMPRESSED, plain_name

Part = Literal["train", "test", "all"]


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file of a data set, and which part of it that is; None where its name does not tell."""

    part: Part | None
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A data set at its public home.

    Attributes:
        home: Which home that is.
        name: Its name there, `OWNER/NAME`.
        revision: The commit that is read.
        files: The files of each part, by their paths there.
        sizes: How many rows each part has, where that is known.

    Example:
        >>> source = Source(home="hub", name="owner/set", revision="0" * 40, files={"all": ("data/test.tsv",)})
        >>> source.shown
        'huggingface.co/datasets/owner/set'
    """

    home: Literal["hub", "github"]
    name: str
    revision: str
    files: Mapping[Part, tuple[str, ...]]
    sizes: Mapping[Part, int] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The home's address."""
        return f"huggingface.co/datasets/{self.name}" if self.home == "hub" else f"github.com/{self.name}"

    @property
    def short(self) -> str:
        """The home and the name there, for tables."""
        return f"{'hub' if self.home == 'hub' else 'GitHub'}: {self.name}"

    @property
    def wanted(self) -> str:
        """What a local path would have to hold, for messages."""
        names = [Path(file).name for _, file in self._listed()]
        how = ["that file" if len(names) == 1 else "one of them, or a folder with them"]
        if not all(name.endswith(".parquet") for name in names):
            how.append(f"plain or compressed as {', '.join(COMPRESSED)}")
        return f"{', '.join(names)} of {self.shown} ({'; '.join(how)})"

    @property
    def is_here(self) -> bool:
        """Whether every file has been fetched."""
        return all(find_fetched(self.home, self.name, self.revision, file) for _, file in self._listed())

    def find(self, path: Path | None, *, task: str) -> tuple[PartFile, ...]:
        """Find the files, or fetch them.

        Args:
            path: A folder, in which each file lies by its name or by its path at its home, or one file; None fetches.
            task: The task that asks, for messages.

        Returns:
            The files that there are, in the order of `files`.

        Raises:
            TaskError: There is none, or it cannot be fetched.
        """
        if path is None:
            fetch = fetch_from_hub if self.home == "hub" else fetch_from_github
            remedy = f"set task.path to {self.wanted}"
            return tuple(
                PartFile(part, fetch(self.name, self.revision, file, task=task, remedy=remedy))
                for part, file in self._listed()
            )
        if not path.exists():
            raise TaskError(
                f"task.path {str(path)!r} does not exist", allowed=f"for task {task}: {self.wanted}",
                remedy="check the path, or leave it out to fetch the files",
            )  # fmt: skip
        if path.is_file():
            parts = (part for part, file in self._listed() if Path(file).name == plain_name(path))
            return (PartFile(next(parts, None), path),)
        found = tuple(PartFile(part, there) for part, file in self._listed() if (there := _in_folder(path, file)))
        if not found:
            raise TaskError(f"the folder {str(path)!r} has no file of task {task}", allowed=self.wanted)
        return found

    def lacking(self, found: tuple[PartFile, ...]) -> tuple[str, ...]:
        """The names of the files that were not found."""
        there = {plain_name(one.path) for one in found}
        return tuple(name for _, file in self._listed() if (name := Path(file).name) not in there)

    def _listed(self) -> list[tuple[Part, str]]:
        return [(part, file) for part, files in self.files.items() for file in files]


def _in_folder(folder: Path, file: str) -> Path | None:
    for place in (folder / file, folder / Path(file).name):
        for there in (place, *(place.with_name(place.name + ending) for ending in COMPRESSED)):
            if there.is_file():
                return there
    return None
