"""The first words of a comparison claim no more than the figures behind them."""

from typing import Any

import pytest

from tacitly.report.comparison_words import comparison_sentences
from tests.unit.comparison_samples import comparison, pair, undefined

pytestmark = pytest.mark.unit
FEW = "13 distinct given answers, fewer than 15"


def words(**changes: dict[str, Any]) -> list[str]:
    """The sentences after changes to the detection of all questions: `by_entity={"gain": ...}`."""
    made = comparison()
    for grouping, figures in changes.items():
        made["parts"]["all"]["detection"]["located"][grouping] |= figures
    return comparison_sentences(made)


def test_the_first_words_answer_the_three_questions() -> None:
    knew, showed, caught, held_out = comparison_sentences(comparison())
    assert knew.startswith("Did it know more? It did: the tuned model was right in 50 of 100 answers, the base")
    assert "(10 more, somewhere between 6 and 14)" in knew
    assert "No, it showed less" in showed
    assert "72 times out of 100 in the tuned model and 81 in the base model" in showed
    assert (
        "That is 9 more than the best baseline, which goes by the model's output alone (in the base model, 12" in showed
    )
    assert "and 8 more than the best control, which knows nothing of the truth (in the base model, 21 more)" in showed
    assert "On answers that the probes had never seen, it is 68 and 76 (8 fewer" in showed
    assert "Yes, by its own probe, and better than by its output alone or a plain clue, on answers never seen" in caught
    assert (
        "base model picks the wrong one 66 times (61 to 71), on answers that it had never seen 62 times (57 to"
        in caught
    )
    assert "20 are now wrong although the model is sure of them; before, 10 (10 more, but" in caught
    assert held_out.startswith("On 88 questions about what was kept out of its training, it was right in 50 of 100")
    assert "; its probe picks the wrong one 72 times out of 100, before 81" in held_out


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.0, 0.0, "but anything from 0 fewer to 0 more would fit"),
        (-0.004, 0.05, "but anything from 0 fewer to 5 more would fit"),
        (-0.1, -0.004, "somewhere between less than 1 and 10"),
    ],
)
def test_an_interval_in_words_says_what_the_verdict_says(low: float, high: float, said: str) -> None:
    made = comparison()
    made["parts"]["all"]["accuracy"] = pair(0.5, 0.5 + (low + high) / 2, low, high)
    knew = comparison_sentences(made)[0]
    assert said in knew
    assert ("would fit" in knew) == ("Not that these answers can show" in knew)


ROSE = pair(0.55, 0.72, 0.08, 0.27)
NONE = pair(0.07, 0.0, -0.1, 0.02)


@pytest.mark.parametrize(
    ("over_control", "said"),
    [
        (pair(0.0, 0.12, 0.02, 0.2), "It did: "),
        (pair(0.08, 0.12, -0.02, 0.09), "since its probe rose by no more than a plain clue did: "),
        (NONE, "since its probe rose but is no better than a plain clue: "),
        (pair(0.07, -0.1, -0.24, -0.11), "since its probe rose but is worse than a plain clue: "),
        (undefined("no control"), "since its probe rose but what a plain clue is worth is not defined (no control): "),
    ],
)
def test_a_probe_that_rose_shows_more_only_beyond_a_plain_clue(over_control: dict[str, Any], said: str) -> None:
    showed = words(by_entity={"probe": ROSE, "gain_over_control": over_control})[1]
    assert said in showed
    assert ("It did" in showed) == (said == "It did: ")


@pytest.mark.parametrize(
    ("by_entity", "said"),
    [
        ({"gain_over_control": NONE}, "Hardly: its own probe beats guessing, but is no better than a plain clue, as"),
        ({"gain_over_control": NONE, "gain": NONE}, "is no better than a plain clue or its output alone, as"),
        ({"gain_over_control": pair(0.07, -0.1, -0.2, -0.1)}, "beats guessing, but is worse than a plain clue, as far"),
        ({"gain_over_control": undefined("no control")}, "what a plain clue is worth is not defined: no control."),
        ({"gain": NONE}, "Yes, by its own probe, but no better than by its output alone, as far"),
        ({"probe": pair(0.8, 0.52, -0.4, -0.2)}, "Not better than by guessing, as far as these answers can show."),
        ({"probe": undefined("one class")}, "That is not defined: one class."),
    ],
)
def test_it_can_be_caught_only_beyond_a_plain_clue(by_entity: dict[str, Any], said: str) -> None:
    caught = words(by_entity=by_entity)[2]
    assert said in caught
    assert caught.startswith("Could it still be caught when wrong? Yes") == said.startswith("Yes")


@pytest.mark.parametrize("name", ["gain", "gain_over_control"])
def test_on_new_answers_it_must_add_to_both_too_and_not_defined_is_no_finding(name: str) -> None:
    assert "; but not on answers never seen before, as far as" in words(by_answer={name: NONE})[2]
    caught = words(by_answer={name: undefined(FEW)})[2]
    assert f"a plain clue; on answers never seen before that is not defined: {FEW}." in caught
    assert "but not on answers" not in caught


def test_a_foreign_probe_is_never_quoted_without_its_interval_or_its_caveat() -> None:
    made = comparison()
    entry = made["parts"]["all"]["exchange"]["located"]["by_answer"]["base_to_tuned"]
    entry["auroc"] = {"value": None, "ci": None, "reason": FEW}
    caught = comparison_sentences(made)[2]
    assert "picks the wrong one 66 times (61 to 71); that may be no more than knowing which answers are often" in caught
    assert f"since on answers that it had never seen it is not defined: {FEW}." in caught
    made["parts"]["all"]["exchange"]["located"]["by_entity"]["base_to_tuned"]["auroc"] = {"value": 0.7, "ci": None}
    assert "70 times (how sure that is, is not known)" in comparison_sentences(made)[2]


def test_a_part_s_probe_that_a_plain_clue_matches_is_called_so() -> None:
    assert (
        "its probe, not shown to be better than a plain clue, picks" in words(by_entity={"gain_over_control": NONE})[3]
    )
