"""SelfCheckGPT: whether the samples bear out what the greedy answer says."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from tacitly.baselines.base import SamplingBaseline
from tacitly.baselines.equivalence import EquivalenceName
from tacitly.baselines.lexical_similarity import keys
from tacitly.baselines.sampled_question import SampledQuestion


@dataclass(frozen=True, slots=True)
class SelfCheckUnigram:
    """The log-probability of the least likely word of the greedy answer under the words of all answers.

    The probabilities are the shares of the words of the greedy answer and all samples together, without smoothing.

    Reference:
        Manakul, Liusie and Gales (EMNLP 2023), "SelfCheckGPT", section 5.3: n = 1 and "Max", over the answer as a whole
        and with this project's words.
    """

    name: str = "selfcheck_unigram"

    def score(self, question: SampledQuestion) -> float:
        """The log-probability, at most 0; NaN for an answer without a word."""
        mine = keys(question.greedy)
        if not mine:
            return float("nan")
        counts = Counter(mine)
        for text in question.texts:
            counts.update(keys(text))
        return float(np.log(min(counts[word] for word in mine) / counts.total()))


@dataclass(frozen=True, slots=True)
class SelfCheckNli:
    """Minus how far the samples contradict the greedy answer, by a model of natural language inference.

    Reference:
        Manakul, Liusie and Gales (EMNLP 2023), "SelfCheckGPT", section 5.4: the probability of a contradiction against
        that of an entailment, with a sample as premise and a sentence as hypothesis, averaged over both.
    """

    name: str = "selfcheck_nli"

    def score(self, question: SampledQuestion) -> float:
        """Minus the mean over the samples, 0 to -1; NaN for an answer without a sentence."""
        found = question.contradictions
        return float("nan") if found is None else -float(found.mean())


def selfcheck_baselines(equivalence: EquivalenceName) -> tuple[SamplingBaseline, ...]:
    """Every baseline of this file that the equivalence allows; the one by NLI needs its model.

    Example:
        >>> [baseline.name for baseline in selfcheck_baselines("match")]
        ['selfcheck_unigram']
    """
    return (SelfCheckUnigram(), SelfCheckNli()) if equivalence == "nli" else (SelfCheckUnigram(),)
