"""The page's section on families of probes: a line each, the unsupervised marked, and why something has no figure."""

import pytest

from tacitly.report.families import FIGURES, family_lines, family_reasons
from tacitly.report.page import build_report
from tests.unit.report_samples import copied, full_study, with_families
from tests.unit.test_report_page import HOSTILE, Page, read

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def page() -> Page:
    study = with_families()
    return read(build_report(study.metrics, **study.arguments()))


def test_a_study_without_families_has_no_such_section() -> None:
    study = full_study()
    page = read(build_report(study.metrics, **study.arguments()))
    assert all(section.get("id") != "families" for section in page.named("section"))
    assert all(link.get("href") != "#families" for link in page.named("a"))
    assert family_lines({}) == []


def test_every_family_has_a_line_with_its_figures_and_seconds(page: Page) -> None:
    assert any(section.get("id") == "families" for section in page.named("section"))
    assert any(link.get("href") == "#families" for link in page.named("a"))
    assert "logistic 0.78 0.73 to 0.83 −0.01 −0.06 to +0.04 0.70 0.65 to 0.75 −0.01" in page.text
    assert "processor seconds" in page.text
    for seconds in ("2.5", "5.0", "7.5"):
        assert f" {seconds} " in page.text
    assert "Reads the probe's cell." in page.text


def test_unsupervised_families_are_marked(page: Page) -> None:
    assert "contrast consistent unsupervised" in page.text
    assert page.text.count("unsupervised") == 1
    assert "no labels. Reads states after true and after false. Unsupervised." in page.text


def test_what_is_not_defined_says_why_once(page: Page) -> None:
    reason = "the states of all answer tokens were not kept"
    assert page.text.count(f"Attention is not defined: {reason}.") == 1
    assert "Contrast consistent is not defined within answer: no string was given twice." in page.text


def test_a_reason_that_several_families_share_stands_there_once() -> None:
    metrics = copied(with_families().metrics)
    for entry in metrics["families"].values():
        entry["by_answer"] = {"auroc": None, "ci": None, "reason": "3 distinct given answers, fewer than 15"}
    sentences = family_reasons(family_lines(metrics))
    assert (
        "Logistic, lda, attention, contrast consistent are not defined by answer: "
        "3 distinct given answers, fewer than 15." in sentences
    )
    assert len(sentences) == 3
    assert FIGURES == ("by entity", "by answer", "within answer")


def test_hostile_names_and_words_stay_text() -> None:
    study = with_families()
    metrics = copied(study.metrics)
    metrics["families"] = {HOSTILE.replace("\ud800", ""): {**metrics["families"]["lda"], "words": HOSTILE[:100]}}
    hostile = read(build_report(metrics, **study.arguments()))
    assert not hostile.named("img")
    assert "<img src=x" in hostile.text
