"""Texts in passes that are neither too many nor too long."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

PASS_TOKENS = 2048
"""Tokens of texts that are read in one pass, padding included; with more, a processor's cache is too small."""

T = TypeVar("T")


def in_passes(ordered: Iterable[T], length: Callable[[T], int], *, most: int, tokens: int) -> Iterator[list[T]]:
    """Batches of at most so many items, whose lengths, padded to the longest, are at most so many tokens.

    Args:
        ordered: The items; the more alike neighbours are in length, the less is padded.
        length: How many tokens an item has.
        most: The most items of a batch.
        tokens: The most tokens of a batch; a longer item is a batch of its own.

    Example:
        >>> list(in_passes(["aaa", "bb", "c", "d"], len, most=3, tokens=6))
        [['aaa', 'bb'], ['c', 'd']]
    """
    batch: list[T] = []
    longest = 0
    for item in ordered:
        longest = max(longest, length(item))
        if batch and (len(batch) == most or (len(batch) + 1) * longest > tokens):
            yield batch
            batch, longest = [], length(item)
        batch.append(item)
    if batch:
        yield batch
