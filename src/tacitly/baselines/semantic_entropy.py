"""Semantic entropy: how evenly the samples spread over classes of equivalent answers."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from tacitly.baselines.base import SamplingBaseline
from tacitly.baselines.equivalence import EquivalenceName
from tacitly.baselines.sampled_question import SampledQuestion


@dataclass(frozen=True, slots=True)
class SemanticEntropy:
    """Minus the semantic entropy, in nats, with classes weighted by the likelihoods of their members."""

    equivalence: EquivalenceName

    @property
    def name(self) -> str:
        """Such as `semantic_entropy_match`."""
        return f"semantic_entropy_{self.equivalence}"

    def score(self, question: SampledQuestion) -> float:
        """Minus the entropy; NaN where a sample has no likelihood."""
        if not np.isfinite(question.log_likelihoods).all():
            return float("nan")
        return -likelihood_entropy(question.log_likelihoods, question.classes)


@dataclass(frozen=True, slots=True)
class DiscreteSemanticEntropy:
    """Minus the semantic entropy, in nats, with classes weighted by how many members they have."""

    equivalence: EquivalenceName

    @property
    def name(self) -> str:
        """Such as `discrete_semantic_entropy_match`."""
        return f"discrete_semantic_entropy_{self.equivalence}"

    def score(self, question: SampledQuestion) -> float:
        """Minus the entropy."""
        return -count_entropy(question.classes)


def entropy_baselines(equivalence: EquivalenceName) -> tuple[SamplingBaseline, ...]:
    """Every baseline of this file.

    Example:
        >>> [baseline.name for baseline in entropy_baselines("nli")]
        ['semantic_entropy_nli', 'discrete_semantic_entropy_nli']
    """
    return SemanticEntropy(equivalence), DiscreteSemanticEntropy(equivalence)


def likelihood_entropy(log_likelihoods: Float[np.ndarray, " sample"], classes: Int[np.ndarray, " sample"]) -> float:
    """Minus the mean, over the samples, of the log-probability of a sample's class.

    That of a class is the logarithm of its members' summed probabilities, a text that was drawn twice counted twice. It
    is not normalised by length, nor over classes, so that it is no entropy of a distribution and may be negative.

    Args:
        log_likelihoods: Log-probability of each sample as a whole.
        classes: The number of each sample's class.

    Returns:
        The entropy in nats.

    Reference:
        Kuhn, Gal and Farquhar (ICLR 2023), "Semantic Uncertainty", step 3; LM-Polygraph's `SemanticEntropy()`.

    Example:
        >>> round(likelihood_entropy(np.log([0.3, 0.2, 0.1]), np.array([0, 0, 1])), 3)
        1.23
    """
    of_class = np.array(
        [np.logaddexp.reduce(log_likelihoods[classes == number]) for number in range(classes.max() + 1)]
    )
    return -float(of_class[classes].mean())


def count_entropy(classes: Int[np.ndarray, " sample"]) -> float:
    """The entropy of the shares of the classes.

    Args:
        classes: The number of each sample's class.

    Returns:
        The entropy in nats, 0 where all samples are equivalent.

    Reference:
        Farquhar et al. (Nature 2024), "Detecting hallucinations in large language models using semantic entropy"
        ("discrete semantic entropy"); LM-Polygraph's `SemanticEntropy(class_probability_estimation="frequency")`.

    Example:
        >>> round(count_entropy(np.array([0, 0, 1, 1])), 3)
        0.693
    """
    shares = np.bincount(classes) / len(classes)
    return -float((shares * np.log(shares)).sum()) + 0.0
