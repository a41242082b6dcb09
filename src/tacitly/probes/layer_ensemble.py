"""The multi-layer ensemble: a logistic regression per layer, their log-odds averaged."""

from typing import Any, Self

import numpy as np
from jaxtyping import Float
from sklearn.utils.validation import check_is_fitted, validate_data

from tacitly.probes.binary import BinaryProbe, Standard
from tacitly.probes.logistic_solver import solve_logistic
from tacitly.probes.penalties import RANKING_C


class LayerEnsembleProbe(BinaryProbe):
    """One L2 logistic regression per layer, on standardised features; the score is the mean of their log-odds.

    A mean has nothing to learn. Weights for the layers (stacking) would have to be learned on log-odds of rows that
    the layers' probes have not seen and that share no group with those they have: `fit` sees rows, not groups.

    Args:
        C: Inverse strength of each penalty.
        depth: Which part of the layers is used: from 0 (the lowest) to 1 (the highest).

    Attributes:
        layers_: The layers used, as places on the second axis of `X`.
        coef_: One row of coefficients per layer used, for the features as given.
        intercept_: One number per layer used.

    Example:
        >>> X = np.arange(8.0).reshape(4, 2, 1)
        >>> probe = LayerEnsembleProbe(C=1.0).fit(X, [False, False, True, True])
        >>> probe.coef_.shape, probe.predict(X).tolist()
        ((2, 1), [False, False, True, True])
    """

    coef_: Float[np.ndarray, "layer feature"]
    intercept_: Float[np.ndarray, " layer"]

    def __init__(self, *, C: float = RANKING_C, depth: tuple[float, float] = (0.0, 1.0)) -> None:
        self.C = C
        self.depth = depth

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from states and labels; forgets what was learned before.

        Args:
            X: The states of each answer at several layers: `[row, layer, width]`.
            y: Labels of two classes.

        Returns:
            Itself.

        Raises:
            ValueError: There are not exactly two classes, or no layers.
        """
        X, y = validate_data(self, X, y, allow_nd=True, dtype=(np.float32, np.float64))
        is_second = self._second_class(y)
        if X.ndim != 3:
            raise ValueError(f"X must be [row, layer, width], got shape {X.shape}")
        places = np.linspace(0, 1, X.shape[1])
        low, high = self.depth
        self.layers_ = np.flatnonzero((places >= low) & (places <= high))
        if not len(self.layers_):
            raise ValueError(f"no layer lies between {low} and {high} of the depth")
        everything = np.ones((1, len(y)), dtype=bool)
        fitted = []
        for layer in self.layers_:
            standard = Standard.of(X[:, layer].astype(np.float64))
            features = standard.apply(X[:, layer]).astype(np.float32)
            fits = solve_logistic(features, is_second, train=everything, C=np.array([self.C]))
            coefficients = fits.coefficients[0] / standard.spread
            fitted.append((coefficients, fits.intercepts[0] - coefficients @ standard.centre))
        self.coef_ = np.stack([coefficients for coefficients, _ in fitted])
        self.intercept_ = np.array([intercept for _, intercept in fitted])
        return self

    def decision_function(self, X: Any) -> Float[np.ndarray, " row"]:
        """The mean log-odds of the second class over the layers."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, allow_nd=True, dtype=(np.float32, np.float64))
        per_layer = np.einsum("rlw,lw->rl", X[:, self.layers_].astype(np.float64), self.coef_, optimize=True)
        margins: Float[np.ndarray, " row"] = (per_layer + self.intercept_).mean(axis=1)
        return margins
