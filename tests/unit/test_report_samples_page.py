"""What the page says of sampled answers, and that it says nothing where there are none."""

import pytest

from tacitly.report.error_types import TYPE_NAMES, types_section
from tacitly.report.page import build_report
from tacitly.report.selection import STRATEGY_NAMES, selection_section
from tests.unit.report_samples import Study, copied, full_study, with_samples
from tests.unit.test_report_page import read

pytestmark = pytest.mark.unit

SECTIONS = ("error-types", "selection")


def sections(source: str) -> list[str]:
    return [str(found["id"]) for found in read(source).named("section") if found.get("id") in SECTIONS]


def built(study: Study, **changed: object) -> str:
    return build_report({**copied(study.metrics), **changed}, **study.arguments())


@pytest.mark.parametrize("metrics", [{}, {"samples": {"per_question": 0}, "error_types": None, "selection": None}])
def test_a_study_without_samples_has_no_such_sections(metrics: dict[str, object]) -> None:
    source = built(full_study(), **metrics)
    assert sections(source) == []
    assert "Choosing among answers" not in read(source).text


def test_types_and_strategies_stand_on_the_page_with_their_figures() -> None:
    source = built(with_samples())
    assert sections(source) == list(SECTIONS)
    text = read(source).text
    for name in (*TYPE_NAMES.values(), *STRATEGY_NAMES.values()):
        assert name in text
    assert "590 questions have a type" in text
    assert "2 or more different wrong answers, or 3 where it is never right" in text
    assert "10 have none, since an answer of theirs could not be judged" in text
    assert "A probe for “declines” is not defined: 0 questions are of the type and 590 are not" in text
    assert "consistently wrong: never right against sometimes right" in text
    assert "588 questions, of which the greedy answer and every sample could be judged; 12 others are left out" in text
    assert "On 3 questions the probe has no score for any sample" in text
    assert "54.0 % [50.0, 58.0]" in text  # the probe
    assert "−4.0 [−9.0, +1.0]" in text  # greedy against majority
    assert {"figure-error-types", "figure-error-type-probes", "figure-selection"} <= {
        str(found.get("id")) for found in read(source).named("div")
    }


def test_what_is_not_defined_says_why_and_the_rest_goes_on() -> None:
    metrics = copied(with_samples().metrics)
    metrics |= {"error_types": None, "error_types_reason": "error types need 6 samples of each answer, not 3"}
    metrics |= {"selection_by_type": None, "selection_by_type_reason": "error types need 6 samples, not 3"}
    metrics["selection"]["probe"] = {"accuracy": None, "ci": None, "reason": "no states are kept", "tokens": None}
    text = read(built(with_samples(), **metrics)).text
    assert "Not defined: error types need 6 samples of each answer, not 3." in text
    assert "“the probe’s choice” is not defined: no states are kept." in text
    assert "By type of error it is not defined: error types need 6 samples, not 3." in text
    metrics |= {"selection": None, "selection_reason": "choosing needs 2 samples"}
    text = read(built(with_samples(), **metrics)).text
    assert "Not defined: choosing needs 2 samples." in text


def test_the_views_hold_only_what_was_seen() -> None:
    metrics = copied(with_samples().metrics)
    selection = selection_section(metrics)
    assert selection is not None
    assert [name for name, _ in selection.types] == [n for key, n in TYPE_NAMES.items() if key != "refuses"]
    assert [line.name for line in selection.lines if line.knowing] == [
        STRATEGY_NAMES["majority_oracle"], STRATEGY_NAMES["ceiling"]
    ]  # fmt: skip
    types = types_section(metrics)
    assert types is not None
    assert [line.count for line in types.lines[:3]] == ["180", "9", "171"]
    assert [row[1] for row in types.overlaps][1][:2] == [57, 57]
