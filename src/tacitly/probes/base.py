"""What every probe is: a binary classifier with scikit-learn's contract."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float


@runtime_checkable
class Probe(Protocol):
    """Learns from what is read of answers whether they are right; a higher score means more likely correct.

    `__init__` only stores; `fit` forgets earlier fits; what is learned ends in an underscore. `X` is an array whose
    first axis are the answers: `[row, feature]` for most probes, `[row, layer, width]`, or a row of objects where
    answers differ in length (`tacitly.probes.readings` says what there is to read).
    """

    classes_: np.ndarray

    def fit(self, X: np.ndarray, y: Bool[np.ndarray, " row"]) -> "Probe":
        """Learn from answers of both classes; what a family hands over besides comes by keyword."""

    def decision_function(self, X: np.ndarray) -> Float[np.ndarray, " row"]:
        """One score per answer."""

    def predict_proba(self, X: np.ndarray) -> Float[np.ndarray, "row 2"]:
        """The probability of each class, in the order of `classes_`."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings, by name."""

    def set_params(self, **settings: Any) -> "Probe":
        """Change settings, by name."""
