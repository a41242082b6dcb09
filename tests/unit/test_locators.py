"""Locating the exact answer in the text of an answer."""

import inspect
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacitly.engines.asker import FakeAsker
from tacitly.errors import SettingsError
from tacitly.locators.base import FakeLocator, Passage
from tacitly.locators.catalog import LOCATORS, ChainLocator, load_locator
from tacitly.locators.choices import ChoicesLocator
from tacitly.locators.first_line import FirstLineLocator
from tacitly.locators.novel_phrase import NovelPhraseLocator
from tacitly.locators.number import AskedNumberLocator, NumberLocator

pytestmark = pytest.mark.unit

ORGANS = ("kidney", "liver", "lung", "adrenal gland")
QUOTES = FakeAsker("İstanbul")
each_locator = pytest.mark.parametrize("name", LOCATORS)


@each_locator
def test_a_locator_sees_neither_the_gold_answer_nor_the_label(name):
    signature = inspect.signature(load_locator(name, asker=QUOTES).locate)
    assert list(signature.parameters) == ["question_text", "answer_text", "choices"] == list(Passage._fields)


@each_locator
@pytest.mark.parametrize("text", ["", "   ", "\n", "...", "?!"])
def test_nothing_is_found_in_nothing_and_the_reason_is_said(name, text):
    span = load_locator(name, asker=QUOTES).locate("Which organ?", text, ORGANS)
    assert (span.start, span.end, span.exact_answer, span.given) == (None, None, None, None)
    assert span.reason


TEXT = st.lists(
    st.sampled_from(
        [
            "The",
            "kidney",
            "Paris",
            "İstanbul",
            "Straße",
            "12",
            "1,200",
            "is",
            "not",
            "of",
            "(",
            ")",
            ",",
            ".",
            "\n",
            "é",
            "😀",
            '"',
            "’s",
        ]
    ),
    max_size=12,
).map(" ".join)


@each_locator
@settings(max_examples=60, deadline=None)
@given(text=st.one_of(TEXT, st.text(alphabet=string.printable + "ßİﬁ😀é\u0301", max_size=40)))
def test_a_span_is_verbatim(name, text):
    span = load_locator(name, asker=QUOTES).locate(
        "Which city lies on the Bosporus?", text, ("Paris", "İstanbul", "kidney")
    )
    if span.found:
        assert text[span.start : span.end] == span.exact_answer
        assert span.exact_answer == span.exact_answer.strip() != ""
        assert span.given
        assert span.reason is None
    else:
        assert span.reason


@pytest.mark.parametrize(
    ("text", "exact", "given_answer"),
    [
        ("It is the kidneys.", "kidneys", "kidney"),
        ("İ: the KIDNEY", "KIDNEY", "kidney"),
        ("the liver or the lung", "liver", "liver"),
        ("not the liver but the lung", "lung", "lung"),
        ("the adrenal glands", "adrenal glands", "adrenal gland"),
        ("the heart", None, None),
    ],
)
def test_choices(text, exact, given_answer):
    span = ChoicesLocator().locate("Which organ?", text, ORGANS)
    assert (span.exact_answer, span.given) == (exact, given_answer)


def test_choices_passes_over_a_repetition_of_the_question():
    text = "Kidney cancer starts in the kidney."
    assert ChoicesLocator().locate("Where does kidney cancer start?", text, ORGANS).start == 28


@pytest.mark.parametrize(
    ("question", "text", "exact"),
    [
        ("What is 15 times 6?", "15 times 6 is 90.", "90"),
        ("How many are there?", "About 1,200.5 in all", "1,200.5"),
        ("How many are there?", "There are twenty-one.", "twenty-one"),
        ("At how many degrees?", "At -18 degrees", "-18"),
        ("How many are there?", "COVID-19", None),
        ("What is 2 plus 2?", "2", "2"),
        ("What is 2 plus 2?", "2 plus 2", None),
    ],
)
def test_number(question, text, exact):
    assert NumberLocator().locate(question, text, ()).exact_answer == exact


def test_a_year_is_preferred_where_one_is_asked_for():
    span = NumberLocator().locate("In what year was it built?", "On July 14, 1889, by 300 men", ())
    assert (span.exact_answer, span.given) == ("1889", "1889")
    assert NumberLocator().locate("In what year was it built?", "In 79 AD", ()).exact_answer == "79"


