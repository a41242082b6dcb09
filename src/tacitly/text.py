"""Comparing short answers: folded text, its words, and where they stand in the original.

Two stretches of text are the same answer when their words have the same keys. A key is the word after NFKC and case
folding, without accents on Latin letters, apostrophes, possessive `'s`, or the dots of initials. Numbers are keyed by
value: `1,200`, `1200.0` and `twelve hundred` agree. The word `one` stays a word (it is a pronoun too), unless it is
part of a longer number such as `one hundred`. Offsets are those of the original text, whatever folding does to its
length.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any, NamedTuple

from tacitly.number_words import NUMBER_WORDS, merge_number_words

ARTICLES = frozenset({"the", "a", "an"})

_PUNCTUATION = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛ʼ`´′＇", "'"),
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‐‑‒–—―−﹘﹣－", "-"),
    }
)
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Vowel signs of these scripts are marks, which `\w` leaves out; a word must not be cut at them.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e00-\u0eff\u1000-\u1049"


def _word_pattern(letter: str, *, before: str = "") -> re.Pattern[str]:
    return re.compile(
        rf"""(?P<number>(?:(?<![^\s("\[])-)?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?(?!\w)|(?<![\w.])\.\d+(?!\w))
        |(?P<initials>[^\W\d_]\.(?:\ ?[^\W\d_]\.)+(?:[^\W\d_](?![\w']))?){before}
        |(?P<word>[^\W\d_]-\d+(?!\w)|{letter}+(?:'{letter}+)*|&)""",
        re.VERBOSE,
    )


_ASCII_WORD = _word_pattern("[a-z0-9]")
_ANY_WORD = _word_pattern(rf"(?:(?![{_CJK}])(?:[^\W_]|[{_MARKS}]))", before=rf"|(?P<ideograph>[{_CJK}])")


class Word(NamedTuple):
    """One word of a text.

    Attributes:
        key: What the word is compared by.
        start: Its first character in the original text.
        end: One past its last character; a possessive `'s` is left out.
        number: Whether it stands for a number of its own (the `19` of `COVID-19` does not).
        capitals: Whether it is written in capitals.
    """

    key: str
    start: int
    end: int
    number: bool = False
    capitals: bool = False


@lru_cache(maxsize=4096)
def _fold_cluster(cluster: str) -> str:
    folded = unicodedata.normalize("NFKC", cluster).casefold()
    if unicodedata.category(folded[:1] or " ") == "Cf":
        return ""
    if folded[:1].isdigit() and not cluster[0].isdecimal():
        folded = "^" + folded  # a superscript or circled digit is not one more digit of the number before it
    decomposed = unicodedata.normalize("NFKD", folded)
    kept: list[str] = []
    latin = False
    for character in decomposed:
        if latin and "\u0300" <= character <= "\u036f":
            continue
        latin = "a" <= character <= "z"
        kept.append(character)
    return unicodedata.normalize("NFKC", "".join(kept)).translate(_PUNCTUATION)


def fold(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """Fold a text for comparison, character by character.

    Args:
        text: Any text.

    Returns:
        The folded text, and for each of its characters where the original character that it came from (with its
        combining marks) starts and ends.

    Example:
        >>> folded, starts, ends = fold("İß")
        >>> folded, list(starts), list(ends)
        ('iss', [0, 1, 1], [1, 2, 2])
    """
    if text.isascii():
        return text.lower().replace("`", "'"), range(len(text)), range(1, len(text) + 1)
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    while position < len(text):
        stop = position + 1
        while stop < len(text) and (unicodedata.combining(text[stop]) or "\u1160" <= text[stop] <= "\u11ff"):
            stop += 1
        piece = _fold_cluster(text[position:stop])
        if piece.startswith("^") and not (pieces and pieces[-1][-1:].isdigit()):
            piece = piece[1:]
        pieces.append(piece)
        starts += [position] * len(piece)
        ends += [stop] * len(piece)
        position = stop
    return "".join(pieces), starts, ends


def _number_key(written: str) -> str:
    if written.isdecimal() and written.isascii() and not written.startswith("0"):
        return written
    digits = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in written if c != ",")
    sign = "-" if digits.startswith("-") else ""
    whole, _, fraction = digits.lstrip("-").partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    value = f"{whole}.{fraction}" if fraction else whole
    return value if value == "0" else sign + value


@lru_cache(maxsize=16384)
def words(text: str) -> tuple[Word, ...]:
    """Split a text into words, with the key that each is compared by.

    Args:
        text: Any text.

    Returns:
        Its words in order, articles included.

    Example:
        >>> [(word.key, text[word.start : word.end]) for text in ["Crohn’s: 1,200 cases"] for word in words(text)]
        [('crohn', 'Crohn'), ('1200', '1,200'), ('cases', 'cases')]
    """
    folded, starts, ends = fold(text)
    found: list[Word] = []
    spelled = False
    for match in (_ASCII_WORD if folded.isascii() else _ANY_WORD).finditer(folded):
        written, kind, first, stop = match.group(), match.lastgroup, match.start(), match.end()
        number = False
        if kind == "number":
            key = _number_key(written)
            number = not (first >= 2 and folded[first - 1] == "-" and folded[first - 2].isalpha())
        elif kind == "initials":
            key = written.replace(".", "").replace(" ", "")
        elif written == "&":
            key = "and"
        else:
            if written.endswith("'s"):
                written, stop = written[:-2], stop - 2
            key = written.replace("'", "").replace("-", "")
            spelled = spelled or key in NUMBER_WORDS
        start, end = starts[first], ends[stop - 1]
        found.append(Word(key, start, end, number, text[start:end].isupper()))
    if spelled:
        found = [Word(key, start, end, True) if number else word for key, start, end, number, word in _merged(found)]
    return tuple(found)


def _merged(found: list[Word]) -> list[tuple[str, int, int, bool, Word]]:
    runs = merge_number_words([word.key for word in found])
    return [
        (key or found[first].key, found[first].start, found[last].end, key is not None, found[first])
        for key, first, last in runs
    ]


def normalize(text: str) -> str:
    """Bring a short answer into the form in which it is compared and grouped.

    Args:
        text: An answer, or a part of one.

    Returns:
        Its word keys joined by spaces, without a leading article or any `the`. `a` and `an` further in are kept, for
        they can be letters (`vitamin A`); a text of articles alone is kept.

    Example:
        >>> normalize("  The “Ménière’s” disease. ")
        'meniere disease'
        >>> normalize("1,200.0"), normalize("Vitamin A")
        ('1200', 'vitamin a')
    """
    return " ".join(word.key for word in content(words(text)))


def content(found: Sequence[Word]) -> Sequence[Word]:
    """Leave out the articles that comparing ignores: a leading one, and every `the`."""
    kept = [word for i, word in enumerate(found) if word.key != "the" and not (i == 0 and word.key in ARTICLES)]
    return kept or found


@lru_cache(maxsize=65536)
def singular(key: str) -> str:
    """Fold a regular English plural, and the Latin ones of medicine, into one form.

    Example:
        >>> singular("lungs"), singular("ovaries"), singular("viruses"), singular("virus"), singular("bacteria")
        ('lung', 'ovary', 'virus', 'virus', 'bacterium')
    """
    if key in _LATIN_PLURALS:
        return _LATIN_PLURALS[key]
    if len(key) <= 3 or not key.endswith("s") or key.endswith(("ss", "us", "is")):
        return key
    if key.endswith("ies") and len(key) > 5:
        return key[:-3] + "y"
    if key.endswith(("uses", "xes", "sses", "shes")):
        return key[:-2]
    return key[:-1]


_LATIN_PLURALS = {
    "bacteria": "bacterium",
    "fungi": "fungus",
    "protozoa": "protozoon",
    "protozoan": "protozoon",
    "protozoans": "protozoon",
    "vertebrae": "vertebra",
    "testes": "testis",
    "mitochondria": "mitochondrion",
    "yen": "yen",
}


def find_whole(needle: str, haystack: str, *, start: int = 0) -> tuple[int, int] | None:
    """Find a phrase in a text as whole words.

    Args:
        needle: The phrase; its leading article and every `the` are ignored.
        haystack: The text to look in.
        start: Where in the text to begin.

    Returns:
        First character and one past the last, in the original text; None where the phrase is not there.

    Example:
        >>> find_whole("12", "in 1912"), find_whole("1200", "about 1,200 people")
        (None, (6, 11))
        >>> find_whole("istanbul", "in İstanbul")
        (3, 11)
    """
    wanted = content(words(needle))
    there = [word for word in words(haystack) if word.start >= start and word.key != "the"]
    for first in range(len(there) - len(wanted) + 1 if wanted else 0):
        window = there[first : first + len(wanted)]
        if all(same_word(mine, theirs) for mine, theirs in zip(wanted, window, strict=True)) and not (
            len(wanted) == 1 and misread(wanted[0], window[0])
        ):
            return window[0].start, window[-1].end
    return None


def same_word(mine: Word, theirs: Word) -> bool:
    """Whether two words agree, singular or plural."""
    return mine.key == theirs.key or singular(mine.key) == singular(theirs.key)


def misread(wanted: Word, found: Word) -> bool:
    """Whether a one-word phrase would be found in a word that merely looks like it.

    A number has to be one in the text too (not the `19` of `COVID-19`), and a short name in capitals, such as `US`,
    `MET` or `K`, is not the lower-case word `us`, `met` or `k`.
    """
    if wanted.number and not found.number:
        return True
    return wanted.capitals and len(wanted.key) <= 4 and not found.capitals and not wanted.number


def shortened(text: str, most: int = 60) -> str:
    """A text as messages quote it: no longer than so many characters.

    Example:
        >>> shortened("abcdefghij", most=8)
        'abcde...'
    """
    return text if len(text) <= most else text[: most - 3] + "..."


def shared_length(sequences: Iterable[Any]) -> int:
    """With how many items, letters or tokens, all sequences of one kind begin alike.

    Example:
        >>> shared_length(["Is snow red?", "Is blood red?"]), shared_length([(5, 6, 7), (5, 6)]), shared_length([])
        (3, 2, 0)
    """
    sequences = list(sequences)
    if not sequences:
        return 0
    low, high = min(sequences), max(sequences)  # what these two share, all share
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False)))
