"""What sampling baselines read: the answers to one question, and what they have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

LEAST = 2
"""With fewer samples there is nothing to compare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledQuestion:
    """The answers to one question, compared with each other under one equivalence.

    Attributes:
        greedy: The greedy answer's text.
        texts: The samples' texts, at least two.
        log_likelihoods: Log-probability of each sample as a whole at temperature 1, its end token counted where it has
            one.
        classes: The number of each sample's class of equivalent answers, in the order of their first members.
        like_greedy: Which samples are equivalent to the greedy answer.
        similarity: How alike each two samples are, 0 to 1, symmetric, 1 on the diagonal.
        contradictions: How far each sample contradicts the greedy answer, 0 to 1; None where no model tells.
        states: The state of each sample's last token in the middle layer, without samples that have none; None where
            it was not captured.
    """

    greedy: str
    texts: Sequence[str]
    log_likelihoods: Float[np.ndarray, " sample"]
    classes: Int[np.ndarray, " sample"]
    like_greedy: Bool[np.ndarray, " sample"]
    similarity: Float[np.ndarray, "sample sample"]
    contradictions: Float[np.ndarray, " sample"] | None = None
    states: Float[np.ndarray, "kept width"] | None = None


def sort_into_classes(same: Bool[np.ndarray, "sample sample"]) -> Int[np.ndarray, " sample"]:
    """Sort answers into classes: each joins the first class whose first member it is equivalent to.

    Equivalence by a model need not be transitive, and then the order of the samples matters.

    Args:
        same: Which answers are equivalent to which.

    Returns:
        The number of each answer's class.

    Reference:
        Kuhn, Gal and Farquhar (ICLR 2023), "Semantic Uncertainty", algorithm 1; LM-Polygraph's
        `SemanticClassesCalculator`.

    Example:
        >>> sort_into_classes(np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=bool)).tolist()
        [0, 1, 0]
    """
    classes = np.full(len(same), -1)
    count = 0
    for first in range(len(same)):
        if classes[first] < 0:
            classes[(classes < 0) & same[first]] = count
            classes[first] = count
            count += 1
    return classes
