"""Linear discriminant analysis with a shrunk covariance."""

from typing import Any, Literal, Self

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils.validation import validate_data

from tacitly.probes.binary import LinearBinaryProbe, Standard


class LdaProbe(LinearBinaryProbe):
    """scikit-learn's linear discriminant analysis, on features standardised by the rows it learns from.

    States have more features than there are answers, so that the covariance within the classes has to be shrunk
    towards a multiple of the identity.

    Args:
        shrinkage: `auto` for Ledoit and Wolf's estimate, else from 0 (none) to 1 (the identity: mean difference).

    Reference:
        Ledoit and Wolf (2004), "Honey, I shrunk the sample covariance matrix".

    Example:
        >>> probe = LdaProbe().fit([[0.0], [1.0], [2.0], [3.0]], [False, False, True, True])
        >>> probe.predict([[-1.0], [4.0]]).tolist()
        [False, True]
    """

    def __init__(self, *, shrinkage: float | Literal["auto"] = "auto") -> None:
        self.shrinkage = shrinkage

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from states and labels; forgets what was learned before.

        Args:
            X: Features, one row per answer.
            y: Labels of two classes.

        Returns:
            Itself.

        Raises:
            ValueError: There are not exactly two classes, or the shrinkage is not between 0 and 1.
            numpy.linalg.LinAlgError: A class has one answer only.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        is_second = self._second_class(y)
        if min(is_second.sum(), (~is_second).sum()) < 2:
            raise np.linalg.LinAlgError("a class of one answer has no covariance")
        standard = Standard.of(X)
        lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=self.shrinkage).fit(standard.apply(X), is_second)
        self.coef_ = lda.coef_ / standard.spread
        self.intercept_ = lda.intercept_ - self.coef_ @ standard.centre
        return self
