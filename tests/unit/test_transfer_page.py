"""The page and the table of a transfer: each figure in its place, coloured where it may be."""

import json
import re
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from tacitly.report.transfer_matrix import OTHERS, transfer_matrix
from tacitly.report.transfer_page import build_transfer_page
from tacitly.report.transfer_pictures import transfer_pictures
from tacitly.report.transfer_table import transfer_table
from tacitly.report.transfer_words import transfer_sentences
from tests.unit.test_report_page import HOSTILE, read

pytestmark = pytest.mark.unit
CELL = {"site": "residual", "layer": 12, "position": "exact_answer_last_token", "C": 0.01}


def figures(auroc: float, gain: float, *, half: float = 0.05, **more: Any) -> dict[str, Any]:
    return {
        "auroc": auroc,
        "ci": [auroc - half, auroc + half],
        "minus_baseline": gain,
        "minus_baseline_ci": [gain - half, gain + half],
        "baseline": auroc - gain,
        "baseline_ci": None,
        "rows": 1234,
        "rows_correct": 500,
        "groups": 400,
        **more,
    }


def carried(auroc: float, gain: float, **more: Any) -> dict[str, Any]:
    return figures(auroc, gain, trained_on=987, left_out=13, cells=[CELL], **more)


def transfer(names: tuple[str, str, str] = ("cities", "medfacts", "mnli"), **more: Any) -> dict[str, Any]:
    one, two, three = names
    missing = {"auroc": None, "ci": None, "minus_baseline": None, "reason": "it lacks the token"}
    pairs = {
        one: {one: figures(0.9, 0.2), two: carried(0.71, 0.08), three: missing},
        two: {one: carried(0.62, -0.19), two: figures(0.8, 0.1), three: carried(0.52, 0.2)},
        three: {one: carried(0.31, -0.4), two: carried(0.5, -0.02), three: figures(0.6, 0.03)},
    }
    left_out = {one: carried(0.66, 0.07), two: carried(0.55, 0.0), three: missing}
    for line in (*pairs.values(), left_out):
        for name, entry in line.items():
            line[name] = {**entry, "by_answer": figures(0.4, -0.01) if entry["auroc"] else missing}
    for name in left_out:
        left_out[name]["trained_on_runs"] = [other for other in names if other != name]
    run = {"task": "t", "model": {"name": "some/model"}, "run": "r", "created": "2026", "located": 1}
    made = {"matrix": pairs, "leave_one_out": left_out, "runs": {name: dict(run) for name in names}, "notes": []}
    return {**made, **more}


def test_each_figure_stands_where_it_belongs() -> None:
    matrix = transfer_matrix(transfer(), "by_entity")
    assert matrix.trained == ("cities", "medfacts", "mnli", OTHERS)
    assert matrix.tested == ("cities", "medfacts", "mnli")
    assert matrix.estimate("medfacts", "cities", "auroc").value == 0.62
    assert matrix.estimate("cities", "medfacts", "minus_baseline").low == pytest.approx(0.03)
    assert matrix.estimate(OTHERS, "cities", "auroc").value == 0.66
    assert transfer_matrix(transfer(), "by_answer").estimate("medfacts", "cities", "auroc").value == 0.4
    auroc, gain = transfer_pictures(matrix, "by_entity")
    assert auroc.header == ("trained on", "cities", "medfacts", "mnli")
    assert auroc.lines[1] == ["medfacts", "0.62", "0.80", "0.52"]
    assert gain.lines[1] == ["medfacts", "−0.19", "+0.10", "+0.20"]
    assert auroc.lines[0][3] == gain.lines[3][3] == "not defined"
    values, barred = auroc.figure.data
    assert [list(line) for line in values.z][3] == [0.66, 0.55, None]
    assert [list(line) for line in barred.z][3] == [None, None, 1]
    assert (values.zmin, values.zmax) == pytest.approx((0.1, 0.9))
    assert (gain.figure.data[0].zmin, gain.figure.data[0].zmax) == pytest.approx((-0.4, 0.4))
    assert [(frame.x0, frame.y0) for frame in auroc.figure.layout.shapes] == [(i - 0.5, i - 0.5) for i in range(3)]
    assert auroc.figure.layout.yaxis.range == (3.5, -0.5)


def test_the_words_count_what_is_clear() -> None:
    first, second, third = transfer_sentences(transfer())
    assert first.startswith("Of 5 probes tested on another task")
    assert "2 tell right from wrong better than guessing, 1 of these better than the best token probability" in first
    assert "0.77 on average; on another one 0.53" in second
    assert "reaches 0.60 on average on the one left out: better than guessing on 1 of 2 tasks, on 1 of these" in third


def test_the_page_is_offline_and_has_tables_for_those_who_do_not_see_it() -> None:
    source = build_transfer_page(transfer(notes=["the runs differ"]))
    page = read(source)
    figures = json.loads(page.scripts[0])["figures"]
    boxes = [box["id"] for box in page.named("div") if box.get("class") == "plot"]
    assert sorted(boxes) == sorted(f"figure-{key}" for key in figures)
    assert len(boxes) == 4
    assert not re.search(r"https?:|url\(|@import|//cdn", source.replace(page.scripts[1], ""))
    identifiers = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert all((link["href"] or "").removeprefix("#") in identifiers for link in page.named("a"))
    scrolled = [box for box in page.named("div") if box.get("class") == "wide"]
    assert len(scrolled) == len(page.named("table"))
    assert "Note: the runs differ." in page.text
    assert "Not defined: cities → mnli; all the others → mnli (it lacks the token)." in page.text
    line = re.search(r'<th scope="row">medfacts</th>(.*?)</tr>', source, re.S)
    assert line is not None
    coloured = re.findall(r'<span class="ci (better|worse|)">([^< ]*)', line[1])
    assert coloured == [("worse", "−0.19"), ("better", "+0.10"), ("better", "+0.20")]
    probes = source[source.index("What each probe learned from") :]
    assert "<td>987 (13 left out)</td><td>layer 12, exact_last, C = 0.01</td><td>1,234 (500 right)</td>" in probes


def test_names_from_outside_stay_text() -> None:
    made = transfer((HOSTILE, "b" + HOSTILE, "c"), notes=[HOSTILE])
    made["matrix"]["c"]["c"]["reason"] = HOSTILE
    made["matrix"][HOSTILE]["c"]["reason"] = HOSTILE
    made["runs"]["c"]["model"]["name"] = HOSTILE
    source = build_transfer_page(made)
    source.encode("utf-8")
    page = read(source)
    assert len(page.named("script")) == 3
    assert not page.named("img")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    console = Console(width=200, file=StringIO())
    console.print(transfer_table(made))
    assert "\x1b" not in console.file.getvalue()  # type: ignore[attr-defined]


def test_nothing_makes_a_page_of_reasons() -> None:
    text = read(build_transfer_page({})).text
    assert "No probe could be tested on another task." in text
    assert not re.search(r"\b(nan|None|Undefined)\b", text)


def test_the_table_fits_a_terminal() -> None:
    console = Console(width=80, file=StringIO())
    console.print(transfer_table(transfer()))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, printed.splitlines())) <= 80
    assert re.search(r"medfacts +0\.62 +0\.80 +0\.52", printed)
    assert re.search(r"−0\.19\* +\+0\.10\* +\+0\.20\*", printed)
    assert re.search(r"all the others +0\.66 +0\.55 +–", printed)
