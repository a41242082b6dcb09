"""The lines of a before-and-after table: what each is, in both models, and the difference."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from tacitly.report.names import GROUPINGS
from tacitly.report.results import AnswerSet, Estimate, estimate_in, mapping_in

PART_NAMES: Mapping[str, str] = MappingProxyType(
    {"all": "all questions", "trained": "trained on", "held_out": "held out", "elsewhere": "elsewhere"}
)
PART_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "trained": "questions about what the tuned model was trained on",
        "held_out": "questions about what was kept out of its training",
        "elsewhere": "questions about what the training data do not have at all",
    }
)
Better = Literal["higher", "lower"]
Problem = tuple[str, str, str]
"""What is missing (a figure or its interval), why, and what it is called."""

_SIDES = ("base", "tuned", "difference")
_MOST_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLine:
    """One line: a figure of both models and the tuned model's minus the base model's.

    Attributes:
        label: What it is.
        kind: Whether it tells what the model knows, what it shows, or how well calibrated it is.
        unsure: Why those of the three that have a value have no interval.
        better: Which way is better; None where a change is neither, as of what a probe is held against.
        percent: Shown as a percentage.
        signed: Both figures are differences themselves.
    """

    label: str
    kind: str
    base: Estimate
    tuned: Estimate
    difference: Estimate
    unsure: Mapping[str, str] = field(default_factory=dict)
    better: Better | None = None
    percent: bool = False
    signed: bool = False

    def shown(self, name: str) -> tuple[str, str]:
        """One of its three figures (`base`, `tuned`, `difference`) and its interval, as a table shows them.

        Example:
            >>> share = Estimate(value=0.5, low=0.4, high=0.6)
            >>> line = ChangeLine(label="", kind="", base=share, tuned=share, difference=share, percent=True)
            >>> line.shown("base"), line.shown("difference")
            (('50 %', '40 to 60'), ('+50', '+40 to +60'))
        """
        estimate: Estimate = getattr(self, name)
        return shown(estimate, percent=self.percent, signed=self.signed or name == "difference")

    @property
    def problems(self) -> list[Problem]:
        """What is missing in it and why."""
        found = []
        if self.difference.value is None:
            found.append(("Not defined", self.difference.reason or "", self.label))
        for reason in dict.fromkeys(self.unsure.values()):
            sides = [name for name in _SIDES if self.unsure.get(name) == reason]
            which = "" if "difference" in sides else f" of the {' and the '.join(sides)} model"
            found.append(("No interval", reason, self.label + which))
        return found

    @property
    def verdict(self) -> Literal["better", "worse"] | None:
        """Whether it became better or worse; None where its interval holds 0 or neither way is better."""
        low, high = self.difference.low, self.difference.high
        if self.better is None or low is None or high is None or low <= 0 <= high:
            return None
        return "better" if (low > 0) == (self.better == "higher") else "worse"


def shown(estimate: Estimate, *, percent: bool = False, signed: bool = False) -> tuple[str, str]:
    """A figure and its interval in words; a difference of percentages is in points, without the sign of percent.

    The end of a difference's interval has as many digits as it takes to tell it from 0.

    Example:
        >>> shown(Estimate(value=-0.021, low=-0.05, high=0.01), signed=True)
        ('−0.02', '−0.05 to +0.01')
        >>> shown(Estimate(value=-0.06, low=-0.12, high=-0.003), signed=True, percent=True)
        ('−6', '−12 to −0.3')
        >>> shown(Estimate(reason="one class"))
        ('not defined', '')
    """
    if estimate.value is None:
        return "not defined", ""
    value = _number(estimate.value, percent=percent, signed=signed)
    value = f"{value} %" if percent and not signed else value
    if estimate.low is None or estimate.high is None:
        return value, ""
    low, high = (_number(end, percent=percent, signed=signed, exact=signed) for end in (estimate.low, estimate.high))
    return value, f"{low} to {high}"


def _number(number: float, *, percent: bool, signed: bool, exact: bool = False) -> str:
    number, digits = (100 * number, 0) if percent else (number, 2)
    while exact and number and round(number, digits) == 0 and digits < _MOST_DIGITS:
        digits += 1
    return format(round(number, digits) + 0.0, f"{'+' if signed else ''}.{digits}f").replace("-", "−")


def change_lines(part: Mapping[str, Any], *, answers: AnswerSet = "located") -> list[ChangeLine]:
    """The lines of one part of the questions.

    Args:
        part: An entry of `parts` in `comparison.json`.
        answers: Over located answers, or over all of them, for what the probes and baselines say.

    Example:
        >>> [line.label for line in change_lines({})][:2]
        ['accuracy', 'wrong and sure (0.5 or more)']
    """
    return [*_known(part), *_shown(part, answers), *_calibrated(part)]


def _known(part: Mapping[str, Any]) -> Iterator[ChangeLine]:
    yield _line(part, "accuracy", "accuracy", "knows", "higher", percent=True)
    sure, among_wrong = mapping_in(part, "wrong_and_sure"), mapping_in(part, "sure_when_wrong")
    for bar in sure or ("0.5",):
        yield _line(sure, bar, f"wrong and sure ({bar} or more)", "knows", "lower", percent=True)
    yield _line(among_wrong, "0.5", "of the wrong answers, sure (0.5 or more)", "knows", "lower", percent=True)


def _shown(part: Mapping[str, Any], answers: str) -> Iterator[ChangeLine]:
    sides = mapping_in(mapping_in(part, "detection"), answers)
    for grouping, name in GROUPINGS.items():
        entry = mapping_in(sides, grouping)
        yield _line(entry, "probe", f"probe, {name}", "shows", "higher")
        yield _line(entry, "best_baseline", f"best baseline, {name}", "shows", None)
        yield _line(entry, "best_control", f"best control, {name}", "shows", None)
        yield _line(entry, "gain", f"probe minus baseline, {name}", "shows", "higher", signed=True)
        yield _line(entry, "gain_over_control", f"probe minus control, {name}", "shows", "higher", signed=True)


def _calibrated(part: Mapping[str, Any]) -> Iterator[ChangeLine]:
    for key, whose in (("mean_token_probability", "mean token probability"), ("probe", "probe")):
        entry = mapping_in(mapping_in(part, "calibration"), key)
        yield _line(entry, "brier", f"Brier score, {whose}", "calibrated", "lower")
        yield _line(entry, "ece", f"calibration error, {whose}", "calibrated", "lower")


def _line(
    holder: Mapping[str, Any],
    key: str,
    label: str,
    kind: str,
    better: Better | None,
    *,
    percent: bool = False,
    signed: bool = False,
) -> ChangeLine:
    base, tuned, difference = three_figures(holder, key)
    unsure = missing_intervals(mapping_in(holder, key), _SIDES)
    return ChangeLine(
        label=label,
        kind=kind,
        base=base,
        tuned=tuned,
        difference=difference,
        unsure=unsure,
        better=better,
        percent=percent,
        signed=signed,
    )


def three_figures(holder: Mapping[str, Any], key: str) -> tuple[Estimate, Estimate, Estimate]:
    """A figure of the base model, of the tuned model, and the difference.

    Example:
        >>> three_figures({"accuracy_reason": "no answer was judged"}, "accuracy")[2].reason
        'not computed in this run'
    """
    entry = mapping_in(holder, key)
    base, tuned, difference = (estimate_in(entry, name, key="value") for name in _SIDES)
    return base, tuned, difference


def missing_intervals(entry: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Why figures that have a value have no interval.

    Example:
        >>> missing_intervals({"base": {"value": 0.0, "ci": None, "ci_reason": "every draw gives 0"}}, ["base"])
        {'base': 'every draw gives 0'}
    """
    found = {name: mapping_in(entry, name).get("ci_reason") for name in names}
    return {name: reason for name, reason in found.items() if isinstance(reason, str)}


def list_reasons(problems: Iterable[Problem]) -> list[str]:
    """Why figures of a table are missing, each reason once with all that it is true of.

    Example:
        >>> list_reasons([("Not defined", "one class", "probe"), ("Not defined", "one class", "best baseline")])
        ['Not defined: probe; best baseline (one class)']
    """
    found: dict[tuple[str, str], list[str]] = {}
    for missing, reason, label in problems:
        found.setdefault((missing, reason), []).append(label)
    return [f"{missing}: {'; '.join(labels)} ({reason})" for (missing, reason), labels in found.items()]


def headline_answers(comparison: Mapping[str, Any]) -> AnswerSet:
    """Located answers, or all of them where no located answer has a probe in both runs.

    Example:
        >>> headline_answers({})
        'located'
    """
    detection = mapping_in(mapping_in(mapping_in(comparison, "parts"), "all"), "detection")
    defined = {
        answers: three_figures(mapping_in(mapping_in(detection, answers), "by_entity"), "probe")[2].value
        for answers in ("located", "all")
    }
    return "all" if defined["located"] is None and defined["all"] is not None else "located"
