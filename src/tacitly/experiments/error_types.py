"""The types of error that several sampled answers to one question show."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tacitly.errors import UndefinedMetricError

MIN_SAMPLES = 6
"""With fewer, `many_answers` holds for every question that was once answered rightly."""

ERROR_TYPES = (
    "consistently_correct/all",
    "consistently_correct/most",
    "consistently_incorrect/never_right",
    "consistently_incorrect/sometimes_right",
    "two_competing",
    "many_answers",
    "refuses",
    "other",
)
"""Every type with its subtype. A question may have several, save `other`, which stands alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledAnswer:
    """What one sampled answer said.

    Attributes:
        correct: Whether it is right; None where unknown.
        given: The normalised exact answer, or the choice for a closed set; answers that gave the same are one cluster.
            None where no exact answer was found.
        refused: Whether it declines to answer.
    """

    correct: bool | None
    given: str | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCounts:
    """The counts that the types are defined by.

    Attributes:
        samples: K, the number of samples.
        right: c, how many are right.
        largest_wrong: w, the size of the largest wrong cluster.
        wrong_clusters: d, the number of wrong clusters.
        no_answer: n, the size of the cluster of wrong samples that decline to answer.
    """

    samples: int
    right: int
    largest_wrong: int
    wrong_clusters: int
    no_answer: int


def count_samples(samples: Sequence[SampledAnswer]) -> SampleCounts | None:
    """Cluster the samples of one question.

    Wrong samples that decline to answer are one cluster, whatever their words; other wrong samples cluster by what they
    gave, and those without an exact answer form no cluster.

    Args:
        samples: The sampled answers; the greedy one is not among them.

    Returns:
        The counts, or None where a sample is unknown.

    Example:
        >>> samples = [SampledAnswer(correct=True, given="a"), SampledAnswer(correct=False, given="b")]
        >>> count_samples(samples).wrong_clusters
        1
    """
    if any(sample.correct is None for sample in samples):
        return None
    wrong = [sample for sample in samples if not sample.correct]
    declined = sum(sample.refused for sample in wrong)
    clusters = Counter(sample.given for sample in wrong if not sample.refused and sample.given is not None)
    sizes = [*clusters.values(), *([declined] if declined else [])]
    return SampleCounts(
        samples=len(samples),
        right=len(samples) - len(wrong),
        largest_wrong=max(sizes, default=0),
        wrong_clusters=len(sizes),
        no_answer=declined,
    )


def error_types(counts: SampleCounts) -> tuple[str, ...]:
    """Every type that holds; `other` where none does.

    Divisions are integer divisions. A "no answer" cluster as large as another wrong one counts as the largest.

    Args:
        counts: The counts of one question.

    Returns:
        Names from `ERROR_TYPES`, in their order.

    Raises:
        UndefinedMetricError: There are fewer than six samples.

    Reference:
        Orgad et al. (2025), section 5; the project's method, section 10.

    Example:
        >>> error_types(SampleCounts(samples=30, right=0, largest_wrong=30, wrong_clusters=1, no_answer=0))
        ('consistently_incorrect/never_right',)
    """
    k, c, w, d, n = (
        counts.samples,
        counts.right,
        counts.largest_wrong,
        counts.wrong_clusters,
        counts.no_answer,
    )
    if k < MIN_SAMPLES:
        raise UndefinedMetricError(f"error types need {MIN_SAMPLES} samples of each answer, not {k}")
    refuses = 0 < n == w and n > c
    incorrect = w >= k // 2 and not refuses
    found = {
        "consistently_correct/all": c == k,
        "consistently_correct/most": c < k and c >= k // 2 and d > 0,
        "consistently_incorrect/never_right": incorrect and c == 0,
        "consistently_incorrect/sometimes_right": incorrect and c > 0,
        "two_competing": abs(c - w) <= k // 6 and min(c, w) > k // 6,
        "many_answers": d >= (k // 3 - 1 if c > 0 else k // 3),
        "refuses": refuses,
    }
    return tuple(name for name, holds in found.items() if holds) or ("other",)
