"""Contrast-consistent search (CCS): a direction on which "true" and "false" disagree, found without labels."""

from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float
from sklearn.utils.validation import check_is_fitted, validate_data

from tacitly.evaluation.metrics import auroc
from tacitly.probes.binary import BinaryProbe, Standard
from tacitly.probes.descent import descend

_LEARNING_RATE, _WEIGHT_DECAY = 1e-3, 0.01


class ContrastConsistentProbe(BinaryProbe):
    """Searches a linear probe p that is sure of itself and that "true" and "false" make say opposite things.

    Each answer has two states: after it was called true (x+), and after it was called false (x-). Each side is
    standardised by its own mean and spread over the rows it learns from, which takes away what merely says which
    verdict was read. Minimised is the mean of `(p(x+) - (1 - p(x-)))**2 + min(p(x+), p(x-))**2`, by AdamW on all rows
    at once; of several starts the one of lowest loss is kept. The score is the mean of the log-odds of p(x+) and of
    1 - p(x-). (The paper averages the probabilities, which are all but equal where the probe is very sure.)

    Labels take no part in that. But p and 1 - p have the same loss, and the standardising has taken away what could
    tell them apart: **the sign**, and it alone, is taken from the labels of the rows it learns from: the one that gives
    an AUROC of at least 0.5 there.

    Args:
        starts: Random starts.
        steps: Steps of each.
        random_state: Seed of the starts.

    Attributes:
        coef_: For standardised states; the sign is in it.
        intercept_: One number; it cancels in the score.
        loss_: The loss that was reached.

    Reference:
        Burns et al. (2023), "Discovering Latent Knowledge in Language Models Without Supervision", section 2.2.

    Example:
        >>> truth = np.array([1.0, -1.0] * 20)
        >>> X = np.stack([truth, -truth], axis=1)[:, :, None]
        >>> probe = ContrastConsistentProbe(steps=50).fit(X, truth > 0)
        >>> probe.predict(X[:3]).tolist()
        [True, False, True]
    """

    def __init__(self, *, starts: int = 10, steps: int = 1000, random_state: int = 0) -> None:
        self.starts = starts
        self.steps = steps
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from pairs of states; forgets what was learned before.

        Args:
            X: Pairs `[row, 2, width]`: after "true", and after "false".
            y: Labels of two classes, for the sign.

        Returns:
            Itself.

        Raises:
            ValueError: There are not exactly two classes, or no pairs.
        """
        X, y = validate_data(self, X, y, allow_nd=True, dtype=np.float64)
        is_second = self._second_class(y)
        if X.ndim != 3 or X.shape[1] != 2:
            raise ValueError(f"X must be [row, 2, width], got shape {X.shape}")
        self.standard_ = Standard.of(X)
        pairs = torch.from_numpy(self.standard_.apply(X).astype(np.float32))
        draws = torch.Generator().manual_seed(self.random_state)
        width = X.shape[2]
        directions = torch.randn(width, self.starts, generator=draws).div_(width**0.5).requires_grad_()
        biases = torch.zeros(self.starts, requires_grad=True)

        def losses() -> torch.Tensor:
            true, false = torch.sigmoid(pairs @ directions + biases).unbind(dim=1)
            return ((true + false - 1) ** 2 + torch.minimum(true, false) ** 2).mean(dim=0)

        descend(
            [directions, biases],
            lambda rows: losses().sum(),  # noqa: ARG005 -- all of them, in every step
            rows=len(y),
            epochs=self.steps,
            batch_size=len(y),
            learning_rate=_LEARNING_RATE,
            weight_decay=_WEIGHT_DECAY,
            draws=draws,
        )
        reached = losses().detach().numpy()
        best = int(np.argmin(reached))
        self.loss_ = float(reached[best])
        self.coef_ = directions.detach().numpy()[:, best].astype(np.float64)
        self.intercept_ = float(biases.detach()[best])
        if auroc(is_second, self._score(X)) < 0.5:
            self.coef_, self.intercept_ = -self.coef_, -self.intercept_
        return self

    def decision_function(self, X: Any) -> Float[np.ndarray, " row"]:
        """The mean log-odds that the answer is of the second class."""
        check_is_fitted(self)
        return self._score(validate_data(self, X, reset=False, allow_nd=True, dtype=np.float64))

    def _score(self, X: Float[np.ndarray, "row 2 width"]) -> Float[np.ndarray, " row"]:
        margins = self.standard_.apply(X) @ self.coef_ + self.intercept_
        score: Float[np.ndarray, " row"] = (margins[:, 0] - margins[:, 1]) / 2
        return score
