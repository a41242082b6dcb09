"""Which part of an answer's text each of its tokens stands for."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from tacitly.engines.decoding import decode

_HALF = "\ufffd"  # what part of a character decodes to


@dataclass(frozen=True, slots=True)
class Piece:
    """What one token adds to a text; nothing where it ends within a character, which the token that ends it adds.

    Attributes:
        text: The text.
        start: Its first character in the answer,
        end: and one past its last.
    """

    text: str
    start: int
    end: int


def pieces_of(text: str, token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> list[Piece]:
    """Cut an answer's text where its tokens end.

    Args:
        text: The answer.
        token_ids: Its tokens.
        tokenizer: The model's.

    Returns:
        A piece for each token; all of them joined are the text. Where the tokenizer changed the text before it read
        it, its own account of which characters a token came from counts; where that says nothing, the last piece is
        the whole text.
    """
    if not token_ids:
        return []
    added = _added(token_ids, tokenizer)
    at = "".join(added).find(text)
    ends = _ends(added, at) if at >= 0 else _encoded_ends(text, token_ids, tokenizer)
    ends = [min(max(end, 0), len(text)) for end in ends[:-1]] + [len(text)]
    return [Piece(text[start:end], start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _added(token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """What each token adds to the text that all before it decode to.

    Only the last few tokens are decoded each time: from where a piece before the last ended, so that what depends on
    its neighbour (the space at the start of a text) comes out as in the whole.
    """
    added: list[str] = []
    begin = settled = 0
    for count in range(1, len(token_ids) + 1):
        before = decode(tokenizer, token_ids[begin:settled])
        now = decode(tokenizer, token_ids[begin:count])
        last = count == len(token_ids)
        if len(now) <= len(before) or (now.endswith(_HALF) and not last):
            added.append("")
            continue
        added.append(now[len(before) :])
        begin, settled = settled, count
    return added


def _ends(added: Sequence[str], at: int) -> list[int]:
    """Where each piece ends, in a text that begins at a character of what the tokens decode to."""
    ends, length = [], 0
    for one in added:
        length += len(one)
        ends.append(length - at)
    return ends


def _encoded_ends(text: str, token_ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Where each token ends by the tokenizer's own account; all at 0 where it encodes the text to other tokens."""
    if tokenizer.is_fast:
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        if list(encoded["input_ids"]) == list(token_ids):
            return [int(end) for _, end in encoded["offset_mapping"]]
    return [0] * len(token_ids)
