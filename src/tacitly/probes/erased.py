"""Probes on what is left of a state once the part that tells which answer was given is taken out of it."""

from abc import abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from jaxtyping import Float
from scipy.linalg import solve
from sklearn.utils.validation import check_is_fitted, validate_data

from tacitly.probes.binary import BinaryProbe, Standard
from tacitly.probes.logistic import LogisticProbe
from tacitly.probes.penalties import RANKING_C

_EMPTIED = 1e-6  # a feature of which less than this share of its variance is left holds nothing but rounding
_TOLERANCE = 1e-3


class _ErasedProbe(BinaryProbe):
    """Takes something out of the states, by what it learned from the training rows, and fits a logistic regression."""

    def _fit_rest(self, rest: np.ndarray, whole: np.ndarray, y: np.ndarray, C: float) -> None:
        """Fit on what is left; a feature that holds nothing any more is zero, or its rounding would be blown up."""
        self.left_ = rest.var(axis=0) > _EMPTIED * np.maximum(whole.var(axis=0), np.finfo(np.float64).tiny)
        self.probe_ = LogisticProbe(C=C, tolerance=_TOLERANCE).fit(np.where(self.left_, rest, 0.0), y)

    def decision_function(self, X: Any) -> Float[np.ndarray, " row"]:
        """The log-odds of the second class, from what is left of the states."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, allow_nd=True, dtype=np.float64)
        margins: Float[np.ndarray, " row"] = self.probe_.decision_function(np.where(self.left_, self._rest(X), 0.0))
        return margins

    @abstractmethod
    def _rest(self, X: np.ndarray) -> Float[np.ndarray, "row feature"]:
        """What is left of the states."""


class WithoutEmbeddingProbe(_ErasedProbe):
    """Logistic regression on what the token alone does not predict of a state.

    A ridge regression from the layer-0 state to the state is learned on the training rows, and its residual kept: what
    context has added to the token. Another answer's embedding need not have been seen for that.

    Args:
        C: Inverse strength of the probe's penalty.
        alpha: Strength of the ridge regression's penalty, on standardised layer-0 states scaled to unit length on
            average; the smaller, the more is taken out.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> token, signal = rng.normal(size=(60, 2)), rng.normal(size=60)
        >>> states = token + 0.3 * np.outer(signal, [1.0, -1.0])
        >>> probe = WithoutEmbeddingProbe(C=1.0, alpha=0.1).fit(np.stack([token, states], axis=1), signal > 0)
        >>> probe.score(np.stack([token, states], axis=1), signal > 0) > 0.8
        True
    """

    def __init__(self, *, C: float = RANKING_C, alpha: float = 10.0) -> None:
        self.C = C
        self.alpha = alpha

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the regression and the probe; forgets what was learned before.

        Args:
            X: The layer-0 state and the state of each answer: `[row, 2, width]`.
            y: Labels of two classes.

        Returns:
            Itself.

        Raises:
            ValueError: There are not exactly two classes, or not two states per row.
        """
        X, y = validate_data(self, X, y, allow_nd=True, dtype=np.float64)
        self._second_class(y)
        if X.ndim != 3 or X.shape[1] != 2:
            raise ValueError(f"X must be [row, 2, width], got shape {X.shape}")
        token, states = X[:, 0], X[:, 1]
        self.token_ = Standard.of(token)
        self.centre_ = states.mean(axis=0)
        known = self.token_.apply(token) / np.sqrt(token.shape[1])
        gram = known.T @ known + self.alpha * np.eye(token.shape[1])
        self.regression_ = solve(gram, known.T @ (states - self.centre_), assume_a="pos") / np.sqrt(token.shape[1])
        self._fit_rest(self._rest(X), states, y, self.C)
        return self

    def _rest(self, X: np.ndarray) -> Float[np.ndarray, "row feature"]:
        rest: np.ndarray = X[:, 1] - self.centre_ - self.token_.apply(X[:, 0]) @ self.regression_
        return rest


class WithoutAnswersProbe(_ErasedProbe):
    """Logistic regression on states without the directions along which answer strings differ.

    The mean state of each answer string is taken over the training rows; the directions in which these means spread
    most, each string counted as often as it was given, are projected out (of standardised states).

    Args:
        C: Inverse strength of the probe's penalty.
        directions: How many directions are taken out; all of them where there are fewer.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> answer, signal = np.repeat([-1.0, 1.0], 30), rng.normal(size=60)
        >>> states = np.column_stack([answer, signal])
        >>> probe = WithoutAnswersProbe(directions=1).fit(states, signal > 0, given=answer.astype(str))
        >>> probe.score(states, signal > 0) > 0.8
        True
    """

    def __init__(self, *, C: float = RANKING_C, directions: int = 20) -> None:
        self.C = C
        self.directions = directions

    def fit(self, X: Any, y: Any, given: Any = None) -> Self:
        """Learn the directions and the probe; forgets what was learned before.

        Args:
            X: The state of each answer.
            y: Labels of two classes.
            given: The exact answer of each row; without it, nothing is taken out.

        Returns:
            Itself.

        Raises:
            ValueError: There are not exactly two classes.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        self._second_class(y)
        self.standard_ = Standard.of(X)
        states = self.standard_.apply(X)
        self.removed_ = np.zeros((0, X.shape[1]))
        if given is not None:
            codes, names = pd.factorize(np.asarray(given))
            count = np.bincount(codes)
            sums = np.zeros((len(names), X.shape[1]))
            np.add.at(sums, codes, states)
            _, size, directions = np.linalg.svd(sums / np.sqrt(count)[:, None], full_matrices=False)
            self.removed_ = directions[: self.directions][size[: self.directions] > _EMPTIED * size[0]]
        self._fit_rest(self._rest(X), states, y, self.C)
        return self

    def _rest(self, X: np.ndarray) -> Float[np.ndarray, "row feature"]:
        states = self.standard_.apply(X)
        rest: np.ndarray = states - (states @ self.removed_.T) @ self.removed_
        return rest