def test_number_in_a_chain_only_where_one_is_asked_for():
    assert not AskedNumberLocator().locate("Who was king?", "George, in 1910", ()).found
    assert AskedNumberLocator().locate("When was it?", "In 1910", ()).found


@pytest.mark.parametrize(
    ("question", "text", "exact"),
    [
        ("What is the capital of France?", "The capital of France is Paris, which lies on the Seine.", "Paris"),
        ("What is the capital of France?", "Paris", "Paris"),
        ("What is the capital of France?", "paris", "paris"),
        ("Which gland makes insulin?", "Insulin is produced by the pancreas.", "pancreas"),
        ("Who wrote Dracula?", "Dracula was written by the Irish novelist Bram Stoker (1847-1912).", "Bram Stoker"),
        ("Who wrote Dracula?", "It is a well-known novel.", None),
        ("Who was king?", "It was John F. Kennedy.", "John F. Kennedy"),
        ("Which empire was it?", "It was the Mongol Empire.", "Mongol Empire"),
        ("Which strait is it?", "The Strait of Dover lies there.", "Strait of Dover"),
        ("What is the chemical symbol for tungsten?", "The chemical symbol for tungsten is Tungsten.", "Tungsten"),
        ("What is a young frog called?", "A young frog, an animal, is called a tadpole.", "tadpole"),
        ("Who wrote it?", "Shakespeare's rival, Ben Jonson", "Ben Jonson"),
        ("What is it?", "The answer is a type of “sand”.", "sand"),
        ("What is it?", "It is what it is.", None),
        ("What is the capital of Kenya?", "Kenya is a country in East Africa.", None),
        ("Which country is Dhaka in?", "Dhaka is a fictional city in the novel “Dune”.", None),
        ("Which country is Pune in?", "Pune is a city in the Indian state of Gujarat.", "Indian"),
        ("In which country is Bari?", "Bari is in the south of Italy.", "Italy"),
        ("In which city is the Prado?", "The Prado, a museum of Spain, is in Madrid.", "Madrid"),
        ("What is mined there?", "It is a type of rare metal called tantalum.", "tantalum"),
        ("Which disease is it?", "It is Q fever disease.", "Q fever disease"),
        ("Which vitamin does the skin make?", "The skin does not make vitamin C. It makes vitamin D.", "vitamin D"),
        ("Who found the laws?", "They were found by Sir Isaac Newton.", "Isaac Newton"),
        ("How many are there?", "There are several of them.", None),
        ("What lives in Coccidioides immitis?", "Coccidioides immita is a host of yeast.", "host"),
    ],
)
def test_novel_phrase(question, text, exact):
    assert NovelPhraseLocator().locate(question, text, ()).exact_answer == exact


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("Paris.\nIt lies on the Seine.", "Paris"),
        ("Answer: Paris", "Paris"),
        ("The answer is: **Paris**.", "Paris"),
        ("\n\n  “Paris”!", "Paris"),
        ("the answer to this question is 12.", "12"),
        ("answering machines", "answering machines"),
    ],
)
def test_first_line(text, exact):
    assert FirstLineLocator().locate("?", text, ()).exact_answer == exact


def test_the_chain_takes_the_first_that_finds_and_gathers_reasons():
    chain = ChainLocator()
    assert chain.locate("Which organ?", "the kidneys, 12 of them", ORGANS).locator == "choices"
    assert chain.locate("How many kidneys?", "12 in all", ORGANS).locator == "number"
    assert chain.locate("Which organ?", "the spleen", ORGANS).exact_answer == "spleen"
    reason = chain.locate("Which organ?", "", ORGANS).reason
    assert reason is not None
    assert [part.split(":")[0] for part in reason.split("; ")] == ["choices", "asked_number", "novel_phrase"]


def test_load_locator():
    assert load_locator(("choices", "first_line")) == ChainLocator(("choices", "first_line"))
    with pytest.raises(SettingsError, match="unknown locator 'nil'; allowed: asked_number, chain"):
        load_locator("nil")
    with pytest.raises(SettingsError, match="unknown locator 'nil'"):
        load_locator(["choices", "nil"])


def test_the_fake_takes_the_same_characters():
    assert FakeLocator(start=1, end=3).locate("?", "abcd", ()).exact_answer == "bc"
    assert not FakeLocator(start=1, end=9).locate("?", "abcd", ()).found
