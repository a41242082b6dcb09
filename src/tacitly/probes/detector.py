"""The detector: a small file that scores any answer of one model."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from pydantic import ValidationError

from tacitly.errors import DetectorError, StorageError
from tacitly.probes.asking import Asking
from tacitly.probes.detector_header import (
    LAYERS,
    REMEDY,
    SCHEMA_VERSIONS,
    Abstention,
    DetectorHeader,
    DetectorModel,
    ProbeHeader,
    Role,
    SavedHeader,
)
from tacitly.probes.linear_probe import LinearProbe
from tacitly.probes.token_probes import TokenProbes
from tacitly.probes.weights import Weights

__all__ = [
    "CARD_FILE",
    "HEADER_FILE",
    "WEIGHTS_FILE",
    "Abstention",
    "Detector",
    "DetectorHeader",
    "DetectorModel",
    "LinearProbe",
    "ProbeHeader",
    "Role",
]

HEADER_FILE = "detector.json"
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "CARD.md"


@dataclass(frozen=True, slots=True)
class Detector:
    """One or two probes of one model, what they were made from, and perhaps probes of its answers' tokens."""

    header: DetectorHeader
    probes: Mapping[Role, LinearProbe]
    tokens: TokenProbes | None = None

    @classmethod
    def of(
        cls,
        probes: tuple[LinearProbe, ...],
        *,
        model: DetectorModel,
        task: str,
        seed: int,
        version: str,
        asking: Asking | None = None,
    ) -> Self:
        """Put trained probes together.

        Args:
            probes: The probes, one per role.
            model: Whose activations they read.
            task: What it was asked.
            seed: The seed of the study.
            version: Of tacitly.
            asking: How the answers were asked for.
        """
        headers = tuple(probe.header for probe in probes)
        header = DetectorHeader(tacitly=version, model=model, task=task, seed=seed, asking=asking, probes=headers)
        return cls(header, {probe.header.role: probe for probe in probes})

    @property
    def abstention(self) -> Abstention | None:
        """From which probability on an answer may be accepted, where that was asked for."""
        return self.header.abstention

    def promising(self, abstention: Abstention) -> Self:
        """The same detector with a promise."""
        return replace(self, header=self.header.model_copy(update={"abstention": abstention}))

    def reading_tokens(self, tokens: TokenProbes) -> Self:
        """The same detector with probes of answer tokens."""
        return replace(self, header=self.header.model_copy(update={"tokens": tokens.header}), tokens=tokens)

    def require_model(
        self,
        *,
        weights_hash: str | None,
        name: str | None = None,
        revision: str | None = None,
        chat_template_sha256: str | None = None,
    ) -> None:
        """Refuse to score the answers of another model; what is not known of either is let pass.

        Args:
            weights_hash: The hash of the weights in use.
            name: The name of the model in use, for the message.
            revision: Its commit on the hub.
            chat_template_sha256: Of its own chat template; it counts where the detector's questions were asked with it.

        Raises:
            DetectorError: The weights are others, or the revision, or the chat template.
        """
        own, asking = self.header.model, self.header.asking
        template = own.chat_template_sha256 if asking is not None and asking.chat_template == "auto" else None
        for what, mine, theirs in (
            ("weights", own.weights_hash, weights_hash),
            ("revision", own.revision, revision),
            ("chat template", template, chat_template_sha256),
        ):
            if mine is not None and theirs is not None and mine != theirs:
                other = "" if name is None else f" of {name!r}"
                raise DetectorError(
                    f"this detector was trained on {what} {mine[:12] or 'none'}, not on {theirs[:12] or 'none'}{other}",
                    allowed=f"the model {own.name!r}" + (f" at revision {own.revision}" if own.revision else ""),
                    remedy="load that model, or train a detector for this one",
                )

    def save(self, folder: str | Path, *, card: str = "") -> None:
        """Write `weights.safetensors`, `CARD.md` and, last, `detector.json`.

        Args:
            folder: Made if it does not exist.
            card: The text of the card.

        Raises:
            StorageError: It cannot be written.
        """
        from safetensors.numpy import save

        tensors = {name: values for probe in self.probes.values() for name, values in probe.tensors().items()}
        tensors |= self.tokens.tensors() if self.tokens else {}
        weights = save({name: np.ascontiguousarray(values) for name, values in tensors.items()})
        header = SavedHeader(**self.header.model_dump(), weights_sha256=hashlib.sha256(weights).hexdigest())
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / WEIGHTS_FILE, weights)
            _write(folder / CARD_FILE, card.encode())
            _write(folder / HEADER_FILE, (header.model_dump_json(indent=2) + "\n").encode())
        except OSError as error:
            raise StorageError(f"cannot write the detector to {folder}: {error.strerror or error}") from error

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a saved detector; nothing in it is executed.

        Raises:
            DetectorError: It is missing, damaged, or something else.
        """
        folder = Path(folder)
        try:
            written = (folder / HEADER_FILE).read_bytes()
            weights = (folder / WEIGHTS_FILE).read_bytes()
        except OSError as error:
            raise DetectorError(
                f"no detector in {folder}: {error.strerror or error}",
                allowed=f"a folder with {HEADER_FILE} and {WEIGHTS_FILE}",
                remedy="name the `detector` folder of a run",
            ) from error
        _require_known_schema(written, folder)
        try:
            saved = SavedHeader.model_validate_json(written)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise DetectorError(f"{folder / HEADER_FILE} is damaged: {where}: {first['msg']}", remedy=REMEDY) from error
        if hashlib.sha256(weights).hexdigest() != saved.weights_sha256:
            raise DetectorError(f"{folder / WEIGHTS_FILE} is damaged: its sha256 differs", remedy=REMEDY)
        if saved.layers != LAYERS:
            raise DetectorError(
                f"{folder / HEADER_FILE} counts layers in another way: {saved.layers!r}",
                allowed=repr(LAYERS),
                remedy="use what made it, or train the detector again",
            )
        header = DetectorHeader(**saved.model_dump(exclude={"weights_sha256"}))
        read = Weights.read(weights)
        probes = {probe.role: LinearProbe.read(probe, read) for probe in header.probes}
        return cls(header, probes, TokenProbes.read(header.tokens, read) if header.tokens else None)


def _require_known_schema(written: bytes, folder: Path) -> None:
    """Say of a newer file that it is newer; what is no JSON is left to the check of the whole."""
    try:
        version = json.loads(written)["schema_version"]
    except (ValueError, KeyError, TypeError):
        return
    if isinstance(version, int) and version not in SCHEMA_VERSIONS:
        raise DetectorError(
            f"{folder / HEADER_FILE} has schema version {version}",
            allowed=", ".join(map(str, SCHEMA_VERSIONS)),
            remedy="use the version of tacitly that made it, or train the detector again",
        )


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".writing-{path.name}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
