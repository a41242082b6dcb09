"""Characters to tokens, with tokenizers of every family, built here."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from tacitly.locators.align import align, align_batch
from tacitly.locators.base import missing
from tacitly.records import Span
from tacitly.text import fold
from tests.unit.tokenizer_samples import LOSSY, NORMALISING, TOKENIZERS

pytestmark = pytest.mark.unit

WORDS = [
    "Paris",
    "pancreas",
    "Straße",
    "İstanbul",
    "😀",
    "👩‍👩‍👧",
    "東京",
    "Ménière’s",
    "café",
    "1,200",
    "ﬁsh",
    "the capital",
]


each_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS)


class Slow:
    """The same tokenizer without offsets, so that prefixes have to be decoded."""

    is_fast = False

    def __init__(self, inner: PreTrainedTokenizerFast) -> None:
        self.inner = inner

    def decode(self, token_ids, *, skip_special_tokens=False):
        return self.inner.decode(token_ids, skip_special_tokens=skip_special_tokens)


def _span(text: str, exact: str, occurrence: int = 0) -> Span:
    start = -1
    for _ in range(occurrence + 1):
        start = text.index(exact, start + 1)
    return Span(start=start, end=start + len(exact), exact_answer=exact, given=exact, locator="test")


def _encode(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _check(span: Span, ids: list[int], tokenizer: PreTrainedTokenizerFast) -> str:
    """The tokens found are in range and decode to text that contains the exact answer, and no shorter run does."""
    assert span.first_token is not None
    assert span.last_token is not None
    assert 0 <= span.first_token <= span.last_token < len(ids)
    decoded = tokenizer.decode(ids[span.first_token : span.last_token + 1], skip_special_tokens=True)
    assert span.exact_answer in decoded
    for shorter in (ids[span.first_token + 1 : span.last_token + 1], ids[span.first_token : span.last_token]):
        assert span.exact_answer not in tokenizer.decode(shorter, skip_special_tokens=True)
    return decoded


@each_tokenizer
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("frame", ["{}", "The answer is {}.", " {} it is", "It's {}, or is it?"])
def test_the_tokens_of_a_word_decode_to_it(tokenizer, word, frame):
    ids = _encode(tokenizer, frame.format(word))
    text = tokenizer.decode(ids, skip_special_tokens=True)
    shown = tokenizer.decode(_encode(tokenizer, word), skip_special_tokens=True)
    if not shown or shown not in text:
        assert any(tokenizer is TOKENIZERS[name] for name in LOSSY)  # the others can write every word
        return
    span = _span(text, shown)
    fast, slow = align(span, ids, tokenizer), align(span, ids, Slow(tokenizer))
    decoded = _check(fast, ids, tokenizer)
    _check(slow, ids, tokenizer)
    assert (fast.first_token, fast.last_token) == (slow.first_token, slow.last_token)
    assert (fast.start, fast.end, fast.exact_answer) == (span.start, span.end, span.exact_answer)
    assert len(decoded) <= len(shown) + 2


@each_tokenizer
@pytest.mark.parametrize("occurrence", [0, 1, 2])
def test_the_occurrence_that_was_located_is_the_one_aligned(tokenizer, occurrence):
    ids = _encode(tokenizer, "Paris is Paris, and nothing but Paris.")
    text = tokenizer.decode(ids, skip_special_tokens=True)
    exact = tokenizer.decode(_encode(tokenizer, "Paris"), skip_special_tokens=True)
    firsts = [align(_span(text, exact, nth), ids, tokenizer).first_token for nth in range(3)]
    aligned = align(_span(text, exact, occurrence), ids, Slow(tokenizer))
    assert firsts == sorted(set(firsts))
    assert aligned.first_token == firsts[occurrence]


def test_a_character_split_over_tokens_belongs_to_all_of_them():
    tokenizer = TOKENIZERS["byte-level"]
    ids = _encode(tokenizer, "a😀b")
    assert len(ids) == 6
    for reader in (tokenizer, Slow(tokenizer)):
        aligned = align(_span("a😀b", "😀"), ids, reader)
        assert (aligned.first_token, aligned.last_token) == (1, 4)
        after = align(_span("a😀b", "b"), ids, reader)
        assert (after.first_token, after.last_token) == (5, 5)


def test_ids_that_the_text_would_not_encode_to():
    tokenizer = TOKENIZERS["byte-level"]
    letters = [_encode(tokenizer, letter)[0] for letter in "in"] + _encode(tokenizer, " ")
    ids = letters + [_encode(tokenizer, letter)[0] for letter in "Paris"]
    assert _encode(tokenizer, "in Paris") != ids
    aligned = align(_span("in Paris", "Paris"), ids, tokenizer)
    assert (aligned.first_token, aligned.last_token) == (3, 7)


def test_special_tokens_inside_are_passed_over():
    tokenizer = TOKENIZERS["byte-level"]
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = [end, *_encode(tokenizer, "the"), end, *_encode(tokenizer, " Seine"), end]
    text = tokenizer.decode(ids, skip_special_tokens=True)
    assert text == "the Seine"
    aligned = align(_span(text, "Seine"), ids, tokenizer)
    _check(aligned, ids, tokenizer)
    assert aligned.first_token == ids.index(_encode(tokenizer, " Seine")[0])


def test_text_that_was_cut_at_a_stop_string_or_stripped():
    tokenizer = TOKENIZERS["byte-level"]
    ids = _encode(tokenizer, "  It is Paris.\nQ: next")
    for text in ("  It is Paris.", "It is Paris."):
        aligned = align(_span(text, "Paris"), ids, tokenizer, text=text)
        _check(aligned, ids, tokenizer)
    assert aligned.start == 6


@pytest.mark.parametrize("name", NORMALISING)
@pytest.mark.parametrize(
    ("text", "exact", "decoded"),
    [
        ("It is Paris.", "Paris", "paris"),
        ("PARIS it is", "PARIS", "paris"),
        ("It is Ｐａｒｉｓ!", "Ｐａｒｉｓ", "paris"),
        ("a ﬁsh", "ﬁsh", "fish"),
    ],
)
def test_a_text_written_elsewhere_that_the_tokenizer_changes(name, text, exact, decoded):
    tokenizer = TOKENIZERS[name]
    ids = _encode(tokenizer, text)
    span = _span(text, exact)
    aligned = align(span, ids, tokenizer, text=text)
    assert aligned.exact_answer == exact
    part = tokenizer.decode(ids[aligned.first_token : aligned.last_token + 1], skip_special_tokens=True)
    assert part.strip() == decoded
    assert align(span, ids, Slow(tokenizer), text=text).reason == "the text is not what the tokens decode to"


def test_a_text_written_elsewhere_that_the_tokenizer_cannot_write():
    tokenizer = TOKENIZERS["unigram, no bytes"]
    ids = _encode(tokenizer, "It is 東京 or Paris")
    lost = align(_span("It is 東京 or Paris", "東京"), ids, tokenizer, text="It is 東京 or Paris")
    assert lost.reason == "the tokens do not decode to the exact answer"
    kept = align(_span("It is 東京 or Paris", "Paris"), ids, tokenizer, text="It is 東京 or Paris")
    assert tokenizer.decode(ids[kept.first_token : kept.last_token + 1]) == "Paris"


def test_what_cannot_be_aligned_is_not_found_and_says_why():
    tokenizer = TOKENIZERS["byte-level"]
    ids = _encode(tokenizer, "It is Rome.")
    span = _span("It is Paris.", "Paris")
    for aligned in (
        align(span, ids, tokenizer),
        align(span, ids, tokenizer, text="It is Paris."),
        align(span, [], tokenizer),
    ):
        assert not aligned.found
        assert aligned.first_token is None
        assert aligned.reason == "the text is not what the tokens decode to"


def test_a_batch_keeps_its_order_and_what_was_not_found():
    tokenizer = TOKENIZERS["byte-level"]
    none = missing("choices", "names none of the choices")
    spans = [_span("Paris", "Paris"), none, _span("on the Seine", "Seine")]
    ids = [_encode(tokenizer, text) for text in ("Paris", "", "on the Seine")]
    aligned = align_batch(spans, ids, tokenizer)
    assert aligned[1] is none
    assert [span.exact_answer for span in aligned] == ["Paris", None, "Seine"]
    assert align_batch([], [], tokenizer) == []


WORD = st.sampled_from(
    [
        "the",
        "Paris",
        "İst",
        "ß",
        "ﬁ",
        "é",
        "e\u0301",
        "😀",
        "❤️",
        "👩‍👩‍👧",
        "東京",
        "12",
        "1,200",
        "isn't",
        "\u200d",
        "Ω",
        "x",
        "باريس",
        "한국",
        "Ｆｕｌｌ",
        "½",
        "ก็",
        "\u00a0",
    ]
)
TEXT = st.lists(st.one_of(WORD, st.sampled_from([" ", "  ", "\n", ", ", ". "])), min_size=1, max_size=12).map("".join)


@each_tokenizer
@settings(max_examples=60, deadline=None)
@given(text=TEXT, data=st.data())
def test_any_stretch_of_any_text(tokenizer, text, data):
    ids = _encode(tokenizer, text)
    written = tokenizer.decode(ids, skip_special_tokens=True)
    assume(written.strip())
    start = data.draw(st.integers(0, len(written) - 1))
    end = data.draw(st.integers(start + 1, len(written)))
    exact = written[start:end]
    span = Span(start=start, end=end, exact_answer=exact, given=exact, locator="test")
    for reader in (tokenizer, Slow(tokenizer)):
        aligned = align(span, ids, reader)
        assert aligned.found
        part = tokenizer.decode(ids[aligned.first_token : aligned.last_token + 1], skip_special_tokens=True)
        assert exact in part


@each_tokenizer
@settings(max_examples=60, deadline=None)
@given(text=st.one_of(TEXT, st.text(max_size=20)), data=st.data())
def test_any_stretch_of_any_text_written_elsewhere(tokenizer, text, data):
    assume(text)
    ids = _encode(tokenizer, text)
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    exact = text[start:end]
    span = Span(start=start, end=end, exact_answer=exact, given=exact, locator="test")
    aligned = align(span, ids, tokenizer, text=text)
    if not aligned.found:
        assert aligned.reason
        return
    assert (aligned.start, aligned.end, aligned.exact_answer) == (start, end, exact)
    part = tokenizer.decode(ids[aligned.first_token : aligned.last_token + 1], skip_special_tokens=True)
    assert exact in part or "".join(fold(exact)[0].split()) in "".join(fold(part)[0].split())


@settings(max_examples=60, deadline=None)
@given(ids=st.lists(st.integers(5, 300), min_size=1, max_size=12), data=st.data())
def test_any_ids_that_a_model_might_write(ids, data):
    tokenizer = TOKENIZERS["byte-level"]
    written = tokenizer.decode(ids, skip_special_tokens=True)
    assume(written.strip())
    start = data.draw(st.integers(0, len(written) - 1))
    end = data.draw(st.integers(start + 1, len(written)))
    exact = written[start:end]
    aligned = align(Span(start=start, end=end, exact_answer=exact, given=exact, locator="test"), ids, tokenizer)
    if aligned.found:
        part = tokenizer.decode(ids[aligned.first_token : aligned.last_token + 1], skip_special_tokens=True)
        assert exact in part
    else:
        assert "\ufffd" in written
