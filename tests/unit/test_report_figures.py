"""Figures draw the numbers they are given, in colours that the page can exchange."""

import json
import re
from collections.abc import Iterator

import pytest

from tacitly.report.heatmap import cell_grid, grid_reach, heatmap_figure
from tacitly.report.palette import DARK, LIGHT, SCALE, dark_of_light
from tacitly.report.pictures import comparison_pictures, curve_pictures, heatmap_pictures, located_pictures
from tacitly.report.results import evaluation
from tests.unit.report_samples import full_study, without_by_answer

pytestmark = pytest.mark.unit


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part)


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_every_light_colour_is_used_once_and_has_a_dark_one() -> None:
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert LIGHT.keys() == DARK.keys()
    assert dark_of_light()[LIGHT["ink"]] == DARK["ink"]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_stands_out_from_the_paper(palette: dict[str, str]) -> None:
    for part in ("ink", "soft", "accent", "contrast"):
        assert contrast(palette[part], palette["paper"]) >= 4.5, part
    assert contrast(palette["ink"], palette["mark"]) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_the_scale_is_neutral_at_chance_and_moves_one_way_from_there(palette: dict[str, str]) -> None:
    assert SCALE[3] == (0.5, LIGHT["chance"])
    red, green, blue = (int(palette["chance"][at : at + 2], 16) for at in (1, 3, 5))
    assert max(red, green, blue) - min(red, green, blue) <= 12
    better = [luminance(palette[part]) for part in ("chance", "above", "better", "best")]
    worse = [luminance(palette[part]) for part in ("chance", "below", "worse", "worst")]
    for ramp in (better, worse):
        assert ramp in (sorted(ramp), sorted(ramp, reverse=True))


def test_figures_use_no_colour_that_the_page_cannot_exchange() -> None:
    study = full_study()
    pictures = [
        *comparison_pictures(study.metrics),
        *curve_pictures(study.scores, study.rows),
        *located_pictures(study.metrics),
        *heatmap_pictures(study.metrics, answers="located"),
    ]
    used = {
        found
        for picture in pictures
        for text in strings(json.loads(picture.figure.to_json()))
        for found in re.findall(r"#[0-9a-fA-F]{3,8}\b", text)
    }
    assert used
    assert used <= set(LIGHT.values())


def test_heat_map_is_centred_on_chance_and_leaves_ineligible_cells_uncoloured() -> None:
    metrics = full_study().metrics
    cells = evaluation(metrics, "by_entity").entry
    assert cells is not None
    grid = cell_grid(
        metrics["grid"], site="residual", grouping="by_entity", answers="located", chosen=cells["best"]["cells"]
    )
    reach = grid_reach([grid])
    values, barred, *rings = json.loads(heatmap_figure(grid, reach=reach).to_json())["data"]
    assert (values["zmin"] + values["zmax"]) / 2 == pytest.approx(0.5)
    assert values["zmax"] >= max(value for line in values["z"] for value in line if value is not None)
    at = grid.positions.index("-8")
    assert all(line[at] is None for line in values["z"])
    assert all(line[at] == 1 for line in barred["z"])
    assert all(line[grid.positions.index("-1")] is None for line in barred["z"])
    place = values["hovertext"][12][grid.positions.index("exact_answer_last_token")]
    assert re.search(
        r"layer 12, exact_answer_last_token</b><br>AUROC 0\.\d\d \[.*\]<br>512 rows<br>chosen by 3 folds", place
    )
    assert "not eligible" in values["hovertext"][0][at]
    assert sorted(rings[0]["y"]) == [12, 13, 14]


def test_rows_and_columns_of_the_heat_map_are_not_swapped() -> None:
    entries = [
        {"site": "mlp", "grouping": "by_entity", "layer": layer, "position": position, "auroc": value, "rows": 9}
        for layer, position, value in [(0, "-1", 0.51), (0, "last_q_token", 0.52), (3, "-1", 0.91)]
    ]
    grid = cell_grid(entries, site="mlp", grouping="by_entity", answers="located")
    drawn = json.loads(heatmap_figure(grid, reach=0.5).to_json())["data"][0]
    assert drawn["y"] == [0, 3]
    assert drawn["z"] == [[0.52, 0.51], [None, 0.91]]


def test_colours_reach_the_furthest_value_and_at_least_a_tenth() -> None:
    entry = {"site": "mlp", "grouping": "by_entity", "layer": 0, "position": "-1", "auroc": 0.5}
    assert grid_reach([cell_grid([entry], site="mlp", grouping="by_entity", answers="located")]) == 0.1
    far = cell_grid([entry | {"auroc": 0.13}], site="mlp", grouping="by_entity", answers="located")
    assert grid_reach([far]) == pytest.approx(0.4)
    assert grid_reach([]) == 0.1


def test_bars_start_at_chance_and_end_at_the_figure_with_its_interval() -> None:
    [by_entity, by_answer] = comparison_pictures(full_study().metrics)
    bars = {bar["name"]: bar for bar in json.loads(by_entity.figure.to_json())["data"]}
    assert list(bars) == ["controls", "baselines", "probe"]
    labels = json.loads(by_entity.figure.to_json())["layout"]["yaxis"]["ticktext"]
    at = bars["probe"]["y"].index(labels.index("probe"))
    assert labels[-1] == "probe"
    assert "located or not" not in labels
    assert bars["probe"]["base"] + bars["probe"]["x"][at] == pytest.approx(0.784)
    assert bars["probe"]["error_x"]["array"][at] == pytest.approx(0.05)
    assert by_entity.figure.layout.xaxis.range == by_answer.figure.layout.xaxis.range
    assert ["control", "located or not", "not defined: every answer here is located", ""] in by_entity.lines


def test_methods_that_are_not_defined_share_a_line_for_each_reason() -> None:
    metrics = full_study().metrics
    why = {"auroc": None, "ci": None, "reason": "needs generate.samples=2 or more"}
    other = {"auroc": None, "ci": None, "reason": "3 of 500 answers have no such score"}
    metrics["by_entity"]["baselines"] |= {"eigenscore": why, "degree_matrix_jaccard": why, "selfcheck_nli": other}
    lines = [line for line in comparison_pictures(metrics)[0].lines if line[0] == "baseline" and "not" in line[2]]
    assert lines == [
        ["baseline", "EigenScore of samples; degree matrix of samples, by words", f"not defined: {why['reason']}", ""],
        ["baseline", "SelfCheck, by entailment", f"not defined: {other['reason']}", ""],
    ]


def test_an_undefined_grouping_has_no_pictures() -> None:
    study = without_by_answer()
    assert [picture.key for picture in comparison_pictures(study.metrics)] == ["comparison-by_entity"]
    assert {trace.name for trace in curve_pictures(study.scores, study.rows)[0].figure.data} == {
        "guessing",
        "by entity",
    }
    assert len(heatmap_pictures(study.metrics, answers="located")) == 1
