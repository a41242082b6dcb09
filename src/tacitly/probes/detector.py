"""The detector: a small file that scores any answer of one model."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from scipy.special import expit

from tacitly.errors import DetectorError, StorageError
from tacitly.probes.asking import Asking

HEADER_FILE = "detector.json"
WEIGHTS_FILE = "weights.safetensors"
CARD_FILE = "CARD.md"
_REMEDY = "train it again with `tacitly study`, or get an undamaged copy"

Role = Literal["exact_answer", "any_answer"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DetectorModel(_Strict):
    """Whose activations the detector reads."""

    name: str
    revision: str | None = None
    weights_hash: str | None = None


class ProbeHeader(_Strict):
    """One linear probe of a detector.

    Attributes:
        role: `exact_answer` for answers with a span; `any_answer` for every answer, read at its last token.
        site: Where it reads: the site,
        layer: the layer (0 is the embedding output),
        position: and the token position.
        width: Length of the states.
        C: Inverse strength of the penalty it was fitted with.
        slope: Log-odds to calibrated probability: `expit(slope * log_odds + intercept)`.
        intercept: See `slope`.
        threshold: The probability from which on an answer is called right.
        rows: Answers that it learned from.
        rows_correct: Those of them that were right.
        grouping: The grouping of the folds that chose its cell and penalty.
        cv_auroc: The AUROC of those folds. It was used to choose, and so is too high; the card has the nested one.
    """

    role: Role
    site: str
    layer: int = Field(ge=0)
    position: str
    width: int = Field(ge=1)
    C: float = Field(gt=0)
    slope: float = Field(gt=0)
    intercept: float
    threshold: float
    rows: int = Field(ge=1)
    rows_correct: int = Field(ge=0)
    grouping: str
    cv_auroc: float


class DetectorHeader(_Strict):
    """What `detector.json` holds; `asking` says how its answers were asked for, where that was kept."""

    schema_version: Literal[1] = 1
    kind: Literal["tacitly-detector"] = "tacitly-detector"
    tacitly: str
    model: DetectorModel
    task: str
    seed: int
    asking: Asking | None = None
    probes: tuple[ProbeHeader, ...] = Field(min_length=1)


class _SavedHeader(DetectorHeader):
    weights_sha256: str


@dataclass(frozen=True, slots=True)
class LinearProbe:
    """A trained probe as it is saved: coefficients for raw states, in float64."""

    header: ProbeHeader
    coefficients: Float[np.ndarray, " width"]
    bias: float

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
        probability: Float[np.ndarray, " answer"] = expit(
            self.header.slope * self.log_odds(states) + self.header.intercept
        )
        return probability


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

    def require_model(self, *, weights_hash: str | None, name: str | None = None) -> None:
        """Refuse to score the answers of another model.

        Args:
            weights_hash: The hash of the weights in use; None where it is not known, which is let pass.
            name: The name of the model in use, for the message.

        Raises:
            DetectorError: The weights are others.
        """
        own = self.header.model.weights_hash
        if own is not None and weights_hash is not None and own != weights_hash:
            other = "" if name is None else f" of {name!r}"
            raise DetectorError(
                f"this detector was trained on weights {own[:12]}, not on {weights_hash[:12]}{other}",
                allowed=f"the model {self.header.model.name!r}",
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
            for name, values in (("coefficients", probe.coefficients), ("bias", np.array([probe.bias])))
        }
        weights = save(tensors)
        header = _SavedHeader(**self.header.model_dump(), weights_sha256=hashlib.sha256(weights).hexdigest())
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
        try:
            saved = _SavedHeader.model_validate_json(written)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise DetectorError(
                f"{folder / HEADER_FILE} is damaged: {where}: {first['msg']}", remedy=_REMEDY
            ) from error
        if hashlib.sha256(weights).hexdigest() != saved.weights_sha256:
            raise DetectorError(f"{folder / WEIGHTS_FILE} is damaged: its sha256 differs", remedy=_REMEDY)
        header = DetectorHeader(**saved.model_dump(exclude={"weights_sha256"}))
        return cls(header, {probe.role: _read_probe(probe, weights) for probe in header.probes})


def _read_probe(header: ProbeHeader, weights: bytes) -> LinearProbe:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(weights)
        coefficients = tensors[f"{header.role}.coefficients"]
        bias = tensors[f"{header.role}.bias"]
    except (SafetensorError, KeyError, ValueError) as error:
        raise DetectorError(f"the weights of {header.role!r} cannot be read: {error}", remedy=_REMEDY) from error
    shapes = coefficients.shape, bias.shape
    if shapes != ((header.width,), (1,)) or not (np.isfinite(coefficients).all() and np.isfinite(bias).all()):
        raise DetectorError(f"the weights of {header.role!r} do not fit their description", remedy=_REMEDY)
    return LinearProbe(header, coefficients.astype(np.float64), float(bias[0]))


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".writing-{path.name}")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
