"""Plotly figures of the comparison, the curves and the located share; they draw numbers that were computed elsewhere.

All are in the palette's light colours, which the page exchanges for the dark ones.
"""

import html
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from tacitly.report.curves import ReliabilityPoint, RocPoints
from tacitly.report.names import GROUPINGS, method_name, showable
from tacitly.report.palette import LIGHT
from tacitly.report.results import Estimate, Evaluation, Grouping, LocatedShare

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"

_STROKES = {"by_entity": ("accent", "solid", "circle"), "by_answer": ("contrast", "dash", "diamond")}
_KINDS = (("control", "controls"), ("baseline", "baselines"), ("accent", "probe"))


def figure_text(text: str, *, width: int | None = None) -> str:
    """Text for a figure, which reads some HTML: escaped, and wrapped to two lines of `width` characters if given.

    Example:
        >>> figure_text("<b>one</b> two", width=10)
        '&lt;b&gt;one&lt;/b&gt;<br>two'
    """
    lines = textwrap.wrap(showable(text), width, max_lines=2, placeholder="\u2026") if width else [showable(text)]
    return "<br>".join(html.escape(line) for line in lines)


def base_layout(*, height: int, **more: object) -> dict[str, Any]:
    """What all figures share: transparent, our font, no frame, nothing that a dragging finger would change."""
    axis = {
        "gridcolor": LIGHT["line"],
        "linecolor": LIGHT["line"],
        "zeroline": False,
        "tickfont": {"size": 11, "color": LIGHT["soft"]},
        "title": {"font": {"size": 12, "color": LIGHT["soft"]}, "standoff": 8},
        "automargin": True,
        "fixedrange": True,
    }
    return {
        "template": "none",
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 14, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": LIGHT["ink"]},
        "hoverlabel": {
            "bgcolor": LIGHT["panel"],
            "bordercolor": LIGHT["line"],
            "font": {"family": FONT, "size": 12, "color": LIGHT["ink"]},
            "align": "left",
        },
        "dragmode": False,
        "hoverdistance": 40,
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": LIGHT["line"], "activecolor": LIGHT["soft"]},
        "xaxis": axis,
        "yaxis": axis,
        **more,
    }


def comparison_figure(side: Evaluation, *, ends: tuple[float, float]) -> go.Figure | None:
    """Bars of the probe, the baselines and the controls, which start at 0.5 and bear their intervals.

    Args:
        side: The figures of one grouping.
        ends: Where the axis begins and ends, the same for both groupings.

    Returns:
        The best of each kind at the top, or None where nothing is defined.
    """
    kinds = comparison_estimates(side)
    figure = go.Figure()
    labels: list[str] = []
    for part, kind in _KINDS:
        named = sorted(kinds[kind].items(), key=lambda item: item[1].value or 0.0)
        if not named:
            continue
        names = [_label(method_name(name)) for name, _ in named]
        figure.add_trace(_bars([estimate for _, estimate in named], names, first=len(labels), kind=kind, part=part))
        labels += names
    if not labels:
        return None
    figure.update_layout(
        base_layout(
            height=74 + 32 * len(labels),
            bargap=0.38,
            showlegend=True,
            legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "reversed"},
        )
    )
    figure.update_xaxes(title_text="AUROC (0.5 is guessing)", dtick=0.1, tickformat=".1f", range=ends)
    figure.update_yaxes(
        tickvals=list(range(len(labels))),
        ticktext=labels,
        range=[-0.6, len(labels) - 0.4],
        showgrid=False,
        tickfont_color=LIGHT["ink"],
    )
    figure.add_vline(x=0.5, line_color=LIGHT["soft"], line_width=1)
    return figure


def comparison_estimates(side: Evaluation) -> dict[str, dict[str, Estimate]]:
    """The defined figures of one grouping by kind (`probe`, `baselines`, `controls`) and name."""
    kinds = {"probe": {"probe": side.estimate("best")}, "baselines": side.family("baselines")}
    kinds["controls"] = side.family("controls")
    return {
        kind: {name: estimate for name, estimate in named.items() if estimate.value is not None}
        for kind, named in kinds.items()
    }


def comparison_ends(sides: Sequence[Evaluation]) -> tuple[float, float]:
    """An axis that holds every interval of all the groupings, and 0.5 to 0.7 in any case."""
    estimates = [found for side in sides for named in comparison_estimates(side).values() for found in named.values()]
    numbers = [number for found in estimates for number in (found.value, found.low, found.high) if number is not None]
    return max(0.0, min([0.5, *numbers]) - 0.02), min(1.0, max([0.7, *numbers]) + 0.02)


def _label(name: str) -> str:
    """A method's name on at most two lines, broken at its comma if it has one."""
    first, _, second = name.partition(", ")
    return (
        f"{figure_text(first)},<br>{figure_text(second)}" if second and len(name) < 48 else figure_text(name, width=24)
    )


