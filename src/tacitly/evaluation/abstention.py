"""A threshold with a promise: among the answers accepted from it on, at most so many are wrong (learn-then-test)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import betaincinv

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""The shares of the training part's answers that the ten thresholds would accept."""

_NUMBERS = np.unique(np.concatenate([np.arange(1, 200), np.geomspace(200, 100_000, 200).astype(np.int64)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One threshold on the kept answers.

    Attributes:
        threshold: Answers with at least this probability are accepted.
        accepted: How many are.
        errors: How many of those are wrong.
        bound: The upper end of what the error among accepted answers may be.
    """

    threshold: float
    accepted: int
    errors: int
    bound: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What was found for one alpha and delta.

    Attributes:
        alpha: At most this share of the accepted answers is wrong,
        delta: save with this chance, over the draw of the kept answers.
        trials: Every threshold, the most lenient first.
        chosen: The most lenient one whose bound is at most alpha; None where there is none.
        reason: Why there is none.
    """

    alpha: float
    delta: float
    trials: tuple[Trial, ...]
    chosen: Trial | None
    reason: str | None


def fix_thresholds(probabilities: Float[np.ndarray, " row"]) -> tuple[float, ...]:
    """Fix ten thresholds before the kept answers are looked at: those that accept 100 %, 90 %, ... 10 % of others.

    Args:
        probabilities: Of the training part's answers, each by a probe that had not seen it; without NaN.

    Returns:
        The thresholds, rising; the first is 0 and accepts everything.

    Example:
        >>> [round(value, 2) for value in fix_thresholds(np.linspace(0, 1, 11))]
        [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    """
    lenient, *others = COVERAGES
    return 1 - lenient, *(float(np.quantile(probabilities, 1 - coverage)) for coverage in others)


def upper_bound(errors: int, accepted: int, *, chance: float) -> float:
    """What an error rate exceeds with at most this chance, given how many were wrong of how many.

    Args:
        errors: How many were wrong.
        accepted: Of how many; of none, nothing is known.
        chance: The chance that the rate is higher.

    Returns:
        The upper end of the one-sided interval of Clopper and Pearson (1934), "The use of confidence or fiducial
        limits illustrated in the case of the binomial".

    Example:
        >>> round(upper_bound(0, 10, chance=0.05), 3), upper_bound(0, 0, chance=0.05)
        (0.259, 1.0)
    """
    return 1.0 if errors >= accepted else float(betaincinv(errors + 1, accepted - errors, 1 - chance))


def find_threshold(
    correct: Bool[np.ndarray, " row"],
    probabilities: Float[np.ndarray, " row"],
    *,
    thresholds: Sequence[float],
    alpha: float,
    delta: float,
) -> Promise:
    """Find the most lenient threshold that keeps the promise, on answers that nothing else has seen.

    Each threshold has its share of delta, so that whichever is chosen, the error among the answers that it accepts is
    at most alpha with a chance of at least 1 - delta. That holds whatever the probe is worth; one that is worth little
    gets no threshold.

    Args:
        correct: Which of the kept answers are right; one answer of each group, so that they are independent.
        probabilities: What the detector says of each; NaN where it says nothing, which accepts nothing.
        thresholds: Fixed without looking at these answers.
        alpha: The share of wrong answers among the accepted ones that is allowed.
        delta: The chance at which it may be exceeded.

    Returns:
        The promise, with a threshold or the reason for none.

    Reference:
        Angelopoulos, Bates, Candès, Jordan and Lei (2021), "Learn then test", section 2 (Bonferroni).

    Example:
        >>> probabilities = np.linspace(0, 1, 200)
        >>> found = find_threshold(probabilities > 0.3, probabilities, thresholds=(0.0, 0.5), alpha=0.1, delta=0.1)
        >>> found.chosen.threshold, found.chosen.accepted, found.chosen.errors
        (0.5, 100, 0)
    """
    chance = delta / len(thresholds)
    trials = []
    for threshold in sorted(thresholds):
        accepted = np.greater_equal(probabilities, threshold)  # False for NaN
        errors = int((accepted & ~correct).sum())
        bound = upper_bound(errors, int(accepted.sum()), chance=chance)
        trials.append(Trial(threshold=threshold, accepted=int(accepted.sum()), errors=errors, bound=bound))
    chosen = next((trial for trial in trials if trial.bound <= alpha), None)
    reason = None if chosen else _why_none(trials, kept=len(correct), alpha=alpha, chance=chance)
    return Promise(alpha=alpha, delta=delta, trials=tuple(trials), chosen=chosen, reason=reason)


def least_accepted(*, alpha: float, chance: float, rate: float = 0.0) -> int | None:
    """How many accepted answers it takes for the bound to reach alpha, if this share of them is wrong.

    Args:
        alpha: The error that is allowed.
        chance: The chance that it is exceeded all the same.
        rate: The share of wrong answers, rounded up to whole ones.

    Returns:
        The number, exact up to 200 and within 4 % beyond; None where none up to 100,000 is enough.

    Example:
        >>> least_accepted(alpha=0.1, chance=0.005), least_accepted(alpha=0.1, chance=0.005, rate=0.2)
        (51, None)
    """
    errors = np.ceil(rate * _NUMBERS - 1e-9)
    bounds = np.where(errors < _NUMBERS, betaincinv(errors + 1, np.maximum(_NUMBERS - errors, 1), 1 - chance), 1.0)
    enough = np.flatnonzero(bounds <= alpha)
    return int(_NUMBERS[enough[0]]) if len(enough) else None


def _why_none(trials: Sequence[Trial], *, kept: int, alpha: float, chance: float) -> str:
    tried = [trial for trial in trials if trial.accepted]
    if not kept:
        return "no answers were kept for it"
    if not tried:
        return "the detector scores none of the kept answers"
    best = min(tried, key=lambda trial: trial.bound)
    found = (
        f"at best {best.errors} of {best.accepted} accepted answers were wrong, so that up to "
        f"{100 * best.bound:.0f} % may be, more than {100 * alpha:g} %"
    )
    rates = {trial: trial.errors / trial.accepted for trial in tried}
    hopeful = {
        trial: math.ceil(needed * kept / trial.accepted)
        for trial, rate in rates.items()
        if (needed := least_accepted(alpha=alpha, chance=chance, rate=rate)) is not None
    }
    if not hopeful:
        lowest = f"{100 * min(rates.values()):.0f} %"
        return f"{found}; at no threshold were fewer than {lowest} wrong, which no number of answers would mend"
    return f"{found}; if the shares hold, about {min(hopeful.values())} kept answers in place of {kept} would do"
