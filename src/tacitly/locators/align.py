"""From characters of an answer's text to the tokens that were generated for them.

Encoding an answer's text again need not give back the tokens that the model wrote, so the generated ids count. Where
the two agree the tokenizer's own offsets are used; elsewhere the offsets follow from decoding prefixes of the ids.
Either way the tokens are decoded and have to contain the exact answer.

A text that was written elsewhere may be one that the tokenizer changes before it reads it (lower case, NFKC), so that
no tokens decode to it. Where it encodes to the ids, the tokenizer's offsets in it count, and what the tokens decode to
has to contain the exact answer when both are folded (`tacitly.text.fold`), spaces apart.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast, runtime_checkable

from tacitly.locators.base import missing
from tacitly.records import Span
from tacitly.text import fold

_ALIGNING = "align"


@runtime_checkable
class Tokenizer(Protocol):
    """What aligning needs of a Hugging Face tokenizer; a fast one is called for offsets too."""

    @property
    def is_fast(self) -> bool:
        """Whether it can give offsets."""
        ...

    def decode(self, token_ids: Any, *, skip_special_tokens: bool = False) -> Any:
        """Turn ids into text."""
        ...


def align(span: Span, token_ids: Sequence[int], tokenizer: Tokenizer, *, text: str | None = None) -> Span:
    """Find the tokens of one answer's exact answer; see `align_batch`."""
    return align_batch([span], [token_ids], tokenizer, texts=None if text is None else [text])[0]


def align_batch(
    spans: Sequence[Span],
    token_ids: Sequence[Sequence[int]],
    tokenizer: Tokenizer,
    *,
    texts: Sequence[str] | None = None,
) -> list[Span]:
    """Find the tokens of exact answers.

    Args:
        spans: Spans as a locator gave them, one for each answer.
        token_ids: The generated tokens of each answer.
        tokenizer: The model's tokenizer.
        texts: The text that each span's characters count in, where it is not all that the tokens decode to (a stop
            string was cut off, or space was stripped).

    Returns:
        The spans with `first_token` and `last_token`. A span whose tokens cannot be found, or do not decode to text
        that contains its exact answer (folded, where the tokenizer changes the text that it reads), comes back as not
        found, with the reason. Spans that were not found stay so.

    Example:
        >>> class Letters:
        ...     is_fast = False
        ...     def decode(self, token_ids, *, skip_special_tokens=False):
        ...         return "".join(map(chr, token_ids))
        >>> span = Span(start=3, end=5, exact_answer="42", given="42", locator="number")
        >>> [aligned] = align_batch([span], [[ord(c) for c in "is 42."]], Letters())
        >>> aligned.first_token, aligned.last_token
        (3, 4)
    """
    wanted = [i for i, span in enumerate(spans) if span.start is not None]
    decoded = {i: _decode(tokenizer, token_ids[i]) for i in wanted}
    offsets = _encoded_offsets(tokenizer, [list(token_ids[i]) for i in wanted], [decoded[i] for i in wanted])
    aligned = list(spans)
    for i, known in zip(wanted, offsets, strict=True):
        place = _place(spans[i], decoded[i], None if texts is None else texts[i])
        if place is None:
            aligned[i] = _align_changed(spans[i], token_ids[i], tokenizer, None if texts is None else texts[i])
            continue
        aligned[i] = _align_one(spans[i], place, token_ids[i], tokenizer, decoded[i], known)
    return aligned


def _decode(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=True))


