"""Which label an answer gives, where the question's own sentence comes back in it."""

import pytest

from tacitly.reading.given_label import GivenLabel, given_label

pytestmark = pytest.mark.unit

GAP = "Mary never eats fish, but Jane does, so _ ordered the salad. Who does the blank refer to in the sentence?"
PRONOUN = "The porter never consulted the baker and gave him old maps. Who does the pronoun 'him' refer to?"


@pytest.mark.parametrize(
    ("question", "labels", "answer", "label", "start"),
    [
        (GAP, ("Mary", "Jane"), "Mary never eats fish, but Jane does, so Mary ordered the salad.", "Mary", 40),
        (GAP, ("Mary", "Jane"), "Mary never eats fish, but Jane does, so Jane ordered the salad.", "Jane", 40),
        (GAP, ("Mary", "Jane"), "Jane ordered the salad, Mary did not.", "Jane", 0),
        (GAP, ("Mary", "Jane"), "Mary never eats fish, but Jane does. The blank refers to Mary.", "Mary", 57),
        (
            PRONOUN,
            ("porter", "baker"),
            "The porter never consulted the baker and gave the baker old maps.",
            "baker",
            50,
        ),
        (
            PRONOUN,
            ("porter", "baker"),
            "The porter never consulted the baker and gave the porter old maps.",
            "porter",
            50,
        ),
    ],
)
def test_what_completes_the_questions_sentence_is_given(question, labels, answer, label, start):
    given = given_label(question, answer, labels)
    assert isinstance(given, GivenLabel)
    assert (given.label, given.start) == (label, start)


def test_a_denial_that_only_repeats_the_question_leaves_nothing_over():
    assert given_label(PRONOUN, "The porter never consulted the baker.", ("porter", "baker")) == "names no label"
