"""The part of a detector that scores an answer's tokens while it is being written: one probe per layer."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from tacitly.errors import DetectorError
from tacitly.probes.detector_header import TokenHeader
from tacitly.probes.weights import Weights

_NAME = "tokens"


@dataclass(frozen=True)
class TokenProbes:
    """Linear probes of answer tokens: one for each layer of a site, of which one gives an answer its scores.

    Attributes:
        header: Where they read, and how they are calibrated.
        coefficients: For raw states, in float64.
        biases: One per layer.

    Example:
        >>> header = TokenHeader(site="residual", layer=3, layers=(0, 3), width=2, C=0.01, before=0.2, after=0.5,
        ...                      slopes=(1.0, 2.0), intercepts=(0.0, 0.0), answers=9, tokens=40, grouping="by_answer")
        >>> probes = TokenProbes(header, np.array([[0.0, 0.0], [1.0, -1.0]]), np.zeros(2))
        >>> probes.score(np.array([[1.0, 1.0], [3.0, 1.0]])).round(2).tolist()
        [0.5, 0.98]
    """

    header: TokenHeader
    coefficients: Float[np.ndarray, "layer width"]
    biases: Float[np.ndarray, " layer"]

    @property
    def site(self) -> str:
        """The site that they read."""
        return self.header.site

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that have a probe, in order."""
        return self.header.layers

    @property
    def layer(self) -> int:
        """The layer whose probe scores answers: that of the probe for exact answers."""
        return self.header.layer

    @cached_property
    def _rows(self) -> dict[int, int]:
        return {layer: row for row, layer in enumerate(self.layers)}

    def score(self, states: Float[np.ndarray, "token width"], layer: int | None = None) -> Float[np.ndarray, " token"]:
        """The calibrated probability, after each token, that the answer is right.

        Args:
            states: The tokens' states at the site and layer.
            layer: One of `layers`; by default the one that scores answers.

        Raises:
            DetectorError: The states have another width, or the layer has no probe.
        """
        number = self.layer if layer is None else layer
        row = self._rows.get(number)
        if row is None:
            raise DetectorError(
                f"layer {number} has no probe of tokens", allowed=f"{self.layers[0]} to {self.layers[-1]}"
            )
        if states.ndim != 2 or states.shape[1] != self.header.width:
            raise DetectorError(
                f"states of shape {states.shape} do not fit this detector",
                allowed=f"[tokens, {self.header.width}]",
                remedy="use the model that the detector was trained on",
            )
        margins = states.astype(np.float64) @ self.coefficients[row] + self.biases[row]
        scores: Float[np.ndarray, " token"] = expit(self.header.slopes[row] * margins + self.header.intercepts[row])
        return scores

    def tensors(self) -> dict[str, np.ndarray]:
        """What is written of them, by name."""
        return {f"{_NAME}.coefficients": self.coefficients, f"{_NAME}.biases": self.biases}

    @classmethod
    def read(cls, header: TokenHeader, weights: Weights) -> "TokenProbes":
        """Read them from a detector's tensors.

        Raises:
            DetectorError: They are missing, damaged, or do not fit the header.
        """
        layers = len(header.layers)
        coefficients = weights.tensor(f"{_NAME}.coefficients", layers, header.width)
        return cls(header, coefficients, weights.tensor(f"{_NAME}.biases", layers))
