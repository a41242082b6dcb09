"""The reference probe: L2 logistic regression on standardised features."""

from typing import Any, Self

import numpy as np
from jaxtyping import Float
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from tacitly.probes.logistic_solver import solve_logistic

RANKING_C = 0.01
"""The penalty at which cells are ranked."""


class LogisticProbe(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Logistic regression with an L2 penalty on features standardised by the rows it learns from.

    A binary classifier with scikit-learn's contract. The coefficients are those of the features as given, so that
    `X @ coef_.T + intercept_` is the log-odds.

    Args:
        C: Inverse strength of the penalty.
        tolerance: Size of the gradient, against its size at the start, at which the fit is done.

    Attributes:
        classes_: The two labels; the second is the one whose log-odds are given.
        coef_: One row of coefficients.
        intercept_: One number.

    Example:
        >>> probe = LogisticProbe(C=1.0).fit([[0.0], [1.0], [2.0], [3.0]], [False, False, True, True])
        >>> probe.predict([[-1.0], [4.0]]).tolist()
        [False, True]
    """

    classes_: np.ndarray
    coef_: Float[np.ndarray, "1 feature"]
    intercept_: Float[np.ndarray, " 1"]

    def __init__(self, *, C: float = RANKING_C, tolerance: float = 1e-6) -> None:
        self.C = C
        self.tolerance = tolerance

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from states and labels; forgets what was learned before.

        Args:
            X: Features, one row per answer.
            y: Labels of two classes.

        Returns:
            Itself.

        Raises:
            ValueError: There are not exactly two classes, or the penalty is not positive.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        is_second = binary_labels(self, y)
        if not self.C > 0:
            raise ValueError(f"C must be positive, got {self.C!r}")
        centre, spread = X.mean(axis=0), X.std(axis=0)
        spread = np.where(spread > 10 * np.finfo(X.dtype).eps * np.abs(centre), spread, 1.0)
        fits = solve_logistic(
            np.ascontiguousarray((X - centre) / spread),
            is_second,
            train=np.ones((1, len(y)), dtype=bool),
            C=np.array([self.C]),
            tolerance=self.tolerance,
        )
        self.coef_ = fits.coefficients / spread
        self.intercept_ = fits.intercepts - self.coef_ @ centre
        return self

    def decision_function(self, X: Any) -> Float[np.ndarray, " row"]:
        """The log-odds of the second class."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        margins: Float[np.ndarray, " row"] = X @ self.coef_[0] + self.intercept_[0]
        return margins

    def predict_proba(self, X: Any) -> Float[np.ndarray, "row 2"]:
        """The probability of each class, in the order of `classes_`."""
        second = expit(self.decision_function(X))
        return np.column_stack([1 - second, second])

    def predict(self, X: Any) -> np.ndarray:
        """The more likely class."""
        second = self.decision_function(X) > 0
        chosen: np.ndarray = self.classes_[second.astype(int)]
        return chosen

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def binary_labels(probe: Any, y: np.ndarray) -> np.ndarray:
    """Store the classes of a probe and tell which labels are the second one.

    Raises:
        ValueError: There are not exactly two classes.
    """
    check_classification_targets(y)
    probe.classes_ = np.unique(y)
    if len(probe.classes_) > 2:
        raise ValueError(
            f"Only binary classification is supported. The type of the target is multiclass, with "
            f"{len(probe.classes_)} classes."
        )
    if len(probe.classes_) < 2:
        raise ValueError(f"{type(probe).__name__} needs two classes, but the data has only one class.")
    second: np.ndarray = y == probe.classes_[1]
    return second
