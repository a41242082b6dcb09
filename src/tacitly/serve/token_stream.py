"""From tokens, one at a time, to pieces of text: whole characters, and nothing of a string that ends the answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from tacitly.engines.decoding import decode
from tacitly.serve.orders import ScoredToken

_HALF = "\ufffd"  # what part of a character decodes to
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))  # tokens of single bytes, in vocabularies that have such


@dataclass(frozen=True, slots=True)
class Piece:
    """What one token adds to an answer's text; empty where it ends within a character.

    Attributes:
        text: The text.
        token: The token; None for what no token stands for.
    """

    text: str
    token: ScoredToken | None


class TokenStream:
    """Turns the tokens of one answer into pieces, each as soon as it is certain.

    All pieces joined are the answer's text, and there is one for each of its tokens. Tokens that end within a character
    are held back until it is whole, and text that may begin a stop string until it is known not to.

    Args:
        tokenizer: Decodes tokens.
        stop: Strings that end the answer and are no part of it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, stop: Sequence[str] = ()) -> None:
        self._tokenizer, self._stop = tokenizer, tuple(stop)
        self._bytes = single_bytes(tokenizer)
        self._ids: list[int] = []
        self._begin = self._settled = 0  # tokens between these are decoded again, for what stands before the next
        self._held: list[Piece] = []
        self._sent_text = 0
        self._sent = 0

    @property
    def tokens(self) -> int:
        """How many tokens were taken."""
        return len(self._ids)

    def add(self, token: ScoredToken) -> list[Piece]:
        """Take the next token; the pieces that are certain now."""
        self._ids.append(token.token_id)
        self._held.append(Piece(self._new_text(), token))
        return self._release(self._certain())

    def finish(self, text: str, tokens: int) -> list[Piece]:
        """The pieces that are left of a finished answer.

        Args:
            text: All of its text.
            tokens: How many tokens it has; those after them are no part of it.
        """
        rest = text[self._sent_text :]
        held = self._held[: max(0, tokens - self._sent)]
        if not held:
            return [Piece(rest, None)] if rest else []
        pieces = []
        for piece in held[:-1]:
            pieces.append(Piece(rest[: len(piece.text)], piece.token))
            rest = rest[len(piece.text) :]
        return [*pieces, Piece(rest, held[-1].token)]

    def _new_text(self) -> str:
        """What the newest token completes."""
        if self._ids[-1] in self._bytes:  # what it decodes to may change with the next
            return ""
        before = decode(self._tokenizer, self._ids[self._begin : self._settled])
        now = decode(self._tokenizer, self._ids[self._begin :])
        if len(now) <= len(before) or now.endswith(_HALF):
            return ""
        self._begin, self._settled = self._settled, len(self._ids)
        return now[len(before) :]

    def _certain(self) -> int:
        """How many of the pieces held back can go."""
        text = "".join(piece.text for piece in self._held)
        end = len(text) - max((_begun(text, stop) for stop in self._stop), default=0)
        certain, length = 0, 0
        for i, piece in enumerate(self._held, start=1):
            length += len(piece.text)
            if length > end:
                break
            if piece.text:  # one without text goes with the next that has some
                certain = i
        return certain

    def _release(self, count: int) -> list[Piece]:
        pieces, self._held = self._held[:count], self._held[count:]
        self._sent += count
        self._sent_text += sum(len(piece.text) for piece in pieces)
        return pieces


def single_bytes(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokens that stand for single bytes, where a vocabulary names them so."""
    known = tokenizer.get_vocab() if tokenizer.convert_tokens_to_ids(_BYTES[0]) != tokenizer.unk_token_id else {}
    return frozenset(known[name] for name in _BYTES if name in known)


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of a text belong to a stop string that stands in it, or may begin there.

    Example:
        >>> _begun("ab", "bc"), _begun("abcd", "bc"), _begun("abx", "bc")
        (1, 3, 0)
    """
    at = text.find(stop)
    if at >= 0:
        return len(text) - at
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
