"""Numbers that are written as words: `two hundred and six` is 206."""

from collections.abc import Sequence
from decimal import Decimal

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_UNITS.split())}
_SMALL |= {word: 10 * (i + 2) for i, word in enumerate(_TENS.split())}
_SCALES = {"thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000, "trillion": 1_000_000_000_000}

NUMBER_WORDS = frozenset(_SMALL) | frozenset(_SCALES) | {"hundred"}


def merge_number_words(keys: Sequence[str]) -> list[tuple[str | None, int, int]]:
    """Join words that spell one number.

    Args:
        keys: Folded words in order; digits may stand before `million` and the like.

    Returns:
        One `(value, first, last)` for each word or joined run, with inclusive indices; the value is None for what is
        not a number written in words. `one` alone is not, nor are `hundred` or `million` without a number before.

    Example:
        >>> merge_number_words(["twenty", "one", "cats", "one", "2", "million"])
        [('21', 0, 1), (None, 2, 2), (None, 3, 3), ('2000000', 4, 5)]
    """
    merged: list[tuple[str | None, int, int]] = []
    position = 0
    while position < len(keys):
        value, stop = _read_number(keys, position)
        if (
            stop == position
            or (stop == position + 1 and keys[position] not in _SMALL)
            or keys[position:stop] == ["one"]
        ):
            merged.append((None, position, position))
            position += 1
        else:
            merged.append((_written(value), position, stop - 1))
            position = stop
    return merged


def _read_number(keys: Sequence[str], start: int) -> tuple[Decimal, int]:
    """Read one number from `start`; it stops before the first word that cannot continue it."""
    total, limit, position = Decimal(0), Decimal("Infinity"), start
    while True:
        group, stop = _read_group(keys, position)
        if stop == position:
            break
        scale = _SCALES.get(keys[stop], 1) if stop < len(keys) else 1
        if scale >= limit:
            break
        total, limit, position = total + group * scale, Decimal(scale), stop + (scale > 1)
        if scale == 1:
            break
        if position + 1 < len(keys) and keys[position] == "and" and keys[position + 1] in _SMALL:
            position += 1
    if position > start and keys[position - 1] == "and":
        position -= 1
    return total, position


def _read_group(keys: Sequence[str], start: int) -> tuple[Decimal, int]:
    """Read a number under a thousand, or one written in digits that a scale word follows."""
    key = keys[start] if start < len(keys) else ""
    if key and key[0].isdigit():
        scaled = start + 1 < len(keys) and keys[start + 1] in _SCALES and key.replace(".", "", 1).isdecimal()
        return (Decimal(key), start + 1) if scaled and len(key) < 20 else (Decimal(0), start)
    value, position = _read_tens(keys, start)
    if position > start and position < len(keys) and keys[position] == "hundred":
        value, position = value * 100, position + 1
        skip = int(position < len(keys) and keys[position] == "and")
        rest, stop = _read_tens(keys, position + skip)
        if stop > position + skip:
            value, position = value + rest, stop
    return Decimal(value), position


def _read_tens(keys: Sequence[str], start: int) -> tuple[int, int]:
    """Read a number under a hundred."""
    if start >= len(keys) or keys[start] not in _SMALL:
        return 0, start
    value = _SMALL[keys[start]]
    if value >= 20 and start + 1 < len(keys) and 1 <= _SMALL.get(keys[start + 1], 0) <= 9:
        return value + _SMALL[keys[start + 1]], start + 2
    return value, start + 1


def _written(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
