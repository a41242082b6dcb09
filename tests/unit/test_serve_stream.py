"""From tokens to pieces of text: whole characters, one piece per token, and nothing of a stop string."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from tacitly.engines.decoding import decode, first_stop, tokens_covering
from tacitly.serve.orders import ScoredToken
from tacitly.serve.token_stream import Piece, TokenStream
from tests.tiny import tokenizer

pytestmark = pytest.mark.unit

BYTES = tokenizer()
WORDS = st.text(alphabet=st.sampled_from("aé日👍🏽 \n\ufffdxyz"), max_size=12)


def fallback() -> PreTrainedTokenizerFast:
    """A vocabulary as SentencePiece makes it: words that begin with a mark for the space, and single bytes."""
    words = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁a", "b", "▁b", "é"]
    inner = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, [], unk_token="<unk>", byte_fallback=True))
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>")


FALLBACK = fallback()


def streamed(
    tokens: PreTrainedTokenizerFast, ids: list[int], stop: tuple[str, ...] = ()
) -> tuple[list[list[Piece]], str]:
    """The pieces as they came, those of the end last, and the answer's text."""
    stream = TokenStream(tokens, stop)
    read, text, count = ids, decode(tokens, ids), len(ids)
    for n in range(len(ids) + 1):  # an answer ends with the token that completes a stop string
        at = first_stop(decode(tokens, ids[:n]), stop)
        if at is not None:
            read, text = ids[:n], decode(tokens, ids[:n])[:at]
            count = tokens_covering(text, read, tokens)
            break
    came = [stream.add(ScoredToken(token, -0.5, i / 100)) for i, token in enumerate(read[: max(count, len(read) - 1)])]
    return [*came, stream.finish(text, count)], text


def check(came: list[list[Piece]], text: str, count: int) -> None:
    pieces = [piece for some in came for piece in some]
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.token.p_correct for piece in pieces] == [i / 100 for i in range(count)]


@given(text=WORDS)
def test_pieces_of_bytes_are_whole_characters(text: str) -> None:
    ids = BYTES(text)["input_ids"]
    came, whole = streamed(BYTES, ids)
    assert whole == text
    check(came, text, len(ids))
    sent = "".join(piece.text for some in came[:-1] for piece in some)
    assert text.startswith(sent)
    if not text.endswith("\ufffd"):
        assert sent == text


@given(ids=st.lists(st.integers(0, 260), max_size=24))
def test_bytes_that_are_no_text_come_as_the_whole_answer_shows_them(ids: list[int]) -> None:
    came, text = streamed(BYTES, ids)
    check(came, text, len(ids))


@given(
    ids=st.lists(
        st.one_of(st.integers(1, 261), st.sampled_from([0xC3 + 1, 0xA9 + 1, 0xE6 + 1, 0x97 + 1, 0xA5 + 1, 257, 258])),
        max_size=16,
    )
)
def test_single_bytes_of_other_vocabularies_come_as_the_whole_answer_shows_them(ids: list[int]) -> None:
    came, text = streamed(FALLBACK, ids)
    check(came, text, len(ids))


@given(text=WORDS, stop=st.lists(st.text(alphabet="aé日x \n", min_size=1, max_size=3), min_size=1, max_size=3))
def test_nothing_of_a_stop_string_is_sent(text: str, stop: list[str]) -> None:
    ids = BYTES(text)["input_ids"]
    came, whole = streamed(BYTES, ids, tuple(stop))
    at = first_stop(text, stop)
    assert whole == text[:at]
    check(came, whole, len(ids) if at is None else tokens_covering(whole, ids, BYTES))
    for n in range(len(came)):
        assert whole.startswith("".join(piece.text for some in came[:n] for piece in some))


def test_text_goes_out_as_soon_as_it_cannot_begin_a_stop_string() -> None:
    came, _ = streamed(BYTES, BYTES("one two END of")["input_ids"], ("END", "\n\n"))
    assert [["".join(p.text for p in some)] for some in came] == [[c] for c in "one two "] + [[""], [""], [""]]
    came, _ = streamed(BYTES, BYTES("EN route")["input_ids"], ("END",))
    assert ["".join(p.text for p in some) for some in came] == ["", "", "EN ", "r", "o", "u", "t", "e", ""]


def test_what_is_held_back_as_a_beginning_comes_at_the_end() -> None:
    came, text = streamed(BYTES, BYTES("the EN")["input_ids"], ("END",))
    assert text == "the EN"
    check(came, text, 6)
    assert [piece.text for piece in came[-1]] == ["E", "N"]


def test_spaces_that_a_vocabulary_writes_with_its_words_are_kept() -> None:
    ids = [FALLBACK.convert_tokens_to_ids(word) for word in ("▁a", "▁", "▁b", "b")]
    came, text = streamed(FALLBACK, ids)
    assert text == "a  bb"
    assert [piece.text for some in came for piece in some] == ["a", " ", " b", "b"]


def test_more_text_than_tokens_is_not_lost() -> None:
    stream = TokenStream(BYTES)
    assert stream.finish("ab", 0) == [Piece("ab", None)]
    assert TokenStream(BYTES).finish("", 0) == []
