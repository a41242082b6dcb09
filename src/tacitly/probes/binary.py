"""What probes share: two classes, log-odds, probabilities and verdicts."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data


class BinaryProbe(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """A classifier of two classes; a probe adds `fit` and `decision_function`.

    Attributes:
        classes_: The two labels; the second is the one whose log-odds are given.
    """

    classes_: np.ndarray

    @abstractmethod
    def fit(self, X: Any, y: Any) -> Self:
        """Learn from answers and labels; forgets what was learned before.

        Args:
            X: What is read of each answer, one row per answer.
            y: Labels of two classes.

        Returns:
            Itself.

        Raises:
            ValueError: There are not exactly two classes.
        """

    @abstractmethod
    def decision_function(self, X: Any) -> Float[np.ndarray, " row"]:
        """The log-odds of the second class."""

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

    def _second_class(self, y: np.ndarray) -> Bool[np.ndarray, " row"]:
        """Store the classes and tell which labels are the second one."""
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) > 2:
            raise ValueError(
                f"Only binary classification is supported. The type of the target is multiclass, with "
                f"{len(self.classes_)} classes."
            )
        if len(self.classes_) < 2:
            raise ValueError(f"{type(self).__name__} needs two classes, but the data has only one class.")
        second: np.ndarray = y == self.classes_[1]
        return second


class LinearBinaryProbe(BinaryProbe):
    """A probe whose log-odds are linear in the features as given, which a detector can hold.

    Attributes:
        coef_: One row of coefficients.
        intercept_: One number.
    """

    coef_: Float[np.ndarray, "1 feature"]
    intercept_: Float[np.ndarray, " 1"]

    def decision_function(self, X: Any) -> Float[np.ndarray, " row"]:
        """The log-odds of the second class: `X @ coef_.T + intercept_`."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        margins: Float[np.ndarray, " row"] = X @ self.coef_[0] + self.intercept_[0]
        return margins


@dataclass(frozen=True, slots=True)
class Standard:
    """Mean and spread of each feature over the rows that a probe learns from; a constant one has spread 1.

    Example:
        >>> standard = Standard.of(np.array([[1.0, 5.0], [3.0, 5.0]]))
        >>> standard.apply(np.array([[4.0, 6.0]])).tolist()
        [[2.0, 1.0]]
    """

    centre: Float[np.ndarray, "..."]
    spread: Float[np.ndarray, "..."]

    @classmethod
    def of(cls, X: Float[np.ndarray, "row ..."]) -> "Standard":
        """Measure features over their rows."""
        centre, spread = X.mean(axis=0), X.std(axis=0)
        return cls(centre, np.where(spread > 10 * np.finfo(X.dtype).eps * np.abs(centre), spread, 1.0))

    def apply(self, X: Float[np.ndarray, "row ..."]) -> Float[np.ndarray, "row ..."]:
        """Features at mean 0 and spread 1."""
        standard: Float[np.ndarray, "row ..."] = np.ascontiguousarray((X - self.centre) / self.spread)
        return standard
