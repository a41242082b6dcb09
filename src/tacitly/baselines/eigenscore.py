"""EigenScore: how far apart the states of the samples lie."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tacitly.baselines.equivalence import EquivalenceName
from tacitly.baselines.sampled_question import LEAST, SampledQuestion

ALPHA = 1e-3
_FLOOR = 1e-10


@dataclass(frozen=True, slots=True)
class EigenScore:
    """Minus EigenScore of the samples' states at their last token, in the middle layer."""

    name: str = "eigenscore"

    def score(self, question: SampledQuestion) -> float:
        """Minus the score; NaN where fewer than two samples have a state, as an empty answer has none."""
        if question.states is None or len(question.states) < LEAST:
            return float("nan")
        return -eigenscore(question.states)


def state_baselines(equivalence: EquivalenceName) -> tuple[EigenScore, ...]:  # noqa: ARG001
    """Every baseline of this file; none rests on an equivalence."""
    return (EigenScore(),)


def eigenscore(states: Float[np.ndarray, "kept width"], *, alpha: float = ALPHA) -> float:
    """The mean logarithm of the eigenvalues of the samples' covariance.

    Each state is centred over its own entries, not over the samples, and the products are sums, not means.

    Args:
        states: One state per sample.
        alpha: What is added to the diagonal, so that equal states have a score.

    Returns:
        The score; the further apart the states, the higher.

    Reference:
        Chen et al. (ICLR 2024), "INSIDE: LLMs' internal states retain the power of hallucination
        detection", section 3.1; LM-Polygraph's `EigenScore()`.

    Example:
        >>> near, far = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [5.0, 1.0]])
        >>> eigenscore(near) < eigenscore(far)
        True
    """
    wide = states.astype(np.float64)
    centred = wide - wide.mean(axis=1, keepdims=True)
    eigenvalues = np.linalg.eigvalsh(centred @ centred.T + alpha * np.eye(len(wide)))
    return float(np.log(np.where(eigenvalues > 0, eigenvalues, _FLOOR)).mean())
