"""The page and the table of a comparison: each figure beside the model that it is of, coloured where it may be."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from tacitly.report.comparison_lines import change_lines, list_reasons, shown
from tacitly.report.comparison_page import build_comparison_page
from tacitly.report.comparison_pictures import change_pictures
from tacitly.report.comparison_table import comparison_table
from tacitly.report.comparison_words import comparison_sentences
from tacitly.report.results import Estimate
from tests.unit.comparison_samples import comparison, pair
from tests.unit.report_samples import full_study
from tests.unit.test_report_page import HOSTILE, read

pytestmark = pytest.mark.unit


def built(made: dict[str, Any]) -> str:
    metrics = full_study().metrics
    return build_comparison_page(made, base=metrics, tuned=metrics)


def row(source: str, label: str, *, after: str = "") -> list[str]:
    """The cells of the first line of a table that has this label and stands after some text."""
    [line] = re.findall(rf'<th scope="row">{re.escape(label)}</th>(.*?)</tr>', source[source.index(after) :], re.S)[:1]
    return [" ".join(re.sub("<.*?>", " ", cell).split()) for cell in re.findall("<td.*?</td>", line, re.S)]


def test_the_page_is_offline_and_shows_both_heat_maps_and_their_difference() -> None:
    source = built(comparison())
    page = read(source)
    figures = json.loads(page.scripts[0])["figures"]
    for name in ("base", "tuned", "difference"):
        assert f"heatmap-{name}-0-by_entity" in figures
        assert f"heatmap-{name}-0-by_answer" in figures
    boxes = [box["id"] for box in page.named("div") if box.get("class") == "plot"]
    assert sorted(boxes) == sorted(f"figure-{key}" for key in figures)
    assert not re.search(r"https?:|url\(|@import|//cdn", source.replace(page.scripts[1], ""))
    identifiers = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert all((link["href"] or "").removeprefix("#") in identifiers for link in page.named("a"))
    scrolled = [box for box in page.named("div") if box.get("class") == "wide"]
    assert len(scrolled) == len(page.named("table"))
    [z, *_] = figures["heatmap-difference-0-by_entity"]["data"]
    assert z["zmin"] == -z["zmax"]
    assert {value for line in z["z"] for value in line} == {0.1, None}
    sentences = comparison_sentences(comparison())
    assert page.text.index(sentences[0]) < page.text.index(sentences[2])


def test_a_foreign_probe_stands_in_the_column_of_the_model_that_it_reads() -> None:
    made = comparison()
    source = built(made)
    on_tuned, on_base = (
        "<caption>The base model&#39;s probe on the tuned",
        "<caption>The tuned model&#39;s probe on the base",
    )
    assert row(source, "all questions, by entity", after=on_tuned)[:3] == [
        "401",
        "0.66 0.61 to 0.71",
        "0.71 0.66 to 0.76",
    ]
    assert row(source, "all questions, by answer", after=on_tuned)[:3] == [
        "301",
        "0.62 0.57 to 0.67",
        "0.65 0.60 to 0.70",
    ]
    assert row(source, "all questions, by entity", after=on_base)[:3] == [
        "402",
        "0.74 0.69 to 0.79",
        "0.83 0.78 to 0.88",
    ]
    assert row(source, "held out, by entity", after=on_base)[3] == "−0.09 −0.19 to +0.01"
    [picture] = [found for found in change_pictures(made, answers="located") if found.key == "shows"]
    lines = {line[0]: line for line in picture.lines}
    assert lines["the other model's probe, by entity"][1::2] == ["0.74", "0.66"]
    assert lines["the other model's probe, by answer"][1::2] == ["0.54", "0.62"]
    assert lines["probe, by entity"][1::2] == ["0.81", "0.72"]
    console = Console(width=80, file=StringIO())
    console.print(comparison_table(made))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"the other model's probe, by entity +0\.74 +0\.66", printed)
    assert re.search(r"the other model's probe, by answer +0\.54 +0\.62", printed)
    assert re.search(r"probe minus control, by entity +\+0\.21 +\+0\.08 +−0\.13 \[−0\.20, −0\.06\]", printed)


def test_only_what_can_be_better_or_worse_is_coloured() -> None:
    verdicts = {line.label: line.verdict for line in change_lines(comparison()["parts"]["all"])}
    assert {label: verdict for label, verdict in verdicts.items() if verdict} == {
        "accuracy": "better",
        "wrong and sure (0.7 or more)": "worse",
        "probe, by entity": "worse",
        "probe minus control, by entity": "worse",
        "probe, by answer": "worse",
        "probe minus control, by answer": "worse",
        "Brier score, probe": "worse",
    }
    lines = dict(
        re.findall(
            r'<th scope="row">([^<]*)</th>(.*?)</tr>',
            built(comparison()).split("<details><summary>The probes over all")[0],
            re.S,
        )
    )
    coloured = {label: re.findall('class="n change (better|worse)"', line) for label, line in lines.items()}
    assert {label: found for label, [*found] in coloured.items() if found} == {
        label: [verdict] for label, verdict in verdicts.items() if verdict
    }
    arrows = built(comparison()).split('id="parts"')[1]
    assert '<span class="ci better">+10 (+6 to +14)</span>' in arrows
    assert '<span class="ci worse">−0.13 (−0.20 to −0.06)</span>' in arrows


@pytest.mark.parametrize(
    ("low", "high", "percent", "words"),
    [
        (-0.1, -0.0004, False, "−0.10 to −0.0004"),
        (-0.12, 0.0, True, "−12 to +0"),
        (-0.12, -0.003, True, "−12 to −0.3"),
        (0.004, 0.2, False, "+0.004 to +0.20"),
        (-0.2, 0.04, False, "−0.20 to +0.04"),
    ],
)
def test_an_end_that_is_not_0_is_not_shown_as_0(low: float, high: float, percent: bool, words: str) -> None:
    assert shown(Estimate(value=(low + high) / 2, low=low, high=high), percent=percent, signed=True)[1] == words


def test_why_a_figure_has_no_interval_stands_beneath_its_table() -> None:
    made = comparison()
    few, flat = "it rests on fewer than 10 entities or given answers", "every draw gives the same"
    held_out = made["parts"]["held_out"]
    held_out["accuracy"] = pair(0.0, 0.3, 0.1, 0.5)
    held_out["accuracy"]["base"] = {"value": 0.0, "ci": None, "ci_reason": flat}
    held_out["wrong_and_sure"] = {
        "0.5": {name: {"value": 0.2, "ci": None, "ci_reason": few} for name in ("base", "tuned", "difference")}
    }
    entry = {name: {"value": 0.5, "ci": None, "ci_reason": few} for name in ("auroc", "own", "difference")}
    held_out["exchange"] = {"located": {"by_entity": {"base_to_tuned": {"rows": 9, **entry}}}}
    share = {"base": entry["own"], "tuned": entry["own"], "difference": entry["own"]}
    types = {name: {"base": 3, "tuned": 4, "share": share} for name in ("two_competing", "refuses")}
    held_out["error_types"] = {"questions": 7, "types": types}
    text = read(built(made | {"sampled": {"samples": 30}})).text
    beneath = text[text.index("Held out: questions about what was kept out") :]
    assert beneath.index(f"No interval: wrong and sure (0.5 or more) ({few})") < beneath.index("Every figure")
    assert f"No interval: accuracy of the base model ({flat})" in beneath
    assert f"No interval: held out, by entity ({few})" in beneath
    assert f"No interval: two competing; refuses ({few})" in beneath
    assert (
        "Not defined: held out, by entity; all judged answers, by entity; all judged answers, by answer (not computed"
        in beneath
    )


def test_each_reason_is_told_once() -> None:
    problems = [problem for line in change_lines({}) for problem in line.problems]
    [reason] = list_reasons(problems)
    assert reason.count("not computed in this run") == 1
    assert "accuracy; wrong and sure (0.5 or more); " in reason


@pytest.mark.parametrize(
    ("chosen_by", "folds", "words"),
    [(1, 5, "each of 5 folds chose another"), (2, 5, "in 2 of 5 folds"), (1, 1, "in 1 of 1")],
)
def test_a_cell_that_no_two_folds_chose_is_not_called_the_choice_of_most(
    chosen_by: int, folds: int, words: str
) -> None:
    cell = {"site": "residual", "layer": 17, "position": "exact_answer_last_token", "auroc": 0.8, "ci": None}
    cells = {"located": {"by_entity": {**cell, "chosen_by": chosen_by, "folds": folds}}}
    text = read(built(comparison(base={"chosen_cells": cells}))).text
    assert f"layer 17, exact_last ({words}" in text
    assert "most folds" not in text


def test_names_from_outside_stay_text() -> None:
    made = comparison(task=HOSTILE, notes=[HOSTILE], base={"run": HOSTILE, "model": {"name": HOSTILE}})
    made["parts"]["all"]["error_types_reason"] = HOSTILE
    for cell in made["grid_difference"][:9]:
        cell |= {"site": HOSTILE, "position": HOSTILE}
    source = built(made)
    source.encode("utf-8")
    page = read(source)
    assert len(page.named("script")) == 3
    assert not page.named("img")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]


def test_an_empty_comparison_makes_a_page_of_reasons() -> None:
    text = read(build_comparison_page({}, base={}, tuned={})).text
    assert "not computed in this run" in text
    assert not re.search(r"\b(nan|None|Undefined)\b", text)
