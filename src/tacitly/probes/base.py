"""What every probe is: a binary classifier with scikit-learn's contract."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float


@runtime_checkable
class Probe(Protocol):
    """Learns from the states of answers whether they are right; a higher score means more likely correct.

    `__init__` only stores; `fit` forgets earlier fits; what is learned ends in an underscore.
    """

    coef_: Float[np.ndarray, "1 feature"]
    intercept_: Float[np.ndarray, " 1"]

    def fit(self, X: Float[np.ndarray, "row feature"], y: Bool[np.ndarray, " row"]) -> "Probe":
        """Learn from the states and labels of answers of both classes."""

    def decision_function(self, X: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, " row"]:
        """One score per answer."""

    def predict_proba(self, X: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, "row 2"]:
        """The probability of each class, in the order of `classes_`."""
