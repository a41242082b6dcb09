"""The lines of the tables of exchanged probes: each model's probe on the other model's answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from tacitly.report.comparison_lines import PART_NAMES, Problem, missing_intervals
from tacitly.report.names import GROUPINGS
from tacitly.report.results import AnswerSet, Estimate, Grouping, estimate_in, mapping_in

Direction = Literal["base_to_tuned", "tuned_to_base"]
DIRECTIONS: Mapping[Direction, str] = MappingProxyType(
    {
        "base_to_tuned": "the base model's probe on the tuned model",
        "tuned_to_base": "the tuned model's probe on the base model",
    }
)
_FIGURES = ("auroc", "own", "difference")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeLine:
    """What a foreign probe is worth on a model's answers, beside that model's own probe on the same answers.

    Attributes:
        label: Which answers, and under which grouping.
        rows: How many answers.
        foreign: AUROC of the other model's probe.
        own: That of the model's own probe.
        difference: The foreign one's minus the own one's.
        unsure: Why those of the three that have a value have no interval.
    """

    label: str
    rows: int
    foreign: Estimate
    own: Estimate
    difference: Estimate
    unsure: Mapping[str, str]

    @property
    def problems(self) -> list[Problem]:
        """What is missing in it and why."""
        undefined = [("Not defined", self.foreign.reason or "", self.label)] if self.foreign.value is None else []
        return undefined + [("No interval", reason, self.label) for reason in dict.fromkeys(self.unsure.values())]


def exchange_line(
    part: Mapping[str, Any], direction: Direction, *, answers: AnswerSet, grouping: Grouping, label: str = ""
) -> ExchangeLine:
    """Read one line.

    Args:
        part: An entry of `parts` in `comparison.json`.
        direction: Whose probe is tested on whose answers.
        answers: Located answers, or all.
        grouping: What the probe has not seen.
        label: What the line is called.

    Example:
        >>> exchange_line({}, "base_to_tuned", answers="located", grouping="by_entity").foreign.reason
        'not computed in this run'
    """
    of_grouping = mapping_in(mapping_in(mapping_in(part, "exchange"), answers), grouping)
    entry = mapping_in(of_grouping, direction)
    foreign, own, difference = (estimate_in(entry, name, key="value") for name in _FIGURES)
    return ExchangeLine(
        label=label,
        rows=entry.get("rows") or 0,
        foreign=foreign,
        own=own,
        difference=difference,
        unsure=missing_intervals(entry, _FIGURES),
    )


def foreign_figures(part: Mapping[str, Any], *, answers: AnswerSet, grouping: Grouping) -> tuple[Estimate, Estimate]:
    """What the other model's probe is worth on the base model, and on the tuned one.

    Example:
        >>> on_tuned = {"located": {"by_entity": {"base_to_tuned": {"auroc": {"value": 0.7}}}}}
        >>> base, tuned = foreign_figures({"exchange": on_tuned}, answers="located", grouping="by_entity")
        >>> base.value, tuned.value
        (None, 0.7)
    """
    base, tuned = (
        exchange_line(part, direction, answers=answers, grouping=grouping).foreign
        for direction in ("tuned_to_base", "base_to_tuned")
    )
    return base, tuned


def exchange_lines(parts: Mapping[str, Any], direction: Direction, *, answers: AnswerSet) -> list[ExchangeLine]:
    """The lines of one direction: all questions under both groupings, each part by entity, then all judged answers.

    Args:
        parts: `parts` of `comparison.json`.
        direction: Whose probe is tested on whose answers.
        answers: Whose probes the headline is about.

    Example:
        >>> [line.label for line in exchange_lines({"all": {}, "trained": {}}, "base_to_tuned", answers="all")]
        ['all questions, by entity', 'all questions, by answer', 'trained on, by entity']
    """
    wanted: list[tuple[str, AnswerSet, Grouping, str]] = []
    for name in parts:
        groupings: tuple[Grouping, ...] = ("by_entity", "by_answer") if name == "all" else ("by_entity",)
        wanted += [(name, answers, grouping, PART_NAMES[name]) for grouping in groupings]
    if answers == "located" and "all" in parts:
        wanted += [("all", "all", grouping, "all judged answers") for grouping in ("by_entity", "by_answer")]
    return [
        exchange_line(parts[name], direction, answers=of, grouping=grouping, label=f"{words}, {GROUPINGS[grouping]}")
        for name, of, grouping, words in wanted
    ]
