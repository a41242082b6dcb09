"""One of the runs that are joined: what it asked, and which of its files count."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from tacitly.collect.tables import pending_answers
from tacitly.errors import RunFolderError
from tacitly.manifest import MergedRun, fingerprint
from tacitly.plan import FILES
from tacitly.run_folder import RunFolder
from tacitly.settings import StudySettings

COLLECTED = ("questions", "answers", "labels", "judgements", "spans", "activations")
"""The stages that a run must have come through; what is learned from them is learned anew."""


@dataclass(frozen=True)
class Shard:
    """A run with sampled answers, open for reading only.

    Attributes:
        run: Its folder.
        settings: Its settings.
    """

    run: RunFolder
    settings: StudySettings

    @classmethod
    def read(cls, folder: str | Path) -> "Shard":
        """Open a run that is to be joined with others.

        Raises:
            RunFolderError: It is no run, its answers are not all there, it has no samples, or files of it are damaged.
        """
        run = RunFolder.view(folder)
        try:
            settings = StudySettings.model_validate(run.manifest.settings)
        except ValidationError as error:
            name = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise RunFolderError(
                f"the run in {str(folder)!r} has a setting that this version does not read: {name!r}",
                remedy="merge it with the version that made it",
            ) from None
        records = run.manifest.stages
        missing = [stage for stage in COLLECTED if stage not in records or not records[stage].complete]
        if missing or pending_answers(run, settings.generate.samples):
            raise RunFolderError(
                f"the study in {str(folder)!r} is not finished: not {', '.join(missing or ['answers'])}",
                allowed="runs that have come through the stage 'activations'",
                remedy="run it again; it goes on where it stopped",
            )
        if not settings.generate.samples:
            raise RunFolderError(
                f"the run in {str(folder)!r} has no sampled answers (generate.samples is 0)",
                remedy="run its study with generate.samples=10, or as many as are wanted",
            )
        damaged = run.damaged()
        if damaged:
            raise RunFolderError(
                f"the run in {str(folder)!r} has damaged files, the first is {damaged[0]!r}",
                remedy="run its study again; damaged files are computed again",
            )
        return cls(run, settings)

    @property
    def name(self) -> str:
        """The folder, as it was given."""
        return str(self.run.path)

    @property
    def samples(self) -> int:
        """How many sampled answers each question has; further ones that lie there do not count."""
        return self.settings.generate.samples

    @property
    def seeds(self) -> list[int]:
        """The seeds that its samples were drawn with: one, unless it was itself merged."""
        merged = [seed for part in self.run.manifest.merged for seed in part.seeds]
        return merged or [self.settings.sampling_seed]

    @cached_property
    def questions(self) -> pd.DataFrame:
        """What it asked."""
        return self.run.table("questions")

    @property
    def greedy_texts(self) -> pd.Series:
        """The text of each question's greedy answer."""
        parts = [
            frame[frame["sample"] == 0]
            for frame in self.tables("answers", columns=["question_id", "sample", "text"]).frames()
        ]
        greedy = pd.concat(parts).set_index("question_id")
        return greedy["text"]

    def tables(self, stage: str, *, columns: list[str] | None = None) -> "Tables":
        """The Parquet files of a stage, opened one at a time."""
        return Tables(self.run, [f for f in self.files(stage) if f.endswith(".parquet")], columns)

    def files(self, stage: str) -> list[str]:
        """The files of a stage, in order."""
        return [name for prefix in FILES[stage] for name in self.run.files(prefix)]

    @property
    def origin(self) -> MergedRun:
        """What the joined run says of this one."""
        digests = {name: self.run.manifest.files[name] for stage in COLLECTED for name in self.files(stage)}
        return MergedRun(run=self.name, seeds=self.seeds, samples=self.samples, files=fingerprint(digests))


@dataclass(frozen=True)
class Tables:
    """Parquet files that are read when they are reached."""

    run: RunFolder
    names: list[str]
    columns: list[str] | None = None

    def named(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Each file's name and its rows."""
        for name in self.names:
            yield name, pd.read_parquet(self.run.path / name, columns=self.columns)

    def frames(self) -> Iterator[pd.DataFrame]:
        """The rows of each file."""
        for _, frame in self.named():
            yield frame
