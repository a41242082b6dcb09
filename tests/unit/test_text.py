"""Folding, words, numbers, and phrases that a text names."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacitly.number_words import merge_number_words
from tacitly.reading.mentions import find_mentions
from tacitly.reading.stances import named
from tacitly.text import find_whole, fold, normalize, singular, words

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  The Pacific   Ocean. ", "pacific ocean"),
        ("an Apple", "apple"),
        ("President of the United States", "president of united states"),
        ("vitamin A", "vitamin a"),
        ("The", "the"),
        ("A", "a"),
        ("Crohn’s disease", "crohn disease"),
        ("Ménière's", "meniere"),
        ("Me\u0301nie\u0300re's", "meniere"),
        ("Sjo\u0308gren", "sjogren"),
        ("İSTANBUL", "istanbul"),
        ("Straße", "strasse"),
        ("ﬁsh", "fish"),
        ("Ｐａｒｉｓ", "paris"),
        ("X‑linked – recessive", "x linked recessive"),
        ("soft\u00adhyphen", "softhyphen"),
        ("1,200", "1200"),
        ("1200.0", "1200"),
        ("1200.50", "1200.5"),
        ("007", "7"),
        ("0.0", "0"),
        ("−5", "-5"),
        ("5-10", "5 10"),
        ("three", "3"),
        ("two hundred and six", "206"),
        ("1.5 million", "1500000"),
        ("one", "one"),
        ("٣", "3"),
        ("B-12", "b12"),
        ("COVID-19", "covid 19"),
        ("H₂O", "h2o"),
        ("U.S.A.", "usa"),
        ("J. K. Rowling", "jk rowling"),
        ("Q&A", "q and a"),
        ("...", ""),
        ("", ""),
        ("हिन्दी", "हिन्दी"),
    ],
)
def test_normalize(text, expected):
    assert normalize(text) == expected


@pytest.mark.parametrize(
    ("needle", "haystack", "found"),
    [
        ("12", "in 1912", None),
        ("12", "in 12.5", None),
        ("12", "in 12.", "12"),
        ("19", "COVID-19", None),
        ("1200", "about 1,200.0 people", "1,200.0"),
        ("3", "It has three chambers", "three"),
        ("206", "two hundred and six bones", "two hundred and six"),
        ("cat", "concatenate the category", None),
        ("istanbul", "xx İİ İstanbul.", "İstanbul"),
        ("strasse", "ßß Straße", "Straße"),
        ("fish", "ßİ ﬁsh", "ﬁsh"),
        ("Ménière", "by Meniere’s disease", "Meniere"),
        ("the Beatles", "Beatles!", "Beatles"),
        ("kidney", "both kidneys", "kidneys"),
        ("US", "tell us of it", None),
        ("US", "in the U.S. today", "U.S."),
        ("K", "it is k", None),
        ("K", "it is K.", "K"),
        ("paris", "ＰＡＲＩＳ", "ＰＡＲＩＳ"),
        ("東京", "首都は東京です", "東京"),
        ("", "anything", None),
        ("x", "", None),
    ],
)
def test_find_whole_gives_offsets_in_the_original(needle, haystack, found):
    place = find_whole(needle, haystack)
    assert (None if place is None else haystack[slice(*place)]) == found


def test_find_whole_from_a_place():
    assert find_whole("Paris", "Paris, Paris", start=1) == (7, 12)


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_folding_maps_every_character_into_the_text(text):
    folded, starts, ends = fold(text)
    assert len(folded) == len(starts) == len(ends)
    assert all(0 <= start < end <= len(text) for start, end in zip(starts, ends, strict=True))
    assert list(starts) == sorted(starts)


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_words_stand_in_order_and_normalizing_twice_changes_nothing(text):
    found = words(text)
    assert all(word.start < word.end for word in found)
    assert all(left.start <= right.start for left, right in pairwise(found))
    assert all(word.key for word in found)


@given(
    before=st.sampled_from(["İ ", "ßß ", "ﬁ, ", "e\u0301 ", "😀 ", ""]),
    word=st.sampled_from(["Paris", "İzmir", "Straße", "naïve"]),
)
def test_a_word_is_found_where_it_stands(before, word):
    text = f"{before}{word}, {before}it is"
    assert find_whole(word, text) == (len(before), len(before) + len(word))


@pytest.mark.parametrize(
    ("spelled", "value"),
    [
        ("twenty one", "21"),
        ("one hundred", "100"),
        ("three hundred thousand and five", "300005"),
        ("two million", "2000000"),
        ("nineteen", "19"),
    ],
)
def test_number_words(spelled, value):
    keys = spelled.split()
    assert merge_number_words(keys) == [(value, 0, len(keys) - 1)]


@pytest.mark.parametrize("spelled", ["one", "hundred", "million", "cats"])
def test_words_that_are_no_numbers(spelled):
    assert merge_number_words([spelled]) == [(None, 0, 0)]


def test_numbers_side_by_side_stay_apart():
    assert [value for value, _, _ in merge_number_words(["two", "three", "and", "four"])] == ["2", "3", None, "4"]


@pytest.mark.parametrize("key", ["virus", "diabetes", "paralysis", "glass", "is", "gas"])
def test_singular_is_stable(key):
    assert singular(singular(key)) == singular(key)


CHOICES = ("anemia", "iron deficiency anemia", "kidney", "liver")


def _phrases(text, choices=CHOICES, question=""):
    return [mention.phrase for mention in named(text, choices, question=question)]


def test_the_longest_phrase_at_a_place_counts():
    assert _phrases("It is iron-deficiency anemia.") == ["iron deficiency anemia"]
    assert _phrases("An anemia") == ["anemia"]
    assert [m.start for m in find_mentions("ﬁ: the kidneys", CHOICES)] == [7]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is not the liver but the kidney.", ["kidney"]),
        ("It isn't the liver; the kidney", ["kidney"]),
        ("It isn’t the liver.", []),
        ("the kidney rather than the liver", ["kidney"]),
        ("the kidney, not the liver", ["kidney"]),
        ("not only the liver", ["liver"]),
        ("No, the liver.", ["liver"]),
        ("It does not matter, but the liver", ["liver"]),
    ],
)
def test_what_is_denied_is_not_named(text, expected):
    assert _phrases(text) == expected


def test_what_only_repeats_the_question_is_not_named():
    question = "Which organ does kidney cancer start in?"
    assert _phrases("Kidney cancer starts in the liver.", question=question) == ["liver"]
    assert _phrases("Kidney cancer is a disease.", question=question) == []
    assert _phrases("Kidney.", question=question) == ["kidney"]
    countries = ("Djibouti", "Somalia")
    first, *rest = named("Djibouti is in Djibouti.", countries, question="In which country is Djibouti?")
    assert (first.start, rest) == (15, [])


def test_a_question_that_offers_the_phrases_is_not_repeated_by_naming_one():
    question = "Is it the kidney or the liver?"
    assert _phrases("the kidney or the liver", question=question) == ["kidney", "liver"]


def test_three_hundred_choices_cost_little_more_than_three():
    def seconds(others: int) -> float:
        choices = (*(f"choice number {i} of many" for i in range(others)), "Paris", "New York")
        began = time.thread_time()
        for i in range(100):
            text = f"The answer to question {i} is most likely New York, although some would say Paris instead of it."
            assert named(text, choices, question=f"Which city is number {i}?")[0].phrase == "New York"
        return time.thread_time() - began

    few, many = zip(*((seconds(1), seconds(298)) for _ in range(5)), strict=True)
    assert min(many) < 10 * min(few)  # a hundred times as many choices
