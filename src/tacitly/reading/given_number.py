"""Which of the numbers in an answer is the one that it gives: for judging numbers and for locating them alike."""

import re
from collections.abc import Sequence

from tacitly.reading.cues import CORRECTED, SENTENCE_END
from tacitly.reading.written_numbers import WrittenNumber, read_numbers
from tacitly.text import words

_ANSWER = re.compile(
    r"\banswer\b[\s*_\"'”]*(?:(?:to\s+(?:this|the)\s+\w+|here|now|then|would|must|should|can\s+only)\s+)?(?:is|was|be|=|:)"
    r"|####|\\boxed",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    r"\b(?:so|therefore|thus|hence|which\s+means|that\s+means|which\s+leaves|leaving|in\s+total|altogether|in\s+all)\b",
    re.IGNORECASE,
)
_EQUALS = re.compile(r"=|\b(?:equals|equal\s+to|makes|gives|comes\s+to|(?:to|we|you)\s+get)\b", re.IGNORECASE)
_RESULT = re.compile(r"[\s*_`\\(\[{$€£:≈~]*(?:(?:about|exactly|only|just)\s+)?[\s*_`\\(\[{$€£]*", re.IGNORECASE)
_IS = re.compile(r"[\s)\]*_`]*(?:=|\b(?:is|are|equals|makes|gives)\b)", re.IGNORECASE)
_ASIDE = re.compile(r"\b(?:with|using|from|of|after|for)\s+(?:[a-z']+\s+){0,2}[$€£]?$", re.IGNORECASE)
_DENIED = re.compile(
    r"(?:\bnot|n['’]t|\bnever|\bnor|\brather\s+than|\binstead\s+of)\s+(?:(?:be|a|an|the|exactly)\s+)*[$€£*\"“]*$",
    re.IGNORECASE,
)


def given_number(question: str, answer: str) -> WrittenNumber | str:
    """Find the number that an answer gives.

    It is what follows the last `answer is`, `####` or `boxed`; else the last correction (`Actually, ...`); else the
    result of the last equation, or the first new number after the last `so` or `therefore`, whichever stands later;
    else the first number that the question does not have; else the only number. Where it is said several times, the
    first place counts. Denied numbers (`not 12`) are passed over.

    Args:
        question: The question's text.
        answer: The answer's text.

    Returns:
        The number, or in a few words why there is none: it says none, or none of them can be told to be meant.

    Example:
        >>> given = given_number("2 dogs and 3 cats: how many animals?", "2 + 3 = 5, so 5 animals.")
        >>> isinstance(given, str), given.key
        (False, '5')
        >>> given_number("How many?", "10 to 12")
        'says no plain number'
    """
    numbers = [number for number in read_numbers(answer) if not _DENIED.search(_before(answer, number))]
    if not numbers:
        return "says no number"
    asked = {number.key for number in read_numbers(question)} | {word.key for word in words(question) if word.number}
    found = _concluded(answer, numbers, asked)
    if found is None:
        fresh = [number for number in numbers if number.key not in asked]
        if not fresh and len({number.key for number in numbers}) > 1:
            return "says no number that the question does not"
        found = (fresh or numbers)[0]
    if found.value is None:
        return "says no plain number"
    if found.key in asked:
        return found
    return next(n for n in numbers if (n.key, n.percent, n.bounded) == (found.key, found.percent, found.bounded))


def _before(answer: str, number: WrittenNumber) -> str:
    """The text right before a number."""
    return answer[max(0, number.start - 40) : number.start]


def _concluded(answer: str, numbers: Sequence[WrittenNumber], asked: set[str]) -> WrittenNumber | None:
    """The number that the answer itself marks as its conclusion."""
    for cues in (_ANSWER, CORRECTED):
        for cue in reversed(list(cues.finditer(answer))):
            inside = _sentence(answer, numbers, cue.end(), lines=2 if cues is _ANSWER else 1)
            if inside:
                return (_results(answer, inside) or inside[:1])[-1]
    results = _results(answer, numbers)
    for cue in reversed(list(_CONCLUSION.finditer(answer))):
        inside = _sentence(answer, numbers, cue.end())
        if not inside:
            continue
        if results and results[-1].start >= inside[0].start:
            break
        said = asked | {number.key for number in numbers if number.start < cue.start()}
        again = [number for number in inside if results and number.key == results[-1].key]
        new = [number for number in inside if number.key not in said] or inside
        return (again or [n for n in new if not _ASIDE.search(_before(answer, n))] or new)[0]
    return results[-1] if results else None


def _sentence(answer: str, numbers: Sequence[WrittenNumber], start: int, *, lines: int = 1) -> list[WrittenNumber]:
    """The numbers from a place to the end of its sentence; the space right after the place may be a line's end."""
    blank = re.compile(r"[\s*_:`\"]*").match(answer, start) if lines > 1 else None
    end = SENTENCE_END.search(answer, blank.end() if blank else start)
    while end and any(number.start < end.start() < number.end for number in numbers):
        end = SENTENCE_END.search(answer, end.end())
    return [number for number in numbers if start <= number.start < (end.start() if end else len(answer))]


def _results(answer: str, numbers: Sequence[WrittenNumber]) -> list[WrittenNumber]:
    """The numbers that equations lead to: after `=`, or after `is` where an expression stands before."""
    found: list[WrittenNumber] = []
    for i, number in enumerate(numbers):
        before = answer[numbers[i - 1].end if i else 0 : number.start]
        equals = list(_EQUALS.finditer(before))
        after_sign = bool(equals) and _RESULT.fullmatch(before, equals[-1].end()) is not None
        expression = i > 0 and numbers[i - 1].value is None
        is_sign = _IS.match(before) if expression else None
        if after_sign or (is_sign and _RESULT.fullmatch(before, is_sign.end())):
            found.append(number)
    return found
