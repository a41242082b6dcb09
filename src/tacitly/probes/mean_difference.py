"""The mean-difference probe: the direction from the mean wrong answer to the mean right one."""

from typing import Any, Self

import numpy as np
from jaxtyping import Float
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from tacitly.evaluation.calibration import fit_platt
from tacitly.probes.logistic import binary_labels


class MeanDifferenceProbe(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Scores along the difference of the class means, on features standardised by the rows it learns from.

    There is nothing to tune. The projection is turned into log-odds by Platt scaling on the training rows.

    Attributes:
        classes_: The two labels; the second is the one whose log-odds are given.
        coef_: One row of coefficients, for the features as given.
        intercept_: One number.

    Reference:
        Marks and Tegmark (2024), "The Geometry of Truth", section 5.1 (mass-mean probing).

    Example:
        >>> probe = MeanDifferenceProbe().fit([[0.0], [1.0], [2.0], [3.0]], [False, False, True, True])
        >>> probe.predict([[-1.0], [4.0]]).tolist()
        [False, True]
    """

    classes_: np.ndarray
    coef_: Float[np.ndarray, "1 feature"]
    intercept_: Float[np.ndarray, " 1"]

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from states and labels; forgets what was learned before.

        Args:
            X: Features, one row per answer.
            y: Labels of two classes.

        Returns:
            Itself.

        Raises:
            ValueError: There are not exactly two classes.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        is_second = binary_labels(self, y)
        centre, spread = X.mean(axis=0), X.std(axis=0)
        spread = np.where(spread > 10 * np.finfo(X.dtype).eps * np.abs(centre), spread, 1.0)
        standard = (X - centre) / spread
        direction = standard[is_second].mean(axis=0) - standard[~is_second].mean(axis=0)
        platt = fit_platt(standard @ direction, is_second)
        self.coef_ = (platt.slope * direction / spread)[None, :]
        self.intercept_ = platt.intercept - self.coef_ @ centre
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
