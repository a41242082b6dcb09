"""The figures of a study as they are read from its metrics: an estimate with its interval, or the reason for none."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Grouping = Literal["by_entity", "by_answer"]
AnswerSet = Literal["located", "all"]
GROUPING_ORDER: tuple[Grouping, ...] = ("by_entity", "by_answer")

_NO_REASON = "not computed in this run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its 95 % interval; `value` is None where it is not defined, and `reason` says why."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    def text(self, *, signed: bool = False, minus: str = "-") -> str:
        """The estimate as a table shows it.

        Args:
            signed: Write a plus before positive numbers, for differences.
            minus: The sign of negative numbers.

        Example:
            >>> Estimate(value=0.784, low=0.731, high=0.829).text()
            '0.78 [0.73, 0.83]'
            >>> Estimate(value=-0.02, low=-0.05, high=0.01).text(signed=True)
            '-0.02 [-0.05, +0.01]'
        """
        if self.value is None:
            return "not defined"
        form = "+.2f" if signed else ".2f"
        shown = [
            format(round(number, 2) + 0.0, form) for number in (self.value, self.low, self.high) if number is not None
        ]
        text = shown[0] if len(shown) < 3 else f"{shown[0]} [{shown[1]}, {shown[2]}]"
        return text.replace("-", minus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The part of the metrics that belongs to one grouping and set of answers; `entry` is None where undefined."""

    entry: Mapping[str, Any] | None
    reason: str | None

    def estimate(self, part: str, *, key: str = "auroc") -> Estimate:
        """One of its figures, such as `best` or `gain_over_best_control`."""
        if self.entry is None:
            return Estimate(reason=self.reason)
        return estimate_in(self.entry, part, key=key)

    def family(self, part: str) -> dict[str, Estimate]:
        """All figures of `baselines` or `controls`, by name."""
        entries = mapping_in(self.entry, part)
        return {name: estimate_in(entries, name) for name in entries if not name.endswith("_reason")}


def mapping_in(holder: Mapping[str, Any] | None, key: str) -> Mapping[str, Any]:
    """The mapping under `key`, or an empty one.

    Example:
        >>> mapping_in({"counts": None}, "counts")
        {}
    """
    value = holder.get(key) if holder is not None else None
    return value if isinstance(value, Mapping) else {}


def number_in(holder: Mapping[str, Any] | None, key: str) -> float | None:
    """The finite number under `key`, or None.

    Example:
        >>> number_in({"accuracy": 0.5}, "accuracy"), number_in({}, "accuracy")
        (0.5, None)
    """
    value = holder.get(key) if holder is not None else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def reason_in(holder: Mapping[str, Any] | None, key: str) -> str:
    """Why the value under `key` is null: `<key>_reason` beside it, else the holder's own `reason`.

    Example:
        >>> reason_in({"accuracy": None, "accuracy_reason": "no answer was judged"}, "accuracy")
        'no answer was judged'
    """
    for name in (f"{key}_reason", "reason"):
        value = holder.get(name) if holder is not None else None
        if isinstance(value, str) and value.strip():
            return value.strip().rstrip(".")
    return _NO_REASON


def estimate_in(holder: Mapping[str, Any], part: str, *, key: str = "auroc") -> Estimate:
    """Read one figure: `{part: {key: number, "ci": [low, high]}}`, or the reason for its absence.

    Example:
        >>> estimate_in({"best": {"auroc": 0.8, "ci": [0.7, 0.9]}}, "best").text()
        '0.80 [0.70, 0.90]'
        >>> estimate_in({"best": {"auroc": None, "reason": "one class only"}}, "best").reason
        'one class only'
    """
    entry = holder.get(part)
    if not isinstance(entry, Mapping):
        return Estimate(reason=reason_in(holder, part))
    value = number_in(entry, key)
    if value is None:
        return Estimate(reason=reason_in(entry, key))
    low, high = interval_of(entry.get("ci"))
    return Estimate(value=value, low=low, high=high)


def interval_of(ends: object) -> tuple[float | None, float | None]:
    """Both ends of an interval, or two Nones where either is missing.

    Example:
        >>> interval_of([0.1, 0.2]), interval_of(None)
        ((0.1, 0.2), (None, None))
    """
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        return None, None
    pair = {"low": ends[0], "high": ends[1]}
    low, high = number_in(pair, "low"), number_in(pair, "high")
    return (low, high) if low is not None and high is not None else (None, None)


def evaluation(metrics: Mapping[str, Any], grouping: Grouping, *, answers: AnswerSet = "located") -> Evaluation:
    """The figures of one grouping, over located answers (the headline) or over all of them.

    Example:
        >>> evaluation({"by_answer": None, "by_answer_reason": "3 distinct answers"}, "by_answer").reason
        '3 distinct answers'
    """
    holder: Mapping[str, Any] = metrics if answers == "located" else mapping_in(metrics, "all_answers")
    entry = holder.get(grouping)
    if isinstance(entry, Mapping):
        return Evaluation(entry=entry, reason=None)
    if answers == "all" and not holder:
        return Evaluation(entry=None, reason=reason_in(metrics, "all_answers"))
    return Evaluation(entry=None, reason=reason_in(holder, grouping))


def share(part: float | None, whole: float | None) -> float | None:
    """A part of a whole, or None where there is nothing to share.

    Example:
        >>> share(3.0, 4.0), share(0.0, 0.0)
        (0.75, None)
    """
    return part / whole if part is not None and whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedShare:
    """In how many answers of a class the exact answer was found."""

    located: float | None
    answers: float | None

    @property
    def value(self) -> float | None:
        """The share, or None where the class is empty."""
        return share(self.located, self.answers)


def located_shares(metrics: Mapping[str, Any]) -> dict[str, LocatedShare]:
    """Located answers among the right and among the wrong ones.

    Example:
        >>> counts = {"correct": 4, "located_correct": 3, "incorrect": 0, "located_incorrect": 0}
        >>> {name: found.value for name, found in located_shares({"counts": counts}).items()}
        {'right': 0.75, 'wrong': None}
    """
    counts = mapping_in(metrics, "counts")
    return {
        word: LocatedShare(located=number_in(counts, f"located_{key}"), answers=number_in(counts, key))
        for word, key in (("right", "correct"), ("wrong", "incorrect"))
    }
