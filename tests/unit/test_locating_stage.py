"""The stage `spans` locates without knowing what would be right."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tacitly.collect.answers import locate
from tacitly.collect.bench import Bench
from tacitly.engines.asker import FakeAsker
from tacitly.locators.catalog import LOCATORS, load_locator
from tacitly.records import Answer, Question
from tests.unit.tokenizer_samples import TOKENIZERS

pytestmark = pytest.mark.unit

TEXTS = st.sampled_from(
    [
        "The kidney, not the lung.",
        "It is Paris, on the Seine.",
        "12 or 13; no, 14",
        "Neither the kidney nor the lung",
        "Ménière’s disease of the 😀",
        "B) lung",
        "I don't know.",
        "",
    ]
)
GOLD = st.lists(st.sampled_from(["kidney", "lung", "Paris", "14", "12", "Ménière", ""]), max_size=3).map(tuple)


def _answer(i: int, text: str) -> Answer:
    ids = tuple(TOKENIZERS["byte-level"](text, add_special_tokens=False)["input_ids"])
    numbers: Any = {name: (0.0,) * len(ids) for name in ("token_logprobs", "token_logits", "token_entropies")}
    return Answer(
        answer_id=f"a{i}", question_id=f"q{i}", sample=0, text=text, token_ids=ids, finish_reason="length", **numbers
    )


@pytest.mark.parametrize("name", LOCATORS)
@settings(max_examples=25, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4), gold=GOLD, graded=st.sampled_from([True, False, None]))
def test_the_same_answers_have_the_same_spans_whatever_would_be_right(name, texts, gold, graded):
    bench = SimpleNamespace(
        locator=load_locator(name, asker=FakeAsker("kidney")),
        language_model=SimpleNamespace(tokenizer=TOKENIZERS["byte-level"]),
    )
    plain = {
        f"q{i}": Question(
            question_id=f"q{i}",
            question="Which organ?" if i % 2 else "How many are there?",
            answers=("lung",),
            entity="x",
            choices=("kidney|A)", "lung|B)") if i < 2 else (),
        )
        for i in range(len(texts))
    }
    other = {key: replace(question, answers=gold, graded=graded) for key, question in plain.items()}
    answers = [_answer(i, text) for i, text in enumerate(texts)]
    spans = locate(cast("Bench", bench), answers, plain)
    assert locate(cast("Bench", bench), answers, other) == spans
    for answer in answers:
        span = spans[answer.answer_id]
        assert (span.first_token is not None) is span.found
        if span.found:
            part = answer.token_ids[span.first_token : span.last_token + 1]
            assert span.exact_answer in TOKENIZERS["byte-level"].decode(list(part))
