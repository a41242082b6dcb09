"""Baselines that count how often the same answer was given."""

from dataclasses import dataclass

import numpy as np

from tacitly.baselines.base import SamplingBaseline
from tacitly.baselines.equivalence import EquivalenceName
from tacitly.baselines.sampled_question import SampledQuestion


@dataclass(frozen=True, slots=True)
class DistinctAnswers:
    """Minus the number of classes of equivalent answers among the samples.

    Reference:
        Lin, Trivedi and Sun (TMLR 2024), section 4.2 ("number of semantic sets"); the classes are those of
        semantic entropy.
    """

    equivalence: EquivalenceName

    @property
    def name(self) -> str:
        """Such as `distinct_answers_match`."""
        return f"distinct_answers_{self.equivalence}"

    def score(self, question: SampledQuestion) -> float:
        """Minus the number."""
        return -float(question.classes.max() + 1)


@dataclass(frozen=True, slots=True)
class MajorityShare:
    """The share of the samples that gave the most common answer, whether or not the greedy one gave it too.

    Reference:
        Wang et al. (ICLR 2023), "Self-consistency improves chain of thought reasoning": consistency.
    """

    equivalence: EquivalenceName

    @property
    def name(self) -> str:
        """Such as `majority_share_match`."""
        return f"majority_share_{self.equivalence}"

    def score(self, question: SampledQuestion) -> float:
        """The share."""
        return float(np.bincount(question.classes).max() / len(question.classes))


@dataclass(frozen=True, slots=True)
class GreedyShare:
    """The share of the samples that are equivalent to the greedy answer.

    Reference:
        Xiong et al. (ICLR 2024), "Can LLMs express their uncertainty?": consistency.
    """

    equivalence: EquivalenceName

    @property
    def name(self) -> str:
        """Such as `greedy_share_match`."""
        return f"greedy_share_{self.equivalence}"

    def score(self, question: SampledQuestion) -> float:
        """The share."""
        return float(question.like_greedy.mean())


def count_baselines(equivalence: EquivalenceName) -> tuple[SamplingBaseline, ...]:
    """Every baseline of this file.

    Example:
        >>> [baseline.name for baseline in count_baselines("match")]
        ['distinct_answers_match', 'majority_share_match', 'greedy_share_match']
    """
    return DistinctAnswers(equivalence), MajorityShare(equivalence), GreedyShare(equivalence)
