"""The terminal's table fits, says why figures are missing, and obeys nothing that came with the data."""

import io

import pytest
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from tacitly.report.results import Estimate
from tacitly.report.table import result_table
from tests.unit.report_samples import all_right, copied, full_study, nothing_judged, without_by_answer

pytestmark = pytest.mark.unit

STUDIES = {
    "full": full_study,
    "without_by_answer": without_by_answer,
    "all_right": all_right,
    "nothing_judged": nothing_judged,
}


def rendered(metrics: dict[str, object]) -> str:
    console = Console(file=io.StringIO(), width=80, force_terminal=False, legacy_windows=False)
    console.print(result_table(metrics))
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


@pytest.mark.parametrize("name", STUDIES)
def test_table(name: str, snapshot: SnapshotAssertion) -> None:
    assert rendered(STUDIES[name]().metrics) == snapshot


def test_no_line_is_wider_than_80_columns_even_with_a_very_long_name() -> None:
    metrics = copied(full_study().metrics)
    metrics["model"]["name"] = "a-folder/" * 30
    assert max(len(line) for line in rendered(metrics).splitlines()) <= 80


def test_names_are_neither_markup_nor_terminal_codes() -> None:
    metrics = copied(full_study().metrics)
    metrics["model"]["name"] = "[red]\x1b[2Jtiny[/nonsense]"
    shown = rendered(metrics)
    assert "[red]" in shown
    assert "\x1b" not in shown


def test_a_tiny_negative_difference_is_not_minus_zero() -> None:
    assert Estimate(value=-0.001, low=-0.004, high=0.004).text(signed=True) == "+0.00 [+0.00, +0.00]"


def test_reasons_stand_beneath_the_table() -> None:
    assert "by answer not defined: 3 distinct given answers" in rendered(without_by_answer().metrics)
