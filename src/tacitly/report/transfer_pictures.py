"""The heat maps of a transfer: AUROC, and by how much it beats the best token probability."""

import plotly.graph_objects as go

from tacitly.report.comparison_lines import shown
from tacitly.report.figures import base_layout, figure_text
from tacitly.report.names import GROUPINGS, showable
from tacitly.report.palette import LIGHT, SCALE
from tacitly.report.pictures import Picture
from tacitly.report.results import Grouping
from tacitly.report.transfer_matrix import OTHERS, Figure, TransferMatrix

_LEAST_REACH = 0.1
_MIDDLE = {"auroc": 0.5, "minus_baseline": 0.0}
_TITLE = {"auroc": "AUROC", "minus_baseline": "AUROC minus the best token probability"}
_WIDEST = 26


def transfer_pictures(matrix: TransferMatrix, grouping: Grouping) -> list[Picture]:
    """Both heat maps of one grouping; none where nothing is defined."""
    figures: tuple[Figure, ...] = ("auroc", "minus_baseline")
    return [_picture(matrix, grouping, figure) for figure in figures if _reach(matrix, figure) is not None]


def _picture(matrix: TransferMatrix, grouping: Grouping, figure: Figure) -> Picture:
    signed = figure == "minus_baseline"
    caption = (
        "Blue: better than the target’s own best token probability; orange: worse."
        if signed
        else "0.5 is guessing. Blue: right answers score higher on the other task too; orange: lower."
    )
    return Picture(
        key=f"transfer-{figure.replace('_', '-')}-{grouping.replace('_', '-')}",
        figure=_heatmap(matrix, figure),
        title=_TITLE[figure],
        caption=f"Trained on the line’s task, tested on the column’s, {GROUPINGS[grouping]}. {caption} Framed: each "
        "task’s own nested probe.",
        header=("trained on", *(showable(name) for name in matrix.tested)),
        lines=[
            [showable(a), *(shown(matrix.estimate(a, b, figure), signed=signed)[0] for b in matrix.tested)]
            for a in matrix.trained
        ],
    )


def _reach(matrix: TransferMatrix, figure: Figure) -> float | None:
    """How far from the middle the colours must reach; None where no figure is defined."""
    values = [
        value for a in matrix.trained for b in matrix.tested
        if (value := matrix.estimate(a, b, figure).value) is not None
    ]  # fmt: skip
    if not values:
        return None
    furthest = max(abs(value - _MIDDLE[figure]) for value in values)
    return max(_LEAST_REACH, -(-furthest // 0.05) * 0.05)


def _heatmap(matrix: TransferMatrix, figure: Figure) -> go.Figure:
    """Draw one matrix; what is not defined is grey and crossed, and the diagonal is framed."""
    middle, reach = _MIDDLE[figure], _reach(matrix, figure) or _LEAST_REACH
    signed = figure == "minus_baseline"
    lines = [[matrix.estimate(a, b, figure) for b in matrix.tested] for a in matrix.trained]
    barred = [[1 if estimate.value is None else None for estimate in line] for line in lines]
    shared = {
        "hoverinfo": "text",
        "hovertext": [[_hover(matrix, a, b, figure) for b in matrix.tested] for a in matrix.trained],
        "hoverongaps": False,
        "xgap": 2,
        "ygap": 2,
    }
    drawn = go.Figure(
        [
            go.Heatmap(
                z=[[estimate.value for estimate in line] for line in lines],
                text=[["" if e.value is None else shown(e, signed=signed)[0] for e in line] for line in lines],
                texttemplate="%{text}",
                textfont={"size": 12},
                colorscale=[list(stop) for stop in SCALE],
                zmin=middle - reach,
                zmax=middle + reach,
                colorbar={
                    "thickness": 9, "outlinewidth": 0, "tickformat": "+.2f" if signed else ".2f", "len": 1, "x": 1.01,
                    "xpad": 4,
                },
                **shared,
            ),
            go.Heatmap(
                z=barred,
                colorscale=[[0, LIGHT["ineligible"]], [1, LIGHT["ineligible"]]],
                showscale=False,
                text=[["×" if mark else "" for mark in line] for line in barred],
                texttemplate="%{text}",
                textfont={"size": 11, "color": LIGHT["cross"]},
                **shared,
            ),
        ]
    )  # fmt: skip
    frames = [
        {
            "type": "rect", "x0": column - 0.5, "x1": column + 0.5, "y0": line - 0.5, "y1": line + 0.5,
            "line": {"color": LIGHT["ink"], "width": 1.5},
        }
        for line, a in enumerate(matrix.trained) for column, b in enumerate(matrix.tested) if a == b
    ]  # fmt: skip
    drawn.update_layout(base_layout(height=170 + 40 * len(matrix.trained), showlegend=False, shapes=frames))
    drawn.update_xaxes(
        title_text="tested on",
        tickvals=list(range(len(matrix.tested))),
        ticktext=[_tick(name) for name in matrix.tested],
        tickangle=-35,
        showgrid=False,
    )
    drawn.update_yaxes(
        title_text="trained on",
        tickvals=list(range(len(matrix.trained))),
        ticktext=[_tick(name) if name != OTHERS else f"<i>{OTHERS}</i>" for name in matrix.trained],
        range=[len(matrix.trained) - 0.5, -0.5],
        showgrid=False,
    )
    return drawn


def _tick(name: str) -> str:
    """A run's name, cut at its front, since it is the end of a path."""
    return figure_text(name if len(name) <= _WIDEST else "…" + name[1 - _WIDEST :])


def _hover(matrix: TransferMatrix, trained: str, tested: str, figure: Figure) -> str:
    estimate = matrix.estimate(trained, tested, figure)
    head = f"<b>{_tick(trained)} → {_tick(tested)}</b>"
    if estimate.value is None:
        return f"{head}<br>not defined: {figure_text(estimate.reason or '', width=46)}"
    text = estimate.text(signed=figure == "minus_baseline", minus="−")
    rows = matrix.entries[trained, tested].get("rows")
    return f"{head}<br>{_TITLE[figure]} {text}" + (f"<br>{rows:,} tested answers" if rows else "")
