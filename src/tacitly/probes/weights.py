"""A detector's tensors, read from bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from tacitly.errors import DetectorError
from tacitly.probes.detector_header import REMEDY


@dataclass(frozen=True, slots=True)
class Weights:
    """Tensors by name."""

    tensors: Mapping[str, np.ndarray]

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Read the content of `weights.safetensors`; nothing in it is executed.

        Raises:
            DetectorError: It is something else.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            return cls(load(content))
        except (SafetensorError, KeyError, ValueError) as error:
            raise DetectorError(f"the weights cannot be read: {error}", remedy=REMEDY) from error

    def tensor(self, name: str, *shape: int) -> np.ndarray:
        """One tensor in float64.

        Args:
            name: Its name.
            shape: Its shape, where that is known; then its numbers have to be finite too.

        Raises:
            DetectorError: It is missing, of another shape, or not finite.
        """
        found = self.tensors.get(name)
        if found is None:
            raise DetectorError(f"the weights {name!r} cannot be read: there are none", remedy=REMEDY)
        values: np.ndarray = found.astype(np.float64)
        if shape and (values.shape != shape or not np.isfinite(values).all()):
            raise DetectorError(f"the weights {name!r} do not fit their description", remedy=REMEDY)
        return values
