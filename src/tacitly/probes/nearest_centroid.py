"""The nearest-centroid probe: is a state nearer to the right answers or to the wrong ones?"""

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from jaxtyping import Float
from scipy.linalg import cholesky, solve_triangular
from sklearn.covariance import ledoit_wolf
from sklearn.utils.validation import check_is_fitted, validate_data

from tacitly.evaluation.calibration import Platt, fit_platt
from tacitly.probes.binary import BinaryProbe, Standard

_SAME = 1e-9  # of standardised features


@dataclass(frozen=True, slots=True)
class _Centroid:
    """The centre of a class and, where distances are Mahalanobis's, the root of its covariance."""

    centre: Float[np.ndarray, " feature"]
    root: Float[np.ndarray, "feature feature"] | None

    @classmethod
    def of(cls, features: Float[np.ndarray, "row feature"], *, own_shape: bool) -> "_Centroid":
        centre = features.mean(axis=0)
        if not own_shape:
            return cls(centre, None)
        if np.ptp(features, axis=0).max(initial=0.0) < _SAME:
            raise np.linalg.LinAlgError("a class of equal states has no covariance")
        covariance, _ = ledoit_wolf(features - centre, assume_centered=True)
        covariance[np.diag_indices_from(covariance)] += np.finfo(np.float64).tiny + 1e-12 * np.trace(covariance)
        return cls(centre, cholesky(covariance, lower=True))

    def squared_distances(self, features: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, " row"]:
        gaps = features - self.centre
        if self.root is not None:
            gaps = solve_triangular(self.root, gaps.T, lower=True).T
        squared: Float[np.ndarray, " row"] = (gaps * gaps).sum(axis=1)
        return squared


class NearestCentroidProbe(BinaryProbe):
    """Scores by how much nearer a state is to the centre of the right answers than to that of the wrong ones.

    Features are standardised by the rows it learns from. With Euclidean distance the score is linear, along the
    difference of the class means. Mahalanobis's distance is measured by each class's own covariance, shrunk by Ledoit
    and Wolf's estimate, so the score is quadratic. (With one covariance for both it would be LDA.) The gap between the
    squared distances is turned into log-odds by Platt scaling on the training rows.

    Args:
        metric: `euclidean` or `mahalanobis`.

    Reference:
        Lee et al. (2018), "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial
        Attacks", section 2.1 (there with one covariance for all classes).

    Example:
        >>> probe = NearestCentroidProbe().fit([[0.0], [1.0], [2.0], [3.0]], [False, False, True, True])
        >>> probe.predict([[-1.0], [4.0]]).tolist()
        [False, True]
    """

    def __init__(self, *, metric: Literal["euclidean", "mahalanobis"] = "euclidean") -> None:
        self.metric = metric

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from states and labels; forgets what was learned before.

        Args:
            X: Features, one row per answer.
            y: Labels of two classes.

        Returns:
            Itself.

        Raises:
            ValueError: There are not exactly two classes, or the metric is unknown.
            numpy.linalg.LinAlgError: Mahalanobis's distance is asked for, and all states of a class are equal.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        is_second = self._second_class(y)
        if self.metric not in ("euclidean", "mahalanobis"):
            raise ValueError(f"metric must be 'euclidean' or 'mahalanobis', got {self.metric!r}")
        self.standard_ = Standard.of(X)
        features = self.standard_.apply(X)
        own_shape = self.metric == "mahalanobis"
        self.centroids_ = tuple(_Centroid.of(features[rows], own_shape=own_shape) for rows in (~is_second, is_second))
        self.platt_: Platt = fit_platt(self._gap(features), is_second)
        return self

    def decision_function(self, X: Any) -> Float[np.ndarray, " row"]:
        """The log-odds of the second class."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        margins: Float[np.ndarray, " row"] = (
            self.platt_.slope * self._gap(self.standard_.apply(X)) + self.platt_.intercept
        )
        return margins

    def _gap(self, features: Float[np.ndarray, "row feature"]) -> Float[np.ndarray, " row"]:
        first, second = (centroid.squared_distances(features) for centroid in self.centroids_)
        gap: Float[np.ndarray, " row"] = first - second
        return gap
