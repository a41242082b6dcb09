"""The MLP probe (SAPLMA): a small feed-forward network on one state."""

from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.nn.functional import binary_cross_entropy_with_logits

from tacitly.probes.binary import BinaryProbe, Standard
from tacitly.probes.descent import descend

HIDDEN = (256, 128, 64)
_LEARNING_RATE, _BATCH = 1e-3, 32


class MlpProbe(BinaryProbe):
    """Three hidden layers of 256, 128 and 64 rectified units, on features standardised by the rows it learns from.

    Trained by AdamW at learning rate 0.001 on batches of 32. How long it is trained is a setting to be chosen on inner
    folds, since early stopping on a part of the rows would need to know their groups. The same seed gives the same
    network.

    Args:
        epochs: How often each row is seen; 5 in the paper.
        hidden: Widths of the hidden layers.
        weight_decay: Of AdamW.
        random_state: Seed of the first weights and of the batches.

    Attributes:
        weights_: One matrix `[from, to]` per layer, for standardised features.
        biases_: One vector per layer.

    Reference:
        Azaria and Mitchell (2023), "The Internal State of an LLM Knows When It's Lying", section 4.

    Example:
        >>> X = np.repeat([[0.0], [1.0]], 20, axis=0)
        >>> MlpProbe(hidden=(16,), epochs=100).fit(X, X[:, 0] > 0).predict([[0.1], [0.9]]).tolist()
        [False, True]
    """

    def __init__(
        self, *, epochs: int = 10, hidden: tuple[int, ...] = HIDDEN, weight_decay: float = 0.01, random_state: int = 0
    ) -> None:
        self.epochs = epochs
        self.hidden = hidden
        self.weight_decay = weight_decay
        self.random_state = random_state

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
        target = torch.from_numpy(self._second_class(y).astype(np.float32))
        self.standard_ = Standard.of(X)
        features = torch.from_numpy(self.standard_.apply(X).astype(np.float32))
        draws = torch.Generator().manual_seed(self.random_state)
        widths = (X.shape[1], *self.hidden, 1)
        weights = [
            torch.randn(a, b, generator=draws).mul_((2 / a) ** 0.5).requires_grad_() for a, b in pairwise(widths)
        ]
        biases = [torch.zeros(b, requires_grad=True) for b in widths[1:]]

        def loss(rows: torch.Tensor) -> torch.Tensor:
            values = features[rows]
            for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
                values = torch.relu(torch.addmm(bias, values, weight))
            margins = torch.addmm(biases[-1], values, weights[-1])[:, 0]
            return binary_cross_entropy_with_logits(margins, target[rows])

        descend(
            [*weights, *biases],
            loss,
            rows=len(y),
            epochs=self.epochs,
            batch_size=_BATCH,
            learning_rate=_LEARNING_RATE,
            weight_decay=self.weight_decay,
            draws=draws,
        )
        self.weights_ = [weight.detach().numpy() for weight in weights]
        self.biases_ = [bias.detach().numpy() for bias in biases]
        return self

    def decision_function(self, X: Any) -> Float[np.ndarray, " row"]:
        """The log-odds of the second class."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        values = self.standard_.apply(X)
        for weight, bias in zip(self.weights_[:-1], self.biases_[:-1], strict=True):
            values = np.maximum(values @ weight + bias, 0)
        margins: Float[np.ndarray, " row"] = (values @ self.weights_[-1] + self.biases_[-1])[:, 0]
        return margins
