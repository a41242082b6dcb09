"""The attention probe: a learned query over all tokens of an answer."""

from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float
from sklearn.utils.validation import check_is_fitted
from torch.nn.functional import binary_cross_entropy_with_logits

from tacitly.probes.binary import BinaryProbe, Standard
from tacitly.probes.descent import descend
from tacitly.probes.tokens import Tokens

_LEARNING_RATE, _BATCH = 1e-2, 32


class AttentionProbe(BinaryProbe):
    """A learned query weighs an answer's tokens; the log-odds are linear in the weighted mean of their states.

    With query q, coefficients w and states h (standardised by the tokens it learns from), the log-odds are
    `sum(softmax(h @ q / sqrt(width)) * (h @ w)) + b`, over the answer's own tokens, however many they are. All start
    at zero, where the probe is a logistic regression on the mean state. How long it is trained is a setting to be
    chosen on inner folds, since early stopping on a part of the rows would need to know their groups.

    Args:
        epochs: How often each answer is seen.
        weight_decay: Of AdamW.
        random_state: Seed of the batches.

    Attributes:
        query_: For standardised states.
        coef_: For standardised states.
        intercept_: One number.

    Reference:
        Shabalin and Belrose (2025), "Attention Probes", EleutherAI; here with one head and no bias for the place.

    Example:
        >>> X = np.empty(8, dtype=object)
        >>> X[:] = [np.array([[0.0, 0.0]] * (1 + i % 3) + [[0.0, i % 2]]) for i in range(8)]
        >>> AttentionProbe(epochs=100).fit(X, [i % 2 == 1 for i in range(8)]).predict(X[:2]).tolist()
        [False, True]
    """

    def __init__(self, *, epochs: int = 5, weight_decay: float = 0.01, random_state: int = 0) -> None:
        self.epochs = epochs
        self.weight_decay = weight_decay
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from answers and labels; forgets what was learned before.

        Args:
            X: One array `[token, width]` per answer, with at least one token each.
            y: Labels of two classes.

        Returns:
            Itself.

        Raises:
            ValueError: There are not exactly two classes, or an answer has no token.
        """
        tokens, y = Tokens.of(X), np.asarray(y)
        if len(y) != len(tokens.lengths):
            raise ValueError(f"{len(tokens.lengths)} answers, but {len(y)} labels")
        target = torch.from_numpy(self._second_class(y).astype(np.float32))
        self.standard_ = Standard.of(tokens.states.astype(np.float64))
        states = torch.from_numpy(tokens.standardised(self.standard_).states)
        both = torch.zeros(states.shape[1], 2, requires_grad=True)  # the query, and the coefficients
        bias = torch.zeros(1, requires_grad=True)
        scale = _scale(states.shape[1])

        def loss(rows: torch.Tensor) -> torch.Tensor:
            which, lines, places = (torch.from_numpy(found) for found in tokens.padded(rows.numpy()))
            margins = _attend(states.index_select(0, which) @ both * scale, lines, places) + bias
            return binary_cross_entropy_with_logits(margins, target[rows])

        descend(
            [both, bias],
            loss,
            rows=len(y),
            epochs=self.epochs,
            batch_size=_BATCH,
            learning_rate=_LEARNING_RATE,
            weight_decay=self.weight_decay,
            draws=torch.Generator().manual_seed(self.random_state),
        )
        self.query_, self.coef_ = both.detach().numpy().T.copy()
        self.intercept_ = float(bias.detach())
        return self

    def decision_function(self, X: Any) -> Float[np.ndarray, " row"]:
        """The log-odds of the second class."""
        check_is_fitted(self)
        tokens = Tokens.of(X)
        if tokens.states.shape[1] != len(self.query_):
            raise ValueError(f"X has states of width {tokens.states.shape[1]}, the probe of {len(self.query_)}")
        states = torch.from_numpy(tokens.standardised(self.standard_).states)
        both = torch.from_numpy(np.stack([self.query_, self.coef_], axis=1))
        _, lines, places = (torch.from_numpy(found) for found in tokens.padded(np.arange(len(tokens.lengths))))
        attended = _attend(states @ both * _scale(states.shape[1]), lines, places)
        margins: Float[np.ndarray, " row"] = attended.numpy().astype(np.float64) + self.intercept_
        return margins


def _scale(width: int) -> torch.Tensor:
    """What `h @ q` and `h @ w` are multiplied by."""
    return torch.tensor([width**-0.5, 1.0])


def _attend(found: torch.Tensor, lines: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Each answer's mean of `h @ w`, weighted by the softmax of its scores; padding weighs nothing."""
    shape = int(lines[-1]) + 1, int(places.max()) + 1
    scores = found.new_full(shape, -torch.inf).index_put((lines, places), found[:, 0])
    values = found.new_zeros(shape).index_put((lines, places), found[:, 1])
    return (torch.softmax(scores, dim=1) * values).sum(dim=1)
