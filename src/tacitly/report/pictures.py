"""Every figure of the page with its title, its caption, and its numbers as a table for those who do not see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from tacitly.report.curves import CALIBRATED, probe_scores, reliability_points, roc_points
from tacitly.report.figures import comparison_ends, comparison_figure, located_figure, reliability_figure, roc_figure
from tacitly.report.heatmap import CellGrid, cell_grid, grid_reach, grid_sites, heatmap_figure
from tacitly.report.names import GROUPINGS, method_name, position_name, site_name
from tacitly.report.results import GROUPING_ORDER, AnswerSet, Evaluation, evaluation, located_shares, mapping_in


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure of the page and its text alternative."""

    key: str
    figure: go.Figure
    title: str
    caption: str
    header: Sequence[str]
    lines: Sequence[Sequence[str]]

    @property
    def height(self) -> int:
        """Pixels that the page keeps free for it."""
        return int(self.figure.layout.height)


def comparison_pictures(metrics: Mapping[str, Any]) -> list[Picture]:
    """Probe, baselines and controls, one picture per grouping that is defined."""
    pictures = []
    sides = {grouping: evaluation(metrics, grouping) for grouping in GROUPING_ORDER}
    ends = comparison_ends(list(sides.values()))
    for grouping, side in sides.items():
        figure = comparison_figure(side, ends=ends)
        if figure is not None:
            name = GROUPINGS[grouping]
            pictures.append(
                Picture(
                    key=f"comparison-{grouping}",
                    figure=figure,
                    title=name.capitalize(),
                    caption=f"AUROC {name} of the probe, the baselines and the controls, with 95 % intervals.",
                    header=("kind", "method", "AUROC", "95 % interval"),
                    lines=_comparison_lines(side),
                )
            )
    return pictures


def _comparison_lines(side: Evaluation) -> list[list[str]]:
    kinds = {
        "probe": {"probe": side.estimate("best")},
        "baseline": side.family("baselines"),
        "control": side.family("controls"),
    }
    lines = []
    for kind, named in kinds.items():
        undefined: dict[str, list[str]] = {}
        for name, estimate in sorted(named.items(), key=lambda item: -(item[1].value or 0.0)):
            if estimate.value is None:
                undefined.setdefault(str(estimate.reason), []).append(method_name(name))
                continue
            ends = f"{estimate.low:.3f} to {estimate.high:.3f}" if estimate.low is not None else ""
            lines.append([kind, method_name(name), f"{estimate.value:.3f}", ends])
        lines += [[kind, "; ".join(names), f"not defined: {reason}", ""] for reason, names in undefined.items()]
    return lines


def curve_pictures(scores: pd.DataFrame, rows: pd.DataFrame) -> list[Picture]:
    """ROC and reliability of the nested probe over located answers, as far as they are defined."""
    scored = {grouping: probe_scores(scores, rows, grouping=grouping) for grouping in GROUPING_ORDER}
    curves = {grouping: points for grouping, frame in scored.items() if (points := roc_points(frame)) is not None}
    bins = {}
    for grouping, frame in scored.items():
        calibrated = probe_scores(scores, rows, grouping=grouping, method=CALIBRATED)
        if found := reliability_points(frame if calibrated.empty else calibrated):
            bins[grouping] = found
    pictures = []
    if curves:
        pictures.append(
            Picture(
                key="roc",
                figure=roc_figure(curves),
                title="ROC curve",
                caption="Letting through answers from the most trusted down: the share of right answers that passes "
                "against the share of wrong ones that slips through. The further above the dotted line, the better. "
                "Mean over the folds, as the headline figure is.",
                header=("grouping", "wrong answers let through", "right answers let through"),
                lines=[
                    [GROUPINGS[grouping], f"{100 * points.wrong[at]:.0f} %", f"{100 * points.right[at]:.0f} %"]
                    for grouping, points in curves.items()
                    for at in range(11, len(points.wrong), 10)
                ],
            )
        )
    if bins:
        pictures.append(
            Picture(
                key="reliability",
                figure=reliability_figure(bins),
                title="Calibration",
                caption="Answers in groups of equal size, by how likely right the probe calls them: on the dotted "
                "line, of those called 70 % likely just 70 % are right. Below it the probe is too trusting, above it "
                "too doubtful.",
                header=("grouping", "said", "right", "95 % interval", "answers"),
                lines=[
                    [
                        GROUPINGS[grouping],
                        f"{100 * found.probability:.0f} %",
                        f"{100 * found.right:.0f} %",
                        f"{100 * found.low:.0f} to {100 * found.high:.0f} %",
                        str(found.answers),
                    ]
                    for grouping, several in bins.items()
                    for found in several
                ],
            )
        )
    return pictures


