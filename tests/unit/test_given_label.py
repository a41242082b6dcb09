"""Which label an answer gives, where the question's own sentence comes back in it."""

import pytest

from tacitly.reading.given_label import GivenLabel, given_label

pytestmark = pytest.mark.unit

GAP = "Mary never eats fish, but Jane does, so _ ordered the salad. Who does the blank refer to in the sentence?"
PRONOUN = "The editor never respected the chief and gave him bad work. Who does the pronoun 'him' refer to?"


@pytest.mark.parametrize(
    ("question", "labels", "answer", "label", "start"),
    [
        (GAP, ("Mary", "Jane"), "Mary never eats fish, but Jane does, so Mary ordered the salad.", "Mary", 40),
        (GAP, ("Mary", "Jane"), "Mary never eats fish, but Jane does, so Jane ordered the salad.", "Jane", 40),
        (GAP, ("Mary", "Jane"), "Jane ordered the salad, Mary did not.", "Jane", 0),
        (GAP, ("Mary", "Jane"), "Mary never eats fish, but Jane does. The blank refers to Mary.", "Mary", 57),
        (
            PRONOUN,
            ("editor", "chief"),
            "The editor never respected the chief and gave the chief bad work.",
            "chief",
            50,
        ),
        (
            PRONOUN,
            ("editor", "chief"),
            "The editor never respected the chief and gave the editor bad work.",
            "editor",
            50,
        ),
    ],
)
def test_what_completes_the_questions_sentence_is_given(question, labels, answer, label, start):
    given = given_label(question, answer, labels)
    assert isinstance(given, GivenLabel)
    assert (given.label, given.start) == (label, start)


def test_a_denial_that_only_repeats_the_question_leaves_nothing_over():
    assert given_label(PRONOUN, "The editor never respected the chief.", ("editor", "chief")) == "names no label"
