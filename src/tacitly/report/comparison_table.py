"""The short table that ends a comparison in the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from tacitly.report.comparison_exchange import foreign_figures
from tacitly.report.comparison_lines import PART_NAMES, change_lines, headline_answers, shown
from tacitly.report.names import GROUPINGS, showable
from tacitly.report.results import GROUPING_ORDER, mapping_in

_LABELS = (
    "accuracy",
    "wrong and sure (0.5 or more)",
    "probe, by entity",
    "best baseline, by entity",
    "probe minus baseline, by entity",
    "probe minus control, by entity",
    "probe, by answer",
)
_OF_PARTS = ("accuracy", "wrong and sure (0.5 or more)", "probe, by entity")


def comparison_table(comparison: Mapping[str, Any]) -> Table:
    """The headline figures before and after, no wider than 80 columns.

    Args:
        comparison: The content of `comparison.json`.

    Example:
        >>> print(comparison_table({"task": "cities"}).title)
        cities, before and after
    """
    parts = mapping_in(comparison, "parts")
    table = Table(title=_plain(f"{comparison.get('task') or 'unnamed task'}, before and after"), title_style="bold")
    table.box, table.width, table.caption_justify = SIMPLE_HEAD, 79, "left"
    table.caption = _plain(
        "Probe, baseline: AUROC of finding errors. Differences: 95 % intervals; the page says why where "
        "there is none. –: not defined."
    )
    table.add_column("", overflow="fold", min_width=34)
    for name in ("base", "tuned", "difference"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("all", *(name for name in PART_NAMES if name in parts and name != "all")):
        if name != "all":
            table.add_section()
            table.add_row(_plain(f"{PART_NAMES[name]} ({parts[name].get('shared_questions', 0):,})"), style="bold")
        for cells in _rows(comparison, name):
            table.add_row(*map(_plain, cells), style="bold" if cells[0] == "accuracy" and name == "all" else "")
    return table


def _rows(comparison: Mapping[str, Any], name: str) -> Iterator[list[str]]:
    part, answers = mapping_in(mapping_in(comparison, "parts"), name), headline_answers(comparison)
    lines = {line.label: line for line in change_lines(part, answers=answers)}
    for label in _LABELS if name == "all" else _OF_PARTS:
        (base, _), (tuned, _), (value, interval) = map(lines[label].shown, ("base", "tuned", "difference"))
        difference = f"{value} [{interval.replace(' to ', ', ')}]" if interval else value
        yield [label, *(text.replace("not defined", "–") for text in (base, tuned, difference))]
    if name == "all":
        for grouping in GROUPING_ORDER:
            foreign = [shown(one)[0] for one in foreign_figures(part, answers=answers, grouping=grouping)]
            cells = (text.replace("not defined", "–") for text in foreign)
            yield [f"the other model's probe, {GROUPINGS[grouping]}", *cells, ""]


def _plain(text: str) -> Text:
    return Text(showable(text))
