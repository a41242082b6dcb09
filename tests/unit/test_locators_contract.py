"""What every locator of the catalog keeps."""

import dataclasses
import inspect

import pytest

from tacitly.engines.asker import FakeAsker
from tacitly.locators.base import FakeLocator, Locator
from tacitly.locators.catalog import LOCATORS, load_locator

pytestmark = pytest.mark.unit

QUESTIONS = ("Which organ is it?", "How many are there?", "In what year was it?", "")
CHOICES = ((), ("kidney|A)", "lung|B)"), ("positive", "negative"))
TEXTS = (
    "",
    " \n",
    "?!",
    "The kidney.",
    "B) lung",
    "not positive but negative",
    "In 1912, or 12",
    "It is Ménière’s disease, İstanbul",
    "東京 باريس हिन्दी ﬁ ½ \u202e 12½",
    "😀 👩‍👩‍👧 e\u0301 \u200d",
    "\x00\ufffd\u2028line 2\r\nkidney",
    "9" * 5_000,
    "(" * 2_000,
    "The patient was seen twice. " * 300,
)


@pytest.fixture(params=[*sorted(LOCATORS), "fake"])
def locator(request: pytest.FixtureRequest) -> Locator:
    return FakeLocator() if request.param == "fake" else load_locator(request.param, asker=FakeAsker(_quote))


def _quote(prompt: str) -> str:
    """The first word of the answer, as a model would quote it."""
    words = prompt.partition("<<<\n")[2].partition("\n>>>")[0].split()
    return words[0] if words else "NONE"


def test_a_locator_is_frozen_and_sees_neither_the_gold_answer_nor_the_label(locator: Locator) -> None:
    assert isinstance(locator, Locator)
    assert dataclasses.is_dataclass(locator)
    with pytest.raises(dataclasses.FrozenInstanceError):
        locator.anything = 1  # type: ignore[attr-defined]
    assert list(inspect.signature(locator.locate).parameters) == ["question_text", "answer_text", "choices"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("choices", CHOICES, ids=str)
def test_a_span_is_verbatim_and_the_same_each_time(locator: Locator, question: str, choices: tuple[str, ...]) -> None:
    for text in TEXTS:
        span = locator.locate(question, text, choices)
        assert locator.locate(question, text, choices) == span
        assert (span.first_token, span.last_token) == (None, None)
        assert span.locator == "chain" or span.locator in LOCATORS or span.locator == "fake"
        if span.found:
            assert text[span.start : span.end] == span.exact_answer
            assert span.exact_answer
            assert span.given
            assert span.reason is None
        else:
            assert (span.start, span.end, span.exact_answer, span.given) == (None, None, None, None)
            assert span.reason
            assert len(span.reason.splitlines()) == 1
