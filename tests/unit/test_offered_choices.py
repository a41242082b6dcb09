"""Answers that read out the choices of their question, and options named by letter and words."""

import pytest

from tacitly.locators.choices import ChoicesLocator
from tacitly.reading.stances import named

pytestmark = pytest.mark.unit

PATTERNS = ("dominant", "recessive", "X-linked", "not inherited")
ASKED = "Is gout dominant, recessive, X-linked, or not inherited?"
CITIES = ("Rome|A)", "Oslo|B)", "a village (old)|C)")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Gout is dominant, recessive, X-linked, or not inherited.", []),
        ("Gout is dominant, recessive, or X-linked.", []),
        ("Gout is dominant or recessive.", ["dominant", "recessive"]),
        ("Gout dominant is a recessive disorder.", ["recessive"]),
        ("Gout dominant is a disorder.", []),
        ("Gout dominant.", ["dominant"]),
        ("The dominant disorder is common.", ["dominant"]),
    ],
)
def test_reading_out_the_choices_says_none(answer, said):
    assert [mention.phrase for mention in named(answer, PATTERNS, question=ASKED)] == said


@pytest.mark.parametrize(
    ("answer", "exact", "given"),
    [
        ("A) Rome", "Rome", "Rome"),
        ("The answer is **B) Oslo**.", "Oslo", "Oslo"),
        ("B", "B", "Oslo"),
        ("B) Madrid", "B", "Oslo"),
        ("B: Rome", "Rome", "Oslo"),
        ("C) A village (old)", "village (old)", "a village (old)"),
        ("Not A) Rome but B) Oslo.", "Oslo", "Oslo"),
        ("A) Rome\nB) Oslo\nC) A village", None, None),
        ("A) Rome\nB) Oslo\n\nThe answer is B) Oslo.", "Oslo", "Oslo"),
        ("A) Rome\nThe answer is B) Oslo.", "Rome", "Rome"),
    ],
)
def test_an_option_is_located_at_its_words_and_read_by_its_letter(answer, exact, given):
    span = ChoicesLocator().locate("Which?", answer, CITIES)
    assert (span.exact_answer, span.given) == (exact, given)
    if exact is not None:
        assert answer[span.start : span.end] == exact


def test_an_option_stands_where_the_answer_gives_it_and_not_in_the_list_before():
    span = ChoicesLocator().locate("Which?", "A) Rome\nB) Oslo\n\nThe answer is B) Oslo.", CITIES)
    assert span.start == 34
