"""The lines of a before-and-after table: what each is, in both models, and the difference."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

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
KINDS = ("knows", "shows", "calibrated")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLine:
    """One line: a figure of both models and the tuned model's minus the base model's.

    Attributes:
        label: What it is.
        kind: Whether it tells what the model knows, what it shows, or how well calibrated it is.
        percent: Shown as a percentage.
        signed: Both figures are differences themselves.
    """

    label: str
    kind: str
    base: Estimate
    tuned: Estimate
    difference: Estimate
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


def shown(estimate: Estimate, *, percent: bool = False, signed: bool = False) -> tuple[str, str]:
    """A figure and its interval in words; a difference of percentages is in points, without the sign of percent.

    Example:
        >>> shown(Estimate(value=-0.021, low=-0.05, high=0.01), signed=True)
        ('−0.02', '−0.05 to +0.01')
        >>> shown(Estimate(reason="one class"))
        ('not defined', '')
    """
    if estimate.value is None:
        return "not defined", ""
    numbers = [n for n in (estimate.value, estimate.low, estimate.high) if n is not None]
    digits = 0 if percent else 2
    texts = [
        format(round(100 * n if percent else n, digits) + 0.0, f"{'+' if signed else ''}.{digits}f").replace("-", "−")
        for n in numbers
    ]
    value = f"{texts[0]} %" if percent and not signed else texts[0]
    return value, f"{texts[1]} to {texts[2]}" if len(texts) == 3 else ""


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
    yield _line(part, "accuracy", "accuracy", "knows", percent=True)
    sure, among_wrong = mapping_in(part, "wrong_and_sure"), mapping_in(part, "sure_when_wrong")
    for bar in sure or ("0.5",):
        yield _line(sure, bar, f"wrong and sure ({bar} or more)", "knows", percent=True)
    yield _line(among_wrong, "0.5", "of the wrong answers, sure (0.5 or more)", "knows", percent=True)


def _shown(part: Mapping[str, Any], answers: str) -> Iterator[ChangeLine]:
    sides = mapping_in(mapping_in(part, "detection"), answers)
    for grouping, name in GROUPINGS.items():
        entry = mapping_in(sides, grouping)
        yield _line(entry, "probe", f"probe, {name}", "shows")
        yield _line(entry, "best_baseline", f"best baseline, {name}", "shows")
        yield _line(entry, "best_control", f"best control, {name}", "shows")
        yield _line(entry, "gain", f"probe minus baseline, {name}", "shows", signed=True)
        yield _line(entry, "gain_over_control", f"probe minus control, {name}", "shows", signed=True)


def _calibrated(part: Mapping[str, Any]) -> Iterator[ChangeLine]:
    for key, whose in (("mean_token_probability", "mean token probability"), ("probe", "probe")):
        entry = mapping_in(mapping_in(part, "calibration"), key)
        yield _line(entry, "brier", f"Brier score, {whose}", "calibrated")
        yield _line(entry, "ece", f"calibration error, {whose}", "calibrated")


def _line(
    holder: Mapping[str, Any], key: str, label: str, kind: str, *, percent: bool = False, signed: bool = False
) -> ChangeLine:
    base, tuned, difference = three_figures(holder, key)
    return ChangeLine(
        label=label, kind=kind, base=base, tuned=tuned, difference=difference, percent=percent, signed=signed
    )


def three_figures(holder: Mapping[str, Any], key: str) -> tuple[Estimate, Estimate, Estimate]:
    """A figure of the base model, of the tuned model, and the difference.

    Example:
        >>> three_figures({"accuracy_reason": "no answer was judged"}, "accuracy")[2].reason
        'not computed in this run'
    """
    entry = mapping_in(holder, key)
    base, tuned, difference = (estimate_in(entry, name, key="value") for name in ("base", "tuned", "difference"))
    return base, tuned, difference


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


def exchange_lines(part: Mapping[str, Any], *, answers: AnswerSet = "located") -> list[tuple[str, dict[str, Estimate]]]:
    """Each model's probe on the other's answers: `auroc`, the other's `own` probe, and the `difference`.

    Example:
        >>> [label for label, _ in exchange_lines({})]
        ["base model's probe on the tuned model", "tuned model's probe on the base model"]
    """
    entries = mapping_in(mapping_in(part, "exchange"), answers)
    names = {
        "base_to_tuned": "base model's probe on the tuned model",
        "tuned_to_base": "tuned model's probe on the base model",
    }
    return [
        (
            words,
            {key: estimate_in(mapping_in(entries, name), key, key="value") for key in ("auroc", "own", "difference")},
        )
        for name, words in names.items()
    ]
