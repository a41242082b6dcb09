"""The layer x position heat maps: every cell of the grid for one site, grouping and set of answers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from tacitly.report.figures import base_layout, figure_text
from tacitly.report.names import ordered_positions, position_name
from tacitly.report.palette import LIGHT, SCALE
from tacitly.report.results import Estimate, estimate_in, number_in

_LEAST_REACH = 0.1
_UNREACHED = "fewer than 95 % of both classes have this position"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of the grid: its estimate, on how many rows, and whether a fold could have chosen it."""

    estimate: Estimate
    rows: float | None
    eligible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CellGrid:
    """The cells of one site, by layer and position, and how many folds chose which."""

    layers: tuple[int, ...]
    positions: tuple[str, ...]
    cells: Mapping[tuple[int, str], Cell]
    chosen: Mapping[tuple[int, str], int]


def grid_sites(grid: Sequence[Mapping[str, Any]], *, grouping: str, answers: str) -> list[str]:
    """The sites that a part of the grid has, in its order.

    Example:
        >>> grid_sites([{"site": "mlp", "grouping": "by_entity"}], grouping="by_entity", answers="located")
        ['mlp']
    """
    return list(dict.fromkeys(str(cell["site"]) for cell in grid if _belongs(cell, grouping, answers)))


def cell_grid(
    grid: Sequence[Mapping[str, Any]],
    *,
    site: str,
    grouping: str,
    answers: str,
    chosen: Sequence[Mapping[str, Any]] = (),
) -> CellGrid:
    """Arrange the grid's entries of one site.

    Args:
        grid: The entries of `metrics.json`.
        site: Which site.
        grouping: Which folds.
        answers: Which set of answers, `located` or `all`.
        chosen: The cells that the nested folds chose (`best.cells`).

    Example:
        >>> entry = {"site": "mlp", "grouping": "by_entity", "layer": 3, "position": "-1", "auroc": 0.7}
        >>> cell_grid([entry], site="mlp", grouping="by_entity", answers="located").layers
        (3,)
    """
    cells = {
        (int(entry["layer"]), str(entry["position"])): Cell(
            estimate=estimate_in({"cell": entry}, "cell"),
            rows=number_in(entry, "rows"),
            eligible=bool(entry.get("eligible", True)),
        )
        for entry in grid
        if entry["site"] == site and _belongs(entry, grouping, answers)
    }
    picks = Counter((int(cell["layer"]), str(cell["position"])) for cell in chosen if cell.get("site") == site)
    picks = Counter({place: times for place, times in picks.items() if place in cells})
    return CellGrid(
        layers=tuple(sorted({layer for layer, _ in cells})),
        positions=tuple(ordered_positions(position for _, position in cells)),
        cells=cells,
        chosen=picks,
    )


def grid_reach(grids: Sequence[CellGrid]) -> float:
    """How far from 0.5 the colour scale must reach to hold every eligible cell of all the grids."""
    values = [
        cell.estimate.value
        for grid in grids
        for cell in grid.cells.values()
        if cell.eligible and cell.estimate.value is not None
    ]
    furthest = max((abs(value - 0.5) for value in values), default=_LEAST_REACH)
    return min(0.5, max(_LEAST_REACH, -(-furthest // 0.05) * 0.05))


def heatmap_figure(grid: CellGrid, *, reach: float) -> go.Figure:
    """Draw one grid; 0.5 is the neutral colour, and cells that no fold could choose are grey and crossed.

    Args:
        grid: The cells.
        reach: How far from 0.5 the colours go, the same for every heat map of a report.
    """
    names = [figure_text(position_name(position)) for position in grid.positions]
    cells = [[grid.cells.get((layer, position)) for position in grid.positions] for layer in grid.layers]
    shown = [[cell.estimate.value if cell and cell.eligible else None for cell in line] for line in cells]
    barred = [
        [1 if cell and (not cell.eligible or cell.estimate.value is None) else None for cell in line] for line in cells
    ]
    hover = [[_hover(grid, layer, position) for position in grid.positions] for layer in grid.layers]
    shared = {"x": names, "y": list(grid.layers), "hoverinfo": "text", "hovertext": hover, "xgap": 1, "ygap": 1}
    figure = go.Figure(
        [
            go.Heatmap(
                z=shown,
                colorscale=[list(stop) for stop in SCALE],
                zmin=0.5 - reach,
                zmax=0.5 + reach,
                colorbar={"thickness": 9, "outlinewidth": 0, "tickformat": ".2f", "len": 1, "x": 1.01, "xpad": 4},
                hoverongaps=False,
                **shared,
            ),
            go.Heatmap(
                z=barred,
                colorscale=[[0, LIGHT["ineligible"]], [1, LIGHT["ineligible"]]],
                showscale=False,
                text=[["\u00d7" if mark else "" for mark in line] for line in barred],
                texttemplate="%{text}",
                textfont={"size": 9, "color": LIGHT["cross"]},
                hoverongaps=False,
                **shared,
            ),
        ]
    )
    if grid.chosen:
        figure.add_traces([_rings(grid, part="paper", width=3.6), _rings(grid, part="ink", width=1.5)])
    figure.update_layout(base_layout(height=150 + max(120, 12 * len(grid.layers)), showlegend=False))
    figure.update_xaxes(tickangle=-90, showgrid=False, type="category", tickfont_size=10)
    figure.update_yaxes(title_text="layer", showgrid=False, **({"dtick": 5} if len(grid.layers) > 16 else {"dtick": 1}))
    return figure


def _rings(grid: CellGrid, *, part: str, width: float) -> go.Scatter:
    """Circles around the chosen cells; a light and a dark one, so that they show on every colour."""
    return go.Scatter(
        x=[figure_text(position_name(position)) for _, position in grid.chosen],
        y=[layer for layer, _ in grid.chosen],
        mode="markers",
        marker={
            "symbol": "circle-open",
            "size": [7 + 2 * times for times in grid.chosen.values()],
            "color": LIGHT[part],
            "line": {"width": width, "color": LIGHT[part]},
        },
        hoverinfo="skip",
    )


def _hover(grid: CellGrid, layer: int, position: str) -> str:
    cell = grid.cells.get((layer, position))
    if cell is None:
        return ""
    lines = [f"<b>layer {layer}, {figure_text(position)}</b>"]
    if cell.estimate.value is None:
        lines.append(f"not defined: {figure_text(cell.estimate.reason or '', width=40)}")
    else:
        lines.append(f"AUROC {cell.estimate.text()}")
    if cell.rows is not None:
        lines.append(f"{cell.rows:,.0f} rows")
    if not cell.eligible:
        lines.append(f"not eligible: {_UNREACHED}")
    if times := grid.chosen.get((layer, position)):
        lines.append(f"chosen by {times} {'fold' if times == 1 else 'folds'}")
    return "<br>".join(lines)


def _belongs(entry: Mapping[str, Any], grouping: str, answers: str) -> bool:
    return entry.get("grouping") == grouping and entry.get("set", "located") == answers
