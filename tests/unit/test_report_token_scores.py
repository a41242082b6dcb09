"""The page's and the card's words on scores of unfinished answers."""

import pytest
from pydantic import ValidationError

from tacitly.probes.detector_card import write_card
from tacitly.probes.detector_header import DetectorHeader, TokenHeader
from tacitly.report.page import build_report
from tacitly.report.token_scores import token_lines
from tests.unit.report_samples import copied, full_study
from tests.unit.test_report_page import read

pytestmark = pytest.mark.unit

MISSING = {"auroc": None, "ci": None, "reason": "3 distinct given answers, fewer than 15", "answers": 0}
SCORES = {
    "by_entity": {
        moment: {
            "auroc": auroc,
            "ci": [auroc - 0.05, auroc + 0.05],
            "answers": answers,
            "minus_probe": {"diff": auroc - 0.8, "ci": [auroc - 0.85, auroc - 0.75]},
        }
        for moment, auroc, answers in (("first", 0.6, 1200), ("middle", 0.7, 900), ("end", 0.78, 1200))
    },
    "by_answer": dict.fromkeys(("first", "middle", "end"), MISSING),
}

TOKENS = {
    "site": "residual", "layer": 3, "layers": (2, 3), "width": 4, "C": 0.01, "before": 0.25, "after": 0.5,
    "slopes": (1.0, 1.0), "intercepts": (0.0, 0.0), "answers": 1200, "tokens": 9000, "grouping": "by_answer",
}  # fmt: skip


def test_every_moment_has_a_line() -> None:
    study = full_study()
    metrics = {**copied(study.metrics), "token_scores": SCORES}
    page = read(build_report(metrics, **study.arguments()))
    assert any(section.get("id") == "token-scores" for section in page.named("section"))
    assert any(link.get("href") == "#token-scores" for link in page.named("a"))
    first = "after the first token 0.60 0.55 to 0.65 −0.20 −0.25 to −0.15 not defined not defined 1,200"
    assert first in page.text
    assert "at the middle 0.70" in page.text
    assert page.text.count("Not defined: 3 distinct given answers, fewer than 15.") == 1


def test_a_study_without_them_has_no_such_section() -> None:
    study = full_study()
    page = read(build_report(study.metrics, **study.arguments()))
    assert all(section.get("id") != "token-scores" for section in page.named("section"))
    assert token_lines({}) == []


def test_the_card_tells_of_them() -> None:
    probe = {
        "role": "exact_answer", "site": "residual", "layer": 3, "position": "-1", "width": 4, "C": 0.01, "slope": 1.0,
        "intercept": 0.0, "threshold": 0.5, "rows": 100, "rows_correct": 40, "grouping": "by_answer", "cv_auroc": 0.7,
    }  # fmt: skip
    of = {"tacitly": "0", "model": {"name": "m"}, "task": "t", "seed": 0, "probes": (probe,)}
    card = write_card(DetectorHeader(**of, tokens=TOKENS), metrics={"token_scores": SCORES})  # type: ignore[arg-type]
    assert "layer 3 of every answer token" in card
    assert "9,000 tokens of 1,200 answers" in card
    assert "counts 0.25 and what stands after it 0.50" in card
    assert "after the first token 0.60 [0.55, 0.65], at the middle 0.70 [0.65, 0.75]" in card
    assert "at the end not defined (3 distinct given answers, fewer than 15)" in card
    assert "every answer token" not in write_card(DetectorHeader(**of), metrics={})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"slopes": (1.0,)}, "as many as the layers"),
        ({"layers": (3, 2)}, "must rise"),
        ({"layer": 7}, "hold the layer that scores answers"),
    ],
)
def test_a_header_that_does_not_fit_itself_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TokenHeader(**(TOKENS | change))  # type: ignore[arg-type]
