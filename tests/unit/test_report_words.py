"""The summary says what it must, plainly, whatever is defined."""

import pytest
from syrupy.assertion import SnapshotAssertion

from tacitly.report.words import summary_sentences
from tests.unit.report_samples import all_right, copied, full_study, none_located, nothing_judged, without_by_answer

pytestmark = pytest.mark.unit

STUDIES = {
    "full": full_study,
    "without_by_answer": without_by_answer,
    "all_right": all_right,
    "none_located": none_located,
    "nothing_judged": nothing_judged,
}


@pytest.mark.parametrize("name", STUDIES)
def test_summary_in_words(name: str, snapshot: SnapshotAssertion) -> None:
    assert summary_sentences(STUDIES[name]().metrics) == snapshot


def test_first_two_sentences_give_both_groupings_with_their_intervals() -> None:
    entity, answer, *_ = summary_sentences(full_study().metrics)
    assert "things it has never seen" in entity
    assert "78 times out of 100 (somewhere between 73 and 83; guessing would be 50)" in entity
    assert "answers too are ones it has never seen" in answer
    assert "70 times out of 100 (somewhere between 65 and 75" in answer


@pytest.mark.parametrize(
    ("ci", "said"),
    [
        ([-0.03, 0.07], "no better than the best baseline"),
        ([0.0, 0.07], "no better than"),
        ([-0.2, -0.1], "worse than"),
    ],
)
def test_second_sentence_says_when_the_baseline_is_as_good(ci: list[float], said: str) -> None:
    metrics = copied(full_study().metrics)
    metrics["by_answer"]["gain_over_best_baseline"] = {"diff": sum(ci) / 2, "ci": ci}
    assert said in summary_sentences(metrics)[1]


def test_second_sentence_is_silent_about_the_baseline_when_the_gain_is_real() -> None:
    metrics = copied(full_study().metrics)
    metrics["by_answer"]["gain_over_best_baseline"] = {"diff": 0.05, "ci": [0.01, 0.09]}
    sentences = summary_sentences(metrics)
    assert "baseline" not in sentences[1]
    assert any(
        said.startswith("On answers it has never seen it gets 5 more out of 100 (somewhere between 1 and 9)")
        for said in sentences
    )


@pytest.mark.parametrize(
    ("ci", "said"),
    [([0.45, 0.58], "That cannot be told from guessing."), ([0.3, 0.45], "That is worse than guessing.")],
)
def test_guessing_is_called_guessing(ci: list[float], said: str) -> None:
    metrics = copied(full_study().metrics)
    metrics["by_entity"]["best"] |= {"auroc": sum(ci) / 2, "ci": ci}
    assert said in summary_sentences(metrics)[0]


def test_an_undefined_gain_and_a_missing_interval_are_put_in_words() -> None:
    metrics = copied(full_study().metrics)
    metrics["by_entity"]["gain_over_best_baseline"] = {"diff": None, "ci": None, "reason": "one class in each fold"}
    metrics["by_entity"]["best"]["ci"] = None
    sentences = summary_sentences(metrics)
    assert "78 times out of 100 (guessing would be 50)" in sentences[0]
    assert any("could not be compared" in said and "one class in each fold" in said for said in sentences)


def test_metrics_without_anything_still_give_sentences_with_reasons() -> None:
    sentences = summary_sentences({})
    assert "not computed in this run" in sentences[0]
    assert all(said.endswith(".") for said in sentences)
