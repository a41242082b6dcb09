"""Logistic regression with weights for answers, so that knowing which are mostly right gains it nothing."""

from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped
from sklearn.utils.validation import validate_data

from tacitly.probes.binary import LinearBinaryProbe, Standard
from tacitly.probes.logistic_solver import solve_logistic
from tacitly.probes.penalties import RANKING_C

Balance = Literal["answer", "label", "shrunk_label"]
_PSEUDO = 2.0  # imagined answers of the usual mix that each string starts from


def answer_weights(
    is_right: Bool[np.ndarray, " row"], given: Shaped[np.ndarray, " row"], *, balance: Balance
) -> Float[np.ndarray, " row"]:
    """How much each training row counts, at mean 1.

    Args:
        is_right: The labels.
        given: The exact answer of each row.
        balance: `answer`: every answer string counts alike, however often it was given. `label`: in every string, right
            and wrong answers count alike, and a string with one kind only counts nothing. `shrunk_label`: the same,
            from each string's share of right answers shrunk towards that of all rows, so that every row counts.

    Returns:
        The weights, or ones where no string has both kinds and `label` would leave nothing.

    Example:
        >>> right, given = np.array([True, False, False, True]), np.array(["a", "a", "a", "b"])
        >>> answer_weights(right, given, balance="answer").round(2).tolist()
        [0.67, 0.67, 0.67, 2.0]
        >>> answer_weights(right, given, balance="label").tolist()
        [2.0, 1.0, 1.0, 0.0]
    """
    codes = pd.factorize(given)[0]
    count = np.bincount(codes)[codes].astype(np.float64)
    rights = np.bincount(codes, weights=is_right)[codes]
    if balance == "answer":
        weights = 1 / count
    elif balance == "label":
        same = np.where(is_right, rights, count - rights)
        weights = np.minimum(rights, count - rights) / same
    else:
        usual = is_right.mean()
        share = (rights + _PSEUDO * usual) / (count + _PSEUDO)
        weights = np.where(is_right, usual / share, (1 - usual) / (1 - share))
    if not weights.any():
        return np.ones(len(weights))
    scaled: Float[np.ndarray, " row"] = weights / weights.mean()
    return scaled


class BalancedProbe(LinearBinaryProbe):
    """Logistic regression with an L2 penalty, its rows weighted by the answers that they gave.

    Args:
        C: Inverse strength of the penalty.
        balance: What is balanced, as `answer_weights` says.

    Attributes:
        coef_: One row of coefficients, for the features as given.
        intercept_: One number.

    Example:
        >>> probe = BalancedProbe(C=1.0, balance="label")
        >>> fitted = probe.fit([[0.0], [1.0], [2.0], [3.0]], [False, False, True, True], given=["a", "b", "a", "b"])
        >>> fitted.predict([[-1.0], [4.0]]).tolist()
        [False, True]
    """

    def __init__(self, *, C: float = RANKING_C, balance: Balance = "answer") -> None:
        self.C = C
        self.balance = balance

    def fit(self, X: Any, y: Any, given: Any = None) -> Self:
        """Learn from states, labels and given answers; forgets what was learned before.

        Args:
            X: Features, one row per answer.
            y: Labels of two classes.
            given: The exact answer of each row; without it, every row is a string of its own.

        Returns:
            Itself.

        Raises:
            ValueError: There are not exactly two classes.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        is_right = self._second_class(y)
        names = np.arange(len(y)) if given is None else np.asarray(given)
        weights = answer_weights(is_right, names, balance=self.balance) if given is not None else np.ones(len(y))
        used = weights > 0
        standard = Standard.of(X[used])
        fits = solve_logistic(
            standard.apply(X[used]),
            is_right[used],
            train=np.ones((1, int(used.sum())), dtype=bool),
            C=np.array([self.C]),
            weights=weights[used][None, :],
        )
        self.coef_ = fits.coefficients / standard.spread
        self.intercept_ = fits.intercepts - self.coef_ @ standard.centre
        return self