def _encoded_offsets(
    tokenizer: Tokenizer, ids: list[list[int]], decoded: list[str]
) -> list[list[tuple[int, int]] | None]:
    """The tokenizer's offsets for each text that encodes to the generated ids, None for the others."""
    if not ids or not tokenizer.is_fast:
        return [None] * len(ids)
    encode = cast("Callable[..., Mapping[str, Any]]", tokenizer)
    encoded = encode(decoded, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    return [
        offsets if list(again) == written else None
        for again, written, offsets in zip(encoded["input_ids"], ids, encoded["offset_mapping"], strict=True)
    ]


def _place(span: Span, decoded: str, text: str | None) -> tuple[int, int] | None:
    """Where the span stands in the decoded text."""
    if span.start is None or span.end is None:
        return None
    shift = 0 if text is None or decoded.startswith(text) else decoded.find(text)
    start, end = span.start + shift, span.end + shift
    return (start, end) if shift >= 0 and decoded[start:end] == span.exact_answer else None


def _align_one(
    span: Span,
    place: tuple[int, int],
    ids: Sequence[int],
    tokenizer: Tokenizer,
    decoded: str,
    known: list[tuple[int, int]] | None,
) -> Span:
    exact = decoded[place[0] : place[1]]
    readers: list[Callable[[], tuple[int, int] | None]] = [lambda: _by_prefixes(place, ids, tokenizer, decoded)]
    if known is not None:
        offsets = known
        readers.insert(0, lambda: _by_offsets(place, offsets))
    found: tuple[int, int] | None = None
    for read in readers:
        found = read()
        if found and exact in _decode(tokenizer, ids[found[0] : found[1] + 1]):
            first = _without_lone_space(found, ids, tokenizer, exact)
            return replace(span, first_token=first, last_token=found[1])
    if found is None:
        return missing(_ALIGNING, "no tokens stand for the exact answer")
    for wider in range(1, len(ids)):
        for left, right in ((wider, 0), (0, wider), (wider, wider)):
            first, last = max(0, found[0] - left), min(len(ids) - 1, found[1] + right)
            if exact in _decode(tokenizer, ids[first : last + 1]):
                return replace(span, first_token=first, last_token=last)
    return missing(_ALIGNING, "the tokens do not decode to the exact answer")


def _align_changed(span: Span, ids: Sequence[int], tokenizer: Tokenizer, text: str | None) -> Span:
    """Align a text that the tokenizer changes before it reads it."""
    [offsets] = [None] if text is None else _encoded_offsets(tokenizer, [list(ids)], [text]) or [None]
    if text is None or offsets is None or span.start is None or span.end is None:
        return missing(_ALIGNING, "the text is not what the tokens decode to")
    found = _by_offsets((span.start, span.end), offsets)
    if found is None:
        return missing(_ALIGNING, "no tokens stand for the exact answer")
    exact = text[span.start : span.end]
    if exact != span.exact_answer or _folded(exact) not in _folded(_decode(tokenizer, ids[found[0] : found[1] + 1])):
        return missing(_ALIGNING, "the tokens do not decode to the exact answer")
    return replace(span, first_token=found[0], last_token=found[1])


def _folded(text: str) -> str:
    return "".join(fold(text)[0].split())


def _without_lone_space(found: tuple[int, int], ids: Sequence[int], tokenizer: Tokenizer, exact: str) -> int:
    """The first token, past those that are only the space before (SentencePiece writes it as a token at times)."""
    first, last = found
    while first < last and not _decode(tokenizer, ids[first : first + 1]).strip():
        if exact not in _decode(tokenizer, ids[first + 1 : last + 1]):
            break
        first += 1
    return first


def _by_offsets(place: tuple[int, int], offsets: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    touched = [i for i, (start, end) in enumerate(offsets) if start < place[1] and end > place[0]]
    return (touched[0], touched[-1]) if touched else None


def _by_prefixes(
    place: tuple[int, int], ids: Sequence[int], tokenizer: Tokenizer, decoded: str
) -> tuple[int, int] | None:
    """Find the tokens by how much of the text is settled after each of them.

    A prefix that ends within a character decodes to a replacement mark, which the text does not have there: nothing is
    settled by it, and the character belongs to every token from the one that begins it.
    """
    prefixes: dict[int, str] = {}

    def prefix(count: int) -> str:
        if count not in prefixes:
            prefixes[count] = _decode(tokenizer, ids[:count])
        return prefixes[count]

    def settled(count: int) -> int:
        return _common(prefix(count), decoded)

    counts = range(len(ids) + 1)
    before_end = bisect_left(counts, place[1], key=settled)
    if before_end > len(ids):
        return None
    first, last = bisect_right(counts, place[0], key=settled) - 1, before_end - 1
    while first > 0 and settled(first) == place[0] and len(prefix(first)) > place[0]:
        first -= 1
    return max(first, 0), last


def _common(left: str, right: str) -> int:
    """How many characters two texts share from their start."""
    if right.startswith(left):
        return len(left)
    return next((i for i, (mine, theirs) in enumerate(zip(left, right, strict=False)) if mine != theirs), len(right))