def heatmap_pictures(metrics: Mapping[str, Any], *, answers: AnswerSet) -> list[Picture]:
    """One heat map for each site and grouping, all on one colour scale."""
    cells = metrics.get("grid")
    grid = cells if isinstance(cells, list) else []
    grids: dict[tuple[str, str], CellGrid] = {}
    for grouping in GROUPING_ORDER:
        best = mapping_in(evaluation(metrics, grouping, answers=answers).entry, "best")
        for site in grid_sites(grid, grouping=grouping, answers=answers):
            grids[site, grouping] = cell_grid(
                grid, site=site, grouping=grouping, answers=answers, chosen=best.get("cells") or ()
            )
    reach = grid_reach(list(grids.values()))
    order = list(dict.fromkeys(site for site, _ in grids))
    return [
        _heatmap_picture(
            found,
            key=f"heatmap-{answers}-{order.index(site)}-{grouping}",
            title=f"{site_name(site)}, {GROUPINGS[grouping]}",
            reach=reach,
        )
        for (site, grouping), found in sorted(grids.items(), key=lambda item: order.index(item[0][0]))
    ]


def _heatmap_picture(grid: CellGrid, *, key: str, title: str, reach: float) -> Picture:
    eligible = {
        place: cell.estimate.value
        for place, cell in grid.cells.items()
        if cell.eligible and cell.estimate.value is not None
    }
    if eligible:
        layer, position = max(eligible, key=lambda place: eligible[place])
        peak = f"Highest: {eligible[layer, position]:.2f} at layer {layer}, {position}."
    else:
        peak = "No cell is eligible."
    return Picture(
        key=key,
        figure=heatmap_figure(grid, reach=reach),
        title=title,
        caption=f"Exploratory. {peak}" + (" Circles: cells that the folds chose." if grid.chosen else ""),
        header=("layer", *(position_name(position) for position in grid.positions)),
        lines=[
            [str(layer), *(_cell_text(grid, layer, position) for position in grid.positions)]
            for layer in reversed(grid.layers)
        ],
    )


def _cell_text(grid: CellGrid, layer: int, position: str) -> str:
    cell = grid.cells.get((layer, position))
    if cell is None:
        return ""
    if not cell.eligible or cell.estimate.value is None:
        return "\u00d7"
    return f"{cell.estimate.value:.2f}"


def located_pictures(metrics: Mapping[str, Any]) -> list[Picture]:
    """The located share by class, if anything was judged."""
    shares = located_shares(metrics)
    figure = located_figure(shares)
    if figure is None:
        return []
    lines = [
        [f"{word} answers", f"{found.located or 0:,.0f}", f"{found.answers or 0:,.0f}", f"{100 * found.value:.1f} %"]
        for word, found in shares.items()
        if found.value is not None
    ]
    return [
        Picture(
            key="located",
            figure=figure,
            title="Exact answer found",
            caption="Share of right and of wrong answers in which the words that answer the question were found.",
            header=("class", "located", "answers", "share"),
            lines=lines,
        )
    ]