def _bars(estimates: Sequence[Estimate], names: Sequence[str], *, first: int, kind: str, part: str) -> go.Bar:
    values = [estimate.value or 0.0 for estimate in estimates]
    ends = [(estimate.low, estimate.high) for estimate in estimates]
    return go.Bar(
        name=kind,
        orientation="h",
        y=list(range(first, first + len(names))),
        x=[value - 0.5 for value in values],
        base=0.5,
        marker={"color": LIGHT[part], "line": {"width": 0}},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [0 if high is None else high - value for value, (_, high) in zip(values, ends, strict=True)],
            "arrayminus": [0 if low is None else value - low for value, (low, _) in zip(values, ends, strict=True)],
            "color": LIGHT["ink"],
            "thickness": 1.2,
            "width": 3,
        },
        hovertext=[
            f"<b>{name}</b><br>AUROC {estimate.text()}" for name, estimate in zip(names, estimates, strict=True)
        ],
        hoverinfo="text",
    )


def roc_figure(curves: Mapping[Grouping, RocPoints]) -> go.Figure:
    """The nested probe's ROC curve under each grouping.

    Args:
        curves: By grouping; those that are not defined are left out.
    """
    figure = go.Figure(_diagonal("guessing"))
    for grouping, points in curves.items():
        part, dash, _ = _STROKES[grouping]
        figure.add_trace(
            go.Scatter(
                name=GROUPINGS[grouping],
                x=points.wrong.tolist(),
                y=points.right.tolist(),
                mode="lines",
                line={"color": LIGHT[part], "width": 2.2, "dash": dash},
                hovertemplate="lets through %{x:.0%} of the wrong answers<br>and %{y:.0%} of the right ones<extra>"
                f"{GROUPINGS[grouping]}</extra>",
            )
        )
    return _square(figure, x="wrong answers let through", y="right answers let through")


def reliability_figure(curves: Mapping[Grouping, Sequence[ReliabilityPoint]]) -> go.Figure:
    """How often answers that the probe calls so likely right were right, under each grouping.

    Args:
        curves: By grouping; those that are not defined are left out.
    """
    figure = go.Figure(_diagonal("as it should be"))
    for grouping, bins in curves.items():
        part, dash, symbol = _STROKES[grouping]
        figure.add_trace(
            go.Scatter(
                name=GROUPINGS[grouping],
                x=[found.probability for found in bins],
                y=[found.right for found in bins],
                mode="lines+markers",
                line={"color": LIGHT[part], "width": 1.4, "dash": dash},
                marker={"color": LIGHT[part], "size": 7, "symbol": symbol},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [found.high - found.right for found in bins],
                    "arrayminus": [found.right - found.low for found in bins],
                    "color": LIGHT[part],
                    "thickness": 1,
                    "width": 0,
                },
                customdata=[found.answers for found in bins],
                hovertemplate="said %{x:.0%}: %{y:.0%} right<br>%{customdata} answers<extra>"
                f"{GROUPINGS[grouping]}</extra>",
            )
        )
    return _square(figure, x="probability of being right, by the probe", y="share that was right")


def located_figure(shares: Mapping[str, LocatedShare]) -> go.Figure | None:
    """Bars of the share of right and of wrong answers in which an exact answer was found."""
    known = {f"{word} answers": found for word, found in shares.items() if found.value is not None}
    if not known:
        return None
    values = [found.value or 0.0 for found in known.values()]
    figure = go.Figure(
        go.Bar(
            orientation="h",
            x=values,
            y=list(known),
            marker={"color": LIGHT["accent"]},
            text=[f"{found.located:,.0f} of {found.answers:,.0f}" for found in known.values()],
            textposition="auto",
            insidetextanchor="start",
            insidetextfont={"color": LIGHT["paper"], "size": 12},
            outsidetextfont={"color": LIGHT["ink"], "size": 12},
            hovertemplate="%{y}: %{x:.1%} located<extra></extra>",
        )
    )
    figure.update_layout(base_layout(height=64 + 36 * len(known), bargap=0.35, showlegend=False))
    figure.update_xaxes(range=[0, 1], tickformat=".0%", dtick=0.25)
    figure.update_yaxes(autorange="reversed", showgrid=False, tickfont_color=LIGHT["ink"])
    return figure


def _diagonal(name: str) -> go.Scatter:
    return go.Scatter(
        name=name,
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": LIGHT["soft"], "width": 1, "dash": "dot"},
        hoverinfo="skip",
    )


def _square(figure: go.Figure, *, x: str, y: str) -> go.Figure:
    legend = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}
    figure.update_layout(base_layout(height=400, showlegend=True, legend=legend))
    figure.update_xaxes(title_text=x, range=[-0.01, 1.01], tickformat=".0%", dtick=0.25)
    figure.update_yaxes(title_text=y, range=[-0.01, 1.01], tickformat=".0%", dtick=0.25)
    return figure
