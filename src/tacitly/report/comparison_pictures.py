"""The pictures of the before-and-after page, each with its caption and its numbers as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from tacitly.report.comparison_exchange import foreign_figures
from tacitly.report.comparison_figures import Pair, before_after_figure, difference_figure, difference_reach
from tacitly.report.comparison_lines import PART_NAMES, change_lines, shown
from tacitly.report.heatmap import cell_grid, grid_reach, heatmap_figure
from tacitly.report.names import GROUPINGS, ordered_positions, position_name, site_name
from tacitly.report.pictures import Picture
from tacitly.report.results import GROUPING_ORDER, AnswerSet, Estimate, evaluation, mapping_in

_HEADER = ("figure", "base", "95 % interval", "tuned", "95 % interval")


def change_pictures(comparison: Mapping[str, Any], *, answers: AnswerSet) -> list[Picture]:
    """What it knows and what it shows, before and after, for all questions and each part of them.

    Args:
        comparison: The content of `comparison.json`.
        answers: Whose probes are shown.
    """
    parts = {name: part for name, part in mapping_in(comparison, "parts").items() if name in PART_NAMES}
    knows: list[Pair] = []
    shows: list[Pair] = []
    for name, part in parts.items():
        suffix = f", {PART_NAMES[name]}" if len(parts) > 1 else ""
        lines = {line.label: line for line in change_lines(part, answers=answers)}
        for label in ("accuracy", "wrong and sure (0.5 or more)"):
            line = lines[label]
            knows.append((label.split(" (")[0] + suffix, line.base, line.tuned))
        wanted = [f"{what}, {how}" for how in GROUPINGS.values() for what in ("probe", "best baseline")]
        chosen = [(label, lines[label]) for label in (wanted if name == "all" else wanted[:1])]
        ending = "" if name == "all" else suffix
        shows += [(label + ending, line.base, line.tuned) for label, line in chosen]
        if name == "all":
            for grouping in GROUPING_ORDER:
                foreign = foreign_figures(part, answers=answers, grouping=grouping)
                shows.append((f"the other model's probe, {GROUPINGS[grouping]}", *foreign))
    pictures = [
        _dots_picture(
            knows,
            key="knows",
            title="What it knows",
            caption="Share of answers that are right, and that are wrong though the mean probability of their tokens "
            "is 0.5 or more; both models on the same questions, with 95 % intervals.",
            axis="share of answers",
            percent=True,
        ),
        _dots_picture(
            shows,
            key="shows",
            title="What it shows",
            caption="AUROC of finding errors; both models on the questions that both have a score for, with 95 % "
            "intervals. The line is guessing.",
            axis="AUROC",
            middle=0.5,
        ),
    ]
    return [picture for picture in pictures if picture is not None]


def _dots_picture(
    pairs: Sequence[Pair],
    *,
    key: str,
    title: str,
    caption: str,
    axis: str,
    percent: bool = False,
    middle: float | None = None,
) -> Picture | None:
    figure = before_after_figure(pairs, title=axis, percent=percent, middle=middle)
    if figure is None:
        return None

    def cells(estimate: Estimate) -> tuple[str, str]:
        return shown(estimate, percent=percent)

    lines = [[label, *cells(base), *cells(tuned)] for label, base, tuned in pairs]
    return Picture(key=key, figure=figure, title=title, caption=caption, header=_HEADER, lines=lines)


def heatmap_trios(
    comparison: Mapping[str, Any], *, base: Mapping[str, Any], tuned: Mapping[str, Any], answers: AnswerSet
) -> list[list[Picture]]:
    """For each site and grouping the base model's heat map, the tuned model's, and their difference.

    Args:
        comparison: The content of `comparison.json`.
        base: The base run's `metrics.json`.
        tuned: The tuned run's.
        answers: Located answers, or all.
    """
    differences = comparison.get("grid_difference") or []
    sites = list(dict.fromkeys(str(cell["site"]) for cell in differences if cell["set"] == answers))
    trios = []
    for site in sites:
        for grouping in GROUPING_ORDER:
            cells = [c for c in differences if (c["set"], c["grouping"], c["site"]) == (answers, grouping, site)]
            if not cells:
                continue
            grids = {}
            for name, metrics in (("base", base), ("tuned", tuned)):
                best = mapping_in(evaluation(metrics, grouping, answers=answers).entry, "best")
                grids[name] = cell_grid(
                    metrics["grid"], site=site, grouping=grouping, answers=answers, chosen=best.get("cells") or ()
                )
            reach = grid_reach(list(grids.values()))
            place = f"{sites.index(site)}-{grouping}"
            what = f"{site_name(site)}, {GROUPINGS[grouping]}"
            trio = [
                Picture(
                    key=f"heatmap-{name}-{place}",
                    figure=heatmap_figure(grid, reach=reach),
                    title=f"{name.capitalize()} model: {what}",
                    caption=f"AUROC of the {name} model's probes. Circles: cells that the folds chose.",
                    header=("layer", *(position_name(position) for position in grid.positions)),
                    lines=[
                        [str(layer), *(_number(grid.cells.get((layer, p))) for p in grid.positions)]
                        for layer in reversed(grid.layers)
                    ],
                )
                for name, grid in grids.items()
                if grid.cells
            ]
            trios.append([*trio, _difference_picture(cells, key=f"heatmap-difference-{place}", what=what)])
    return trios


def _difference_picture(cells: Sequence[Mapping[str, Any]], *, key: str, what: str) -> Picture:
    positions = ordered_positions(str(cell["position"]) for cell in cells)
    places = {(int(cell["layer"]), str(cell["position"])): cell["difference"] for cell in cells}
    known = {place: value for place, value in places.items() if value is not None}
    if known:
        up, down = max(known, key=lambda place: known[place]), min(known, key=lambda place: known[place])
        ends = "; ".join(f"{known[p]:+.2f} at layer {p[0]}, {p[1]}" for p in dict.fromkeys((up, down)))
        peak = f"From end to end: {ends}."
    else:
        peak = "No cell is defined in both."
    return Picture(
        key=key,
        figure=difference_figure(cells, reach=difference_reach(cells)),
        title=f"Difference: {what}",
        caption=f"Tuned minus base: blue where errors show better after tuning, orange where worse. {peak}".replace(
            "-", "−"
        ),
        header=("layer", *(position_name(position) for position in positions)),
        lines=[
            [str(layer), *(_signed(places.get((layer, position))) for position in positions)]
            for layer in sorted({layer for layer, _ in places}, reverse=True)
        ],
    )


def _number(cell: Any) -> str:
    if cell is None:
        return ""
    return f"{cell.estimate.value:.2f}" if cell.eligible and cell.estimate.value is not None else "×"


def _signed(value: float | None) -> str:
    return "×" if value is None else f"{value:+.2f}".replace("-", "−")
