"""The table of results that ends a run in the terminal; the page shows the same lines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from tacitly.report.names import GROUPINGS, showable
from tacitly.report.results import (
    GROUPING_ORDER,
    AnswerSet,
    Estimate,
    evaluation,
    located_shares,
    mapping_in,
    number_in,
    reason_in,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLine:
    """One line of the table: what it is and its estimate under each grouping; `signed` marks a difference."""

    label: str
    by_entity: Estimate
    by_answer: Estimate
    signed: bool = False


_LINES = (
    ("best probe", "best", "auroc"),
    ("best baseline", "best_baseline", "auroc"),
    ("best control", "best_control", "auroc"),
    ("probe minus baseline", "gain_over_best_baseline", "diff"),
    ("probe minus control", "gain_over_best_control", "diff"),
    ("probe with baseline", "combined", "auroc"),
)


def result_lines(metrics: Mapping[str, Any], *, answers: AnswerSet = "located") -> list[ResultLine]:
    """The headline figures with both groupings side by side.

    Args:
        metrics: The content of `metrics.json`.
        answers: Over located answers, which is the headline, or over all of them.

    Example:
        >>> [line.label for line in result_lines({})][:3]
        ['best probe', 'best baseline', 'best control']
    """
    sides = {grouping: evaluation(metrics, grouping, answers=answers) for grouping in GROUPING_ORDER}
    return [
        ResultLine(
            label=label,
            by_entity=sides["by_entity"].estimate(part, key=key),
            by_answer=sides["by_answer"].estimate(part, key=key),
            signed=key == "diff",
        )
        for label, part, key in _LINES
    ]


def undefined_reasons(lines: list[ResultLine]) -> dict[str, str]:
    """Why a grouping has no figure for the best probe, by the grouping's name in words.

    Example:
        >>> undefined_reasons(result_lines({"by_entity": None, "by_entity_reason": "no right answers"}))["by entity"]
        'no right answers'
    """
    first = lines[0]
    sides = zip(GROUPINGS.values(), (first.by_entity, first.by_answer), strict=True)
    return {name: estimate.reason or "" for name, estimate in sides if estimate.value is None}


def result_table(metrics: Mapping[str, Any]) -> Table:
    """The result as a terminal shows it, no wider than 80 columns.

    Args:
        metrics: The content of `metrics.json`.

    Example:
        >>> from rich.console import Console
        >>> metrics = {"task": "cities", "model": {"name": "tiny"}, "accuracy": 0.5}
        >>> print(result_table(metrics).title)
        cities, answered by tiny
    """
    model = mapping_in(metrics, "model").get("name")
    title = f"{metrics.get('task') or 'unnamed task'}, answered by {model or 'an unnamed model'}"
    lines = result_lines(metrics)
    table = Table(title=_plain(title), title_style="bold", caption=_caption(lines), caption_justify="left", width=78)
    table.add_column("", ratio=12, overflow="fold")
    table.add_column("by entity", justify="right", ratio=10, overflow="fold")
    table.add_column("by answer", justify="right", ratio=10, overflow="fold")
    counts = mapping_in(metrics, "counts")
    accuracy = number_in(metrics, "accuracy")
    known = _count(number_in(counts, "correct"), _sum(number_in(counts, "correct"), number_in(counts, "incorrect")))
    table.add_row("accuracy", _percent(accuracy), known)
    for word, located in located_shares(metrics).items():
        table.add_row(f"located among {word}", _percent(located.value), _count(located.located, located.answers))
    table.add_section()
    for line in lines:
        if line.signed and not lines[lines.index(line) - 1].signed:
            table.add_section()
        if line.label == "probe with baseline":
            table.add_section()
        style = "bold" if line.label == "best probe" else ""
        shown = [estimate.text(signed=line.signed) for estimate in (line.by_entity, line.by_answer)]
        table.add_row(line.label, *shown, style=style)
    if accuracy is None:
        table.caption = _plain(f"{table.caption}\naccuracy not defined: {reason_in(metrics, 'accuracy')}")
    return table


def _caption(lines: list[ResultLine]) -> Text:
    notes = ["AUROC with its 95 % interval: 0.5 is guessing, 1 is perfect."]
    notes += [f"{name} not defined: {reason}" for name, reason in undefined_reasons(lines).items()]
    return _plain("\n".join(notes))


def _plain(text: str) -> Text:
    """Text in which nothing is markup and nothing steers the terminal."""
    return Text(showable(text))


def _percent(value: float | None) -> str:
    return "not defined" if value is None else f"{100 * value:.0f} %"


def _sum(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first + second


def _count(part: float | None, whole: float | None) -> str:
    return "" if part is None or whole is None else f"{part:,.0f} of {whole:,.0f}"
