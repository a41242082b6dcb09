"""The detector: a small file that scores any answer of one model."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from jaxtyping import Float
from pydantic import ValidationError

from tacitly.errors import DetectorError, StorageError
from tacitly.evaluation.calibration import Platt
from tacitly.evaluation.calibrators import Isotonic
from tacitly.probes.asking import Asking
from tacitly.probes.detector_header import (
    LAYERS,
    SCHEMA_VERSIONS,
    Abstention,
    DetectorHeader,
    DetectorModel,
    ProbeHeader,
    Role,
    SavedHeader,
)

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
_REMEDY = "train it again with `tacitly study`, or get an undamaged copy"


@dataclass(frozen=True, slots=True)
class LinearProbe:
    """A trained probe as it is saved: coefficients for raw states, in float64.

    Attributes:
        isotonic: The calibration, where the header names that one; others stand in the header.
    """

    header: ProbeHeader
    coefficients: Float[np.ndarray, " width"]
    bias: float
    isotonic: Isotonic | None = None

    def log_odds(self, states: Float[np.ndarray, "answer width"]) -> Float[np.ndarray, " answer"]:
        """The probe's own log-odds that each answer is right.

        Raises:
            DetectorError: The states have another width.
        """
        if states.ndim != 2 or states.shape[1] != self.header.width:
            raise DetectorError(
                f"states of shape {states.shape} do not fit this detector",
                allowed=f"[answers, {self.header.width}]",
                remedy="use the model that the detector was trained on",
            )
        margins: Float[np.ndarray, " answer"] = states.astype(np.float64) @ self.coefficients + self.bias
        return margins

    def score(self, states: Float[np.ndarray, "answer width"]) -> Float[np.ndarray, " answer"]:
        """The calibrated probability that each answer is right.

        Args:
            states: The states at the probe's site, layer and position.

        Raises:
            DetectorError: The states have another width.
        """
        calibrator = self.isotonic or Platt(self.header.slope, self.header.intercept)
        return calibrator.probability(self.log_odds(states))


@dataclass(frozen=True, slots=True)
class Detector:
    """One or two probes of one model, and what they were made from."""

    header: DetectorHeader
    probes: Mapping[Role, LinearProbe]

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

        tensors = {
            f"{role}.{name}": np.ascontiguousarray(values)
            for role, probe in self.probes.items()
            for name, values in _tensors(probe).items()
        }
        weights = save(tensors)
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
            raise DetectorError(
                f"{folder / HEADER_FILE} is damaged: {where}: {first['msg']}", remedy=_REMEDY
            ) from error
        if hashlib.sha256(weights).hexdigest() != saved.weights_sha256:
            raise DetectorError(f"{folder / WEIGHTS_FILE} is damaged: its sha256 differs", remedy=_REMEDY)
        if saved.layers != LAYERS:
            raise DetectorError(
                f"{folder / HEADER_FILE} counts layers in another way: {saved.layers!r}",
                allowed=repr(LAYERS),
                remedy="use what made it, or train the detector again",
            )
        header = DetectorHeader(**saved.model_dump(exclude={"weights_sha256"}))
        return cls(header, {probe.role: _read_probe(probe, weights) for probe in header.probes})


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


def _tensors(probe: LinearProbe) -> dict[str, np.ndarray]:
    tensors = {"coefficients": probe.coefficients, "bias": np.array([probe.bias])}
    if probe.isotonic is not None:
        tensors |= {"isotonic_said": probe.isotonic.said, "isotonic_right": probe.isotonic.right}
    return tensors


def _read_probe(header: ProbeHeader, weights: bytes) -> LinearProbe:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    names = ["coefficients", "bias"]
    names += ["isotonic_said", "isotonic_right"] if header.calibrator == "isotonic" else []
    try:
        tensors = load(weights)
        coefficients, bias, *knots = (tensors[f"{header.role}.{name}"].astype(np.float64) for name in names)
    except (SafetensorError, KeyError, ValueError) as error:
        raise DetectorError(f"the weights of {header.role!r} cannot be read: {error}", remedy=_REMEDY) from error
    shapes = coefficients.shape, bias.shape
    if shapes != ((header.width,), (1,)) or not (np.isfinite(coefficients).all() and np.isfinite(bias).all()):
        raise DetectorError(f"the weights of {header.role!r} do not fit their description", remedy=_REMEDY)
    return LinearProbe(header, coefficients, float(bias[0]), _isotonic(header, knots))


def _isotonic(header: ProbeHeader, knots: list[np.ndarray]) -> Isotonic | None:
    if not knots:
        return None
    said, right = knots
    whole = said.ndim == 1 and said.shape == right.shape and len(said) > 0
    if not whole or not (_rises(said) and _rises(right) and (np.diff(said) > 0).all()):
        raise DetectorError(f"the calibration of {header.role!r} is no rising line of probabilities", remedy=_REMEDY)
    return Isotonic(Platt(header.slope, header.intercept), said=said, right=right)


def _rises(values: np.ndarray) -> bool:
    within = np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1
    return bool(within and (np.diff(values) >= 0).all())


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".writing-{path.name}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
