"""Figures of two models side by side: dots before and after, and the difference of two heat maps."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from tacitly.report.figures import base_layout, figure_text
from tacitly.report.names import ordered_positions, position_name
from tacitly.report.palette import LIGHT, SCALE
from tacitly.report.results import Estimate

_SIDES = (("base", "baseline", "circle", 0.14), ("tuned", "accent", "diamond", -0.14))
_LEAST_REACH = 0.05
Pair = tuple[str, Estimate, Estimate]


def before_after_figure(
    pairs: Sequence[Pair], *, title: str, percent: bool = False, middle: float | None = None
) -> go.Figure | None:
    """A line for each figure, with a dot and an interval for the base model and for the tuned one.

    Args:
        pairs: Label, the base model's figure and the tuned model's; those that neither has are left out.
        title: What the axis shows.
        percent: Whether the axis is in percent.
        middle: Where a line is drawn, such as at guessing.
    """
    known = [pair for pair in pairs if pair[1].value is not None or pair[2].value is not None][::-1]
    if not known:
        return None
    figure = go.Figure()
    columns = ([pair[1] for pair in known], [pair[2] for pair in known])
    for (side, part, symbol, lift), column in zip(_SIDES, columns, strict=True):
        estimates = [(row, pair[0], e) for row, (pair, e) in enumerate(zip(known, column, strict=True))]
        defined = [entry for entry in estimates if entry[2].value is not None]
        figure.add_trace(_dots(defined, side=side, colour=LIGHT[part], symbol=symbol, lift=lift, percent=percent))
    legend = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}
    figure.update_layout(base_layout(height=86 + 46 * len(known), showlegend=True, legend=legend))
    numbers = [n for column in columns for e in column for n in (e.value, e.low, e.high) if n is not None]
    numbers += [] if middle is None else [middle]
    room = 0.04 * max(0.1, max(numbers) - min(numbers))
    ends = [max(0.0, min(numbers) - room), min(1.0, max(numbers) + room)]
    figure.update_xaxes(title_text=title, range=ends, tickformat=".0%" if percent else ".2f", nticks=7)
    figure.update_yaxes(
        tickvals=list(range(len(known))),
        ticktext=[figure_text(label, width=22) for label, *_ in known],
        range=[-0.6, len(known) - 0.4],
        showgrid=False,
        tickfont_color=LIGHT["ink"],
    )
    if middle is not None:
        figure.add_vline(x=middle, line_color=LIGHT["soft"], line_width=1)
    return figure


def _dots(
    estimates: Sequence[tuple[int, str, Estimate]], *, side: str, colour: str, symbol: str, lift: float, percent: bool
) -> go.Scatter:
    values = [estimate.value or 0.0 for *_, estimate in estimates]
    form = ".0%" if percent else ".2f"
    return go.Scatter(
        name=f"{side} model",
        mode="markers",
        x=values,
        y=[row + lift for row, *_ in estimates],
        marker={"color": colour, "size": 9, "symbol": symbol},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [0 if e.high is None else e.high - (e.value or 0.0) for *_, e in estimates],
            "arrayminus": [0 if e.low is None else (e.value or 0.0) - e.low for *_, e in estimates],
            "color": colour,
            "thickness": 1.6,
            "width": 3,
        },
        hovertext=[f"<b>{figure_text(label)}</b><br>{side} {_interval(e, form)}" for _, label, e in estimates],
        hoverinfo="text",
    )


def _interval(estimate: Estimate, form: str) -> str:
    text = format(estimate.value or 0.0, form)
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{format(estimate.low, form)}, {format(estimate.high, form)}]"


def difference_reach(cells: Sequence[Mapping[str, Any]]) -> float:
    """How far from 0 the colours of a difference must reach: to the furthest one, and at least 0.05.

    Example:
        >>> difference_reach([{"difference": -0.12}, {"difference": None}])
        0.15
    """
    furthest = max((abs(cell["difference"]) for cell in cells if cell["difference"] is not None), default=0.0)
    return round(max(_LEAST_REACH, -(-furthest // 0.05) * 0.05), 2)


def difference_figure(cells: Sequence[Mapping[str, Any]], *, reach: float) -> go.Figure:
    """Draw the difference of two heat maps; no difference is the neutral colour, what is missing grey and crossed.

    Args:
        cells: Entries of `grid_difference` of one set, grouping and site.
        reach: How far from 0 the colours go.
    """
    by_place = {(int(cell["layer"]), str(cell["position"])): cell for cell in cells}
    layers = sorted({layer for layer, _ in by_place})
    positions = ordered_positions(position for _, position in by_place)
    found = [[by_place.get((layer, position)) for position in positions] for layer in layers]
    barred = [[1 if cell and cell["difference"] is None else None for cell in line] for line in found]
    shared = {
        "x": [figure_text(position_name(position)) for position in positions],
        "y": layers,
        "hoverinfo": "text",
        "hovertext": [[_hover(cell) for cell in line] for line in found],
        "hoverongaps": False,
        "xgap": 1,
        "ygap": 1,
    }
    figure = go.Figure(
        [
            go.Heatmap(
                z=[[cell["difference"] if cell else None for cell in line] for line in found],
                colorscale=[list(stop) for stop in SCALE],
                zmin=-reach,
                zmax=reach,
                colorbar={"thickness": 9, "outlinewidth": 0, "tickformat": "+.2f", "len": 1, "x": 1.01, "xpad": 4},
                **shared,
            ),
            go.Heatmap(
                z=barred,
                colorscale=[[0, LIGHT["ineligible"]], [1, LIGHT["ineligible"]]],
                showscale=False,
                text=[["×" if mark else "" for mark in line] for line in barred],
                texttemplate="%{text}",
                textfont={"size": 9, "color": LIGHT["cross"]},
                **shared,
            ),
        ]
    )
    figure.update_layout(base_layout(height=150 + max(120, 12 * len(layers)), showlegend=False))
    figure.update_xaxes(tickangle=-90, showgrid=False, type="category", tickfont_size=10)
    figure.update_yaxes(title_text="layer", showgrid=False, dtick=5 if len(layers) > 16 else 1)
    return figure


def _hover(cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return ""
    head = f"<b>layer {cell['layer']}, {figure_text(str(cell['position']))}</b>"
    if cell["difference"] is None:
        return f"{head}<br>no difference: {figure_text(str(cell.get('reason', '')), width=40)}"
    return f"{head}<br>tuned {cell['tuned']:.2f}, base {cell['base']:.2f}: {cell['difference']:+.2f}"
