"""The reference probe: L2 logistic regression on standardised features."""

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import validate_data

from tacitly.probes.binary import LinearBinaryProbe, Standard
from tacitly.probes.logistic_solver import solve_logistic
from tacitly.probes.penalties import RANKING_C


class LogisticProbe(LinearBinaryProbe):
    """Logistic regression with an L2 penalty on features standardised by the rows it learns from.

    Args:
        C: Inverse strength of the penalty.
        tolerance: Size of the gradient, against its size at the start, at which the fit is done.

    Example:
        >>> probe = LogisticProbe(C=1.0).fit([[0.0], [1.0], [2.0], [3.0]], [False, False, True, True])
        >>> probe.predict([[-1.0], [4.0]]).tolist()
        [False, True]
    """

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
        is_second = self._second_class(y)
        if not self.C > 0:
            raise ValueError(f"C must be positive, got {self.C!r}")
        standard = Standard.of(X)
        fits = solve_logistic(
            standard.apply(X),
            is_second,
            train=np.ones((1, len(y)), dtype=bool),
            C=np.array([self.C]),
            tolerance=self.tolerance,
        )
        self.coef_ = fits.coefficients / standard.spread
        self.intercept_ = fits.intercepts - self.coef_ @ standard.centre
        return self
