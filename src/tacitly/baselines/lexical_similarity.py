"""Lexical similarity: how alike the words of the samples are."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tacitly.baselines.equivalence import EquivalenceName
from tacitly.baselines.sampled_question import SampledQuestion
from tacitly.text import words


def keys(text: str) -> tuple[str, ...]:
    """The words of a text, as the whole project compares them.

    Example:
        >>> keys("The Lungs!")
        ('the', 'lungs')
    """
    return tuple(word.key for word in words(text))


@dataclass(frozen=True, slots=True)
class LexicalSimilarity:
    """The mean ROUGE-L F-measure over all pairs of samples, 0 to 1: samples in the same words mean more likely correct.

    Args:
        split: A text to its words. LM-Polygraph takes those of the package rouge-score, stemmed, which leave out every
            letter but a to z.

    Reference:
        Kuhn, Gal and Farquhar (ICLR 2023), "Semantic Uncertainty" ("lexical similarity"); LM-Polygraph's
        `LexicalSimilarity("rougeL")` is minus this value, with its own words.
    """

    split: Callable[[str], Sequence[str]] = keys
    name: str = "lexical_similarity"

    def score(self, question: SampledQuestion) -> float:
        """The mean over all pairs."""
        return mean_rouge_l([tuple(self.split(text)) for text in question.texts])


def lexical_baselines(equivalence: EquivalenceName) -> tuple[LexicalSimilarity, ...]:  # noqa: ARG001
    """Every baseline of this file; none rests on an equivalence."""
    return (LexicalSimilarity(),)


def mean_rouge_l(texts: Sequence[tuple[str, ...]]) -> float:
    """The mean F-measure of ROUGE-L over all pairs of texts.

    Args:
        texts: At least two, as words. Two texts without a word are alike, one with and one without are not.

    Returns:
        0 to 1.

    Reference:
        Lin (2004), "ROUGE: A Package for Automatic Evaluation of Summaries", section 3.1, with beta = 1.

    Example:
        >>> mean_rouge_l([("the", "lungs"), ("the", "lungs"), ("the", "heart")])
        0.6666666666666666
    """
    different = list(Counter(texts).items())
    total = 0.0
    for place, (mine, times) in enumerate(different):
        total += times * (times - 1) / 2
        for theirs, their_times in different[:place]:
            shared = 2 * longest_common_subsequence(mine, theirs) / (len(mine) + len(theirs))
            total += times * their_times * shared
    return total / (len(texts) * (len(texts) - 1) / 2)


def longest_common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """How many words the longest sequence has that stands in both texts, gaps allowed.

    Bit i of `unmatched` is a word of the first text that ends no longer common sequence; one addition moves them all.

    Reference:
        Hyyrö (2004), "Bit-parallel LCS-length computation revisited", figure 2.

    Example:
        >>> longest_common_subsequence("the gene is CFTR".split(), "the CFTR gene".split())
        2
    """
    places: dict[str, int] = {}
    for i, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << i
    whole = (1 << len(first)) - 1
    unmatched = whole
    for word in second:
        matched = unmatched & places.get(word, 0)
        unmatched = ((unmatched + matched) | (unmatched - matched)) & whole
    return len(first) - unmatched.bit_count()
