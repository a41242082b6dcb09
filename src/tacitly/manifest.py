"""What a run folder says of itself: settings, versions, stages, and a sha256 of every file."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tacitly.errors import RunFolderError

SCHEMA = 1
MANIFEST = "manifest.json"
STAGES = (
    "questions",
    "answers",
    "labels",
    "judgements",
    "spans",
    "activations",
    "self_evaluation",
    "probes",
    "baselines",
    "families",
    "samples",
    "report",
)


class StageRecord(BaseModel):
    """What is known of one stage: the settings it was made with, and whether it is complete."""

    model_config = ConfigDict(extra="forbid")

    fingerprint: str
    complete: bool = False
    seconds: float = 0.0
    warnings: list[str] = []


class MergedRun(BaseModel):
    """One of the runs that a run was joined from.

    Attributes:
        run: Its folder, as it was given.
        seeds: The seeds that its samples were drawn with.
        samples: How many of each question it gave.
        files: A hash of the sha256 of what it had collected.
    """

    model_config = ConfigDict(extra="forbid")

    run: str
    seeds: list[int]
    samples: int
    files: str


class Manifest(BaseModel):
    """What was asked for, with what, which stages are complete, and a sha256 of every file.

    Attributes:
        told: For each tracker the sha256 of the figures that it was told of last.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_version: int = SCHEMA
    tacitly: str
    created: str
    settings: dict[str, Any] = {}
    versions: dict[str, str] = {}
    model: dict[str, Any] | None = None
    seed: int = 0
    peak_rss_mb: float = 0.0
    stages: dict[str, StageRecord] = {}
    merged: list[MergedRun] = []
    files: dict[str, str] = {}
    told: dict[str, str] = {}
    complete: bool = False


def read_manifest(path: Path) -> Manifest:
    """Read and check a run's manifest.

    Raises:
        RunFolderError: If it is damaged or of another schema.
    """
    try:
        manifest = Manifest.model_validate_json((path / MANIFEST).read_bytes())
    except ValidationError as error:
        raise RunFolderError(
            f"the manifest of {str(path)!r} is damaged: {error.errors()[0]['msg']}",
            remedy="restore manifest.json from a copy, or start again in another folder; the parts are untouched",
        ) from None
    if manifest.schema_version != SCHEMA:
        raise RunFolderError(f"run {str(path)!r} has schema {manifest.schema_version}", allowed=str(SCHEMA))
    return manifest


def fingerprint(values: Mapping[str, Any]) -> str:
    """A short hash of what a stage depends on."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def sha256(path: Path) -> str:
    """A file's sha256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
