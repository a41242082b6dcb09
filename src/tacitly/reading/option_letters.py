"""The letters of multiple-choice options, as answers give them: `B`, `(b)`, `Option C`, `The answer is B`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NAME = re.compile(r"\(?([A-Za-z])(?:\)|[.:])\)?")
_OPEN, _CLOSE = r"[\s(\[\"'“‘*_]*", r"(?![\w'’&+/-])"
_HEDGE = r"(?:(?:not|neither|either|both|definitely|clearly|probably|likely|most\ likely|therefore|thus|also)\b\s*)*"
_CUE = re.compile(
    rf"""\b(?:(?:answer|option|choice|letter|alternative)(?:\s+(?:is|are|was|would\ be|should\ be|must\ be))?
    |(?:i(?:'d|\ would|\ will|'ll)?\s+)(?:choose|pick|select|say|go\ with|chose|picked|went\ with)
    |(?:correct|right|best)(?:\s+(?:one|option|choice|answer))?\s+(?:is|would\ be))
    \b\s*:?\s*{_HEDGE}(?:(?:option|choice|letter)\s+)?{_OPEN}(?P<letter>[A-Za-z]){_CLOSE}""",
    re.IGNORECASE | re.VERBOSE,
)
_ALONE = re.compile(r"[\W_]*(?P<letter>[A-Za-z])[\W_]*")
# At the start of a line; a full stop or dash needs a capital after it, for `E. coli` is no option.
_LEADING = re.compile(
    r"""^[\s>#*_"'“‘(\[-]*(?:(?P<letter>[A-Z])[*_"'”’]*(?:\s*[:)\]]|\.?[*_]*\s*(?=\n|\Z)|[.,]\s+(?=[^a-z\s])
    |\s+[-–—=]\s|\s+(?=(?:is|because|since|as|seems|would|and|or|but|not)\b))
    |(?P<small>[a-z])\s*\))""",
    re.VERBOSE | re.MULTILINE,
)
_BRACKETED = re.compile(r"(?<![\w(])[(\[](?P<letter>[A-Za-z])[)\]]|(?<![\w(\[])(?P<bare>[A-Z])\)")
_NEXT = re.compile(
    rf"\s*[,/;)\]*]*\s*(?:(?:and|or|nor|but|not|rather\ than|instead\ of|option|choice|is)\b\s*)*{_OPEN}"
    rf"(?P<letter>[A-Z]){_CLOSE}"
)


@dataclass(frozen=True, slots=True)
class OptionLetter:
    """One place where a text names an option by its letter.

    Attributes:
        letter: The letter, in capitals.
        start: Where it stands in the text; it is one character long.
    """

    letter: str
    start: int


def option_letter(name: str) -> str | None:
    """The letter that a choice's name is, where it is one: a letter with a bracket, full stop or colon.

    Example:
        >>> option_letter("B)"), option_letter("(b)"), option_letter("B"), option_letter("Vitamin B")
        ('B', 'B', None, None)
    """
    found = _NAME.fullmatch(name.strip())
    return found[1].upper() if found else None


def find_option_letters(text: str, letters: Sequence[str]) -> list[OptionLetter]:
    """Find the options that a text names by letter.

    A letter counts where it is all there is, leads a line (`B: Ampicillin`), stands in brackets, follows a word such as
    `answer` or `option`, or joins another (`not B but C`). The article `A`, `vitamin B` and `E. coli` do not count.

    Args:
        text: The text.
        letters: The letters that there are, in capitals.

    Returns:
        The places, in order.

    Example:
        >>> [found.letter for found in find_option_letters("The answer is B, not C: vitamin A is harmless.", "ABC")]
        ['B', 'C']
        >>> find_option_letters("A patient lacks vitamin B.", "AB")
        []
    """
    alone = _ALONE.fullmatch(text)
    places = {alone.start("letter")} if alone else set()
    places |= {found.start(found.lastgroup or 0) for found in _LEADING.finditer(text)}
    opened = at = 0
    for found in _BRACKETED.finditer(text):
        opened += text.count("(", at, found.start()) - text.count(")", at, found.start())
        at = found.start()
        if found["letter"] or opened <= 0:
            places.add(found.start(found.lastgroup or 0))
    places |= {found.start("letter") for found in _CUE.finditer(text) if _is_letter(text, found.start("letter"))}
    for place in sorted(places):
        following = _NEXT.match(text, place + 1)
        while following and following.start("letter") not in places:
            places.add(following.start("letter"))
            following = _NEXT.match(text, following.end())
    return [OptionLetter(text[at].upper(), at) for at in sorted(places) if text[at].upper() in letters]


def _is_letter(text: str, at: int) -> bool:
    """Whether what follows a cue is a letter: in capitals (`I` aside), or small with nothing but a mark after it."""
    if text[at] == "I" and re.match(r"I\s+\w", text[at:]):
        return False
    return text[at].isupper() or re.match(r".[\s*_\"'”’]*(?:[).,;:!\]]|\Z)", text[at:]) is not None
