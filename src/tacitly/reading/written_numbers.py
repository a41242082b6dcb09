"""The numbers that a text writes, in digits or in words, and what they are worth."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from tacitly.text import fold, words

# One character for another, so that offsets stay: spaces between groups of three digits, dashes that join no words.
_GROUPS = re.compile(r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u2009\u202f'’]\d{3})+(?![\d.,]\d|\d)")
_LONG_DASH = re.compile(r"[—―]")
_SIGN = r"(?:(?<![\w)\].^])(?<!\d\s)[-+](?=[\d.$€£¥\\])|(?<==)\s?-\s|(?<==\s)-\s)?"
_DIGITS = r"(?:\d{1,3}(?:(?:,|\{,\})\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<![\d.])\.\d+"
_POWER = r"(?:e[-+]?\d{1,2}(?!\d)|\s?(?:[x×*]|\\times)\s?10\s?\^\s?\{?[-+]?\d{1,2}\}?(?!\d))?"
_NUMBER = re.compile(
    rf"(?<![\w^])(?<!\d[.,])(?<![a-z]-)(?P<sign>{_SIGN})\\?[$€£¥]?(?P<digits>(?>(?:{_DIGITS}){_POWER}))"
)
# What makes of digits no plain number: a fraction, a time, a power, a decimal comma, a version.
_NOT_PLAIN = re.compile(r"\s?[/⁄]\s?\d+(?:/\d+)?|:\d+|\s?\^\S*|,\d+|\.\d+(?:\.\d+)*")
# What makes of them no number at all: a place in an order, a decade, a name.
_NO_NUMBER = re.compile(r"(?:st|nd|rd|th|s|d|x)\b|[a-z]*\d|-[a-z]\w*-\d")
_PARTS = "(?:half|halves|thirds?|quarters?|fourths?|fifths?|sixths?|eighths?|tenths?|hundredths?)"
_PART = re.compile(rf"[\s-]*(?:and\s+)?(?:(?:an?|one|two|three)[\s-]+)?{_PARTS}\b|\s+(?:and\s+)?\d+\s?[/⁄]\s?\d+")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{[^{}]*\}\s*\{[^{}]*\}")
_LONE_PART = re.compile(r"\b(?:half|third|quarter|fraction)s?\b")
_ROUND = re.compile(r"(?:\b(?P<half>half)\s+)?\ban?\s+(?P<unit>dozen|hundred|thousand|million|billion)\b")
_UNITS = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_DOZENS = re.compile(r"\s+(?:(?P<dozen>dozens?)|hundred)\b")
_BELOW_ZERO = re.compile(r"\s*(?:°|degrees?)?\s*(?:celsius|fahrenheit|[cf])?\s+below\s+zero\b")
_ONE = re.compile(
    r"(?:^[^\w]*|(?:\b(?:is|was|are|were|be|has|have|had|only|exactly|just|equals|minus|negative|leaves|leaving|gets)|[:=])\s+\W*)"
    r"(?P<one>one)\b(?!\s+(?:of|who|that|which|thing|way|day|can|could|should|must|might|would|needs?)\b)"
)
_NONE = re.compile(r"\W*(?P<none>none|nothing|nil)(?:\s+(?:is|are))?(?:\s+(?:left|remain|remains|remaining))?\W*")
_MINUS = re.compile(r"\b(?:minus|negative)\s+$")
_BOUND = re.compile(
    r"(?:\b(?:(?:more|less|fewer|greater|higher|lower)\s+than|over|under|above|below|at\s+(?:least|most)|up\s+to"
    r"|(?:maximum|minimum)\s+of)|[<>≤≥])\s*$"
)
_BOUND_AFTER = re.compile(
    r"\s?\+(?!\s?[\d($])|\s+(?:\w+\s+)?or\s+(?:more|less|fewer)\b|\s+(?:\w+\s+)?at\s+(?:least|most)\b"
)
_PERCENT = re.compile(r"\s?\\?%|[\s-]?per\s?cent\b")
_JOINED = re.compile(
    r"\s*[-+*/x×÷·]\s*\$?|\s*\\(?:times|cdot|div)\s*"
    r"|(?:\s+[a-z]+)?,?\s+(?:to|or|and|through|plus|minus|times|over|(?:divided|multiplied)\s+by)\s+(?:(?:maybe|perhaps)\s+)?\$?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenNumber:
    """One place where a text writes a number, or several that make one expression.

    Attributes:
        start: First character in the text, sign included.
        end: One past the last.
        value: What it is worth; None where it is no plain number (`one half`, `12/4`, `10 to 12`).
        percent: Whether it is a percentage.
        bounded: Whether it is only the bound of a number (`more than 12`).
    """

    start: int
    end: int
    value: Decimal | None
    percent: bool = False
    bounded: bool = False

    @property
    def key(self) -> str:
        """The value as digits, the same for equal values; empty where there is none.

        Example:
            >>> WrittenNumber(start=0, end=5, value=Decimal("12.00")).key
            '12'
        """
        return "" if self.value is None else number_key(self.value)


def number_key(value: Decimal) -> str:
    """Write a value the one way in which values are compared.

    Example:
        >>> number_key(Decimal("-0.0")), number_key(Decimal("1.20E+3"))
        ('0', '1200')
    """
    written = f"{value:f}"
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if written in {"-0", ""} else written


@lru_cache(maxsize=16384)
def read_numbers(text: str) -> tuple[WrittenNumber, ...]:
    """Read the numbers of a text.

    Numbers that an operator joins (`69 - 24`), or that make a range or an alternative (`10 to 12`, `3 or 4`), are one
    expression without a value. Ordinals and numbers within names (`COVID-19`) are left out. `one` is a number only
    where no pronoun could stand (`It is one.`).

    Args:
        text: Any text.

    Returns:
        The numbers in order, with offsets in the text.

    Example:
        >>> [number.key for number in read_numbers("1,200 or two dozen? −5, $12.00, 1.2e3: not COVID-19")]
        ['', '-5', '12', '1200']
        >>> [(number.key, number.percent) for number in read_numbers("twelve hundred, 15 %, 1/2")]
        [('1200', False), ('15', True), ('', False)]
    """
    plain = _LONG_DASH.sub(";", _GROUPS.sub(lambda found: re.sub(r"\D", ",", found[0]), text))
    folded, starts, ends = fold(plain)
    spelled = _read_spelled(plain, folded, starts)
    found = spelled + [n for n in _read_digits(folded) if not any(n.start < s.end and s.start < n.end for s in spelled)]
    found.sort(key=lambda number: number.start)
    found = [_in_context(n, folded, after=before.end if before else 0) for before, n in pairwise([None, *found]) if n]
    if not found:
        found = [WrittenNumber(start=m.start(), end=m.end(), value=None) for m in _LONE_PART.finditer(folded)]
    if not found and (none := _NONE.fullmatch(folded)):
        found = [WrittenNumber(start=none.start("none"), end=none.end("none"), value=Decimal(0))]
    return tuple(replace(n, start=starts[n.start], end=ends[n.end - 1]) for n in _join(found, folded))


def _read_digits(folded: str) -> list[WrittenNumber]:
    numbers: list[WrittenNumber] = []
    for found in _NUMBER.finditer(folded):
        within = bool(numbers) and found.start() < numbers[-1].end
        if within or _NO_NUMBER.match(folded, found.end()):
            continue
        start = found.start("sign") if found["sign"] else found.start("digits")
        start += len(found["sign"]) - len(found["sign"].lstrip())
        other = _NOT_PLAIN.match(folded, found.end())
        if other:
            numbers.append(WrittenNumber(start=start, end=other.end(), value=None))
            continue
        written = re.sub(r"[x×*]10\^|\\times10\^", "e", re.sub(r"[,\s{}]", "", found["digits"]))
        value = Decimal(written)
        numbers.append(WrittenNumber(start=start, end=found.end(), value=-value if "-" in found["sign"] else value))
    return numbers


def _read_spelled(plain: str, folded: str, starts: Sequence[int]) -> list[WrittenNumber]:
    """The numbers that have a word in them, with offsets in the folded text."""
    found: list[WrittenNumber] = []
    for word in words(plain):
        if word.number and any(c.isalpha() for c in plain[word.start : word.end]):
            start, end = bisect_left(starts, word.start), bisect_left(starts, word.end)
            found.append(WrittenNumber(start=start, end=end, value=Decimal(word.key)))
    found += [WrittenNumber(start=m.start(), end=m.end(), value=None) for m in _FRACTION.finditer(folded)]
    for match in _ROUND.finditer(folded):
        value = Decimal(_UNITS[match["unit"]])
        found.append(WrittenNumber(start=match.start(), end=match.end(), value=value / 2 if match["half"] else value))
    for match in _ONE.finditer(folded):
        if not any(number.start <= match.start("one") < number.end for number in found):
            found.append(WrittenNumber(start=match.start("one"), end=match.end("one"), value=Decimal(1)))
    return found


def _in_context(number: WrittenNumber, folded: str, *, after: int) -> WrittenNumber:
    """Add what stands beside a number: `minus`, `dozen`, a fraction, a percent sign, a bound."""
    part = _PART.match(folded, number.end)
    if part:
        return replace(number, end=part.end(), value=None)
    value = number.value
    if value is None:
        return number
    if dozens := _DOZENS.match(folded, number.end):
        value *= 12 if dozens["dozen"] else 100
        number = replace(number, end=dozens.end(), value=value)
    if below := _BELOW_ZERO.match(folded, number.end):
        return replace(number, end=below.end(), value=-value)
    before = folded[max(after, number.start - 40) : number.start]
    minus = _MINUS.search(before)
    if minus and (before[: minus.start()].strip() or not after):
        number = replace(number, start=number.start - len(minus[0]), value=-value)
        before = before[: minus.start()]
    return replace(
        number,
        percent=_PERCENT.match(folded, number.end) is not None,
        bounded=(_BOUND.search(before) or _BOUND_AFTER.match(folded, number.end)) is not None,
    )


def _join(found: Sequence[WrittenNumber], folded: str) -> list[WrittenNumber]:
    """Make one expression of numbers that operators or `to`, `or`, `and` join."""
    joined = list(found[:1])
    for number in found[1:]:
        if number.start < joined[-1].end:
            continue
        if _JOINED.fullmatch(folded, joined[-1].end, number.start):
            joined[-1] = replace(joined[-1], end=number.end, value=None, bounded=False, percent=False)
        else:
            joined.append(number)
    return joined
