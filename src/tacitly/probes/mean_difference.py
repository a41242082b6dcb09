"""The mean-difference probe: the direction from the mean wrong answer to the mean right one."""

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import validate_data

from tacitly.evaluation.calibration import fit_platt
from tacitly.probes.binary import LinearBinaryProbe, Standard


class MeanDifferenceProbe(LinearBinaryProbe):
    """Scores along the difference of the class means, on features standardised by the rows it learns from.

    There is nothing to tune. The projection is turned into log-odds by Platt scaling on the training rows.

    Reference:
        Marks and Tegmark (2024), "The Geometry of Truth", section 5.1 (mass-mean probing).

    Example:
        >>> probe = MeanDifferenceProbe().fit([[0.0], [1.0], [2.0], [3.0]], [False, False, True, True])
        >>> probe.predict([[-1.0], [4.0]]).tolist()
        [False, True]
    """

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
        is_second = self._second_class(y)
        standard = Standard.of(X)
        features = standard.apply(X)
        direction = features[is_second].mean(axis=0) - features[~is_second].mean(axis=0)
        platt = fit_platt(features @ direction, is_second)
        self.coef_ = (platt.slope * direction / standard.spread)[None, :]
        self.intercept_ = platt.intercept - self.coef_ @ standard.centre
        return self
