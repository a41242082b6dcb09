"""The locator that has a model quote."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacitly.engines.asker import FakeAsker, Reply
from tacitly.errors import SettingsError
from tacitly.locators.base import BatchLocator, Passage, locate_all
from tacitly.locators.catalog import load_locator
from tacitly.locators.llm import LlmLocator

pytestmark = pytest.mark.unit

ASKED = "What is the capital of Peru?"


@pytest.mark.parametrize(
    ("reply", "answer", "start", "exact"),
    [
        ("Lima", "It is Lima.", 6, "Lima"),
        (' "Lima"\n', "It is Lima.", 6, "Lima"),
        ("**Lima**", "It is **Lima**.", 6, "**Lima**"),
        ("Lima", "Limasol? No: Lima.", 13, "Lima"),
        ("12", "In 1912, 12 of them, or 12.", 9, "12"),
        ("19", "In 1912.", 3, "19"),
        ("İstanbul", "İt is İstanbul (straße).", 6, "İstanbul"),
        ("NONE", "None. NONE", 6, "NONE"),
    ],
)
def test_the_first_place_of_a_verbatim_quote(reply, answer, start, exact):
    span = LlmLocator(FakeAsker(reply)).locate(ASKED, answer, ())
    assert (span.start, span.exact_answer, span.locator) == (start, exact, "llm")
    assert answer[span.start : span.end] == exact


@pytest.mark.parametrize("reply", ["lima", "The capital is Lima", "", "...", "Lima."])
def test_what_does_not_stand_there_is_refused_three_times_and_then_missing(reply):
    fake = FakeAsker(reply)
    span = LlmLocator(fake).locate(ASKED, "It is Lima", ())
    assert (span.found, span.reason) == (False, f"fake quotes nothing: it replied {reply!r}")
    assert len(fake.asked) == 3
    assert "letter by letter" in fake.asked[2][-1]["content"]


def test_a_second_try_may_do():
    fake = FakeAsker(lambda said: "Lima" if said.startswith("These words") else "lima")
    assert LlmLocator(fake).locate(ASKED, "It is Lima.", ()).start == 6
    assert len(fake.asked) == 2


def test_the_model_may_find_nothing_or_fail():
    assert LlmLocator(FakeAsker("NONE")).locate(ASKED, "It is big.", ()).reason == (
        "fake finds no answer to the question in it"
    )
    failing = LlmLocator(FakeAsker(lambda _: Reply(None, "Request timed out.")))
    assert failing.locate(ASKED, "It is Lima.", ()).reason == "fake quotes nothing: Request timed out."


def test_given_is_the_choice_of_a_closed_set():
    choices = ("kidney|renal organ", "liver")
    fake = FakeAsker("renal organ")
    span = LlmLocator(fake).locate("Which organ?", "It is the renal organ.", choices)
    assert span.given == "kidney"
    assert "Possible answers: kidney, liver" in fake.asked[0][0]["content"]
    assert LlmLocator(FakeAsker("The Spleen")).locate("Which organ?", "The Spleen", choices).given == "spleen"


def test_passages_are_asked_about_together_and_equal_ones_once():
    fake = FakeAsker("Lima")
    locator = LlmLocator(fake)
    assert isinstance(locator, BatchLocator)
    passages = [Passage(ASKED, text, []) for text in ("Lima", "Quito", "Lima", "")]
    spans = locate_all(locator, passages)
    assert [span.found for span in spans] == [True, False, True, False]
    assert len(fake.asked) == 1 + 3


def test_the_chain_goes_on_where_the_model_finds_nothing_and_asks_only_for_what_is_left():
    fake = FakeAsker("nowhere to be found")
    chain = load_locator(["choices", "llm", "first_line"], asker=fake)
    spans = locate_all(chain, [Passage("Which?", text, ("lung",)) for text in ("the lung", "the spleen", "")])
    assert [span.locator for span in spans] == ["choices", "first_line", "chain"]
    assert "llm: the answer has no word" in str(spans[2].reason)
    assert all("spleen" in talk[0]["content"] for talk in fake.asked)
    assert spans[1] == chain.locate("Which?", "the spleen", ("lung",))


def test_without_a_model_it_is_refused_in_a_chain_too():
    for name in ("llm", ["choices", "llm"]):
        with pytest.raises(SettingsError, match=r"locator 'llm' has no model to ask; set judge\.model"):
            load_locator(name)


@settings(max_examples=100, deadline=None)
@given(answer=st.text(max_size=30), reply=st.text(max_size=8), cut=st.tuples(st.integers(0, 30), st.integers(0, 30)))
def test_a_span_is_verbatim_whatever_is_replied(answer, reply, cut):
    for said in (reply, answer[min(cut) : max(cut)]):
        span = LlmLocator(FakeAsker(said)).locate("?", answer, ())
        assert span.reason if not span.found else answer[span.start : span.end] == span.exact_answer != ""
