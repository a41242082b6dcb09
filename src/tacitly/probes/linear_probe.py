"""One trained linear probe, as a detector holds it and as it is written."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tacitly.errors import DetectorError
from tacitly.evaluation.calibration import Platt
from tacitly.evaluation.calibrators import Isotonic
from tacitly.probes.detector_header import REMEDY, ProbeHeader
from tacitly.probes.weights import Weights


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

    def tensors(self) -> dict[str, np.ndarray]:
        """What is written of it, by name."""
        tensors = {"coefficients": self.coefficients, "bias": np.array([self.bias])}
        if self.isotonic is not None:
            tensors |= {"isotonic_said": self.isotonic.said, "isotonic_right": self.isotonic.right}
        return {f"{self.header.role}.{name}": values for name, values in tensors.items()}

    @classmethod
    def read(cls, header: ProbeHeader, weights: Weights) -> "LinearProbe":
        """Read a probe from a detector's tensors.

        Raises:
            DetectorError: They are missing, damaged, or do not fit the header.
        """
        coefficients = weights.tensor(f"{header.role}.coefficients", header.width)
        bias = weights.tensor(f"{header.role}.bias", 1)
        return cls(header, coefficients, float(bias[0]), _isotonic(header, weights))


def _isotonic(header: ProbeHeader, weights: Weights) -> Isotonic | None:
    if header.calibrator != "isotonic":
        return None
    said, right = (weights.tensor(f"{header.role}.isotonic_{name}") for name in ("said", "right"))
    whole = said.ndim == 1 and said.shape == right.shape and len(said) > 0
    if not whole or not (_rises(said) and _rises(right) and (np.diff(said) > 0).all()):
        raise DetectorError(f"the calibration of {header.role!r} is no rising line of probabilities", remedy=REMEDY)
    return Isotonic(Platt(header.slope, header.intercept), said=said, right=right)


def _rises(values: np.ndarray) -> bool:
    within = np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1
    return bool(within and (np.diff(values) >= 0).all())
