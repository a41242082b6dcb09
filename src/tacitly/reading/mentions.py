"""Which phrases of a list a text names, in what order: for judging by choices and for locating them alike."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from tacitly.reading.option_letters import find_option_letters, option_letter
from tacitly.text import Word, content, misread, singular, words

_AFTER_LETTER = re.compile(r"[)\].:]+[\s*_\"'“‘]*(?:(?:an?|the)\s+)?", re.IGNORECASE)
_Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """One place where a text names a phrase.

    Attributes:
        phrase: The phrase, as the list has it (the first of its names).
        start: First character in the text.
        end: One past the last character.
        first_word: Index of its first word, `the` not counted.
        last_word: Inclusive index of its last word.
        proper: Whether the first list has it as a proper name of one word.
        disputed: What its words name, where the letter before them (`A) Paris`) is another option's.
    """

    phrase: str
    start: int
    end: int
    first_word: int
    last_word: int
    proper: bool
    disputed: str | None = None


@lru_cache(maxsize=65536)
def phrase_keys(phrase: str) -> _Keys:
    """The keys that a phrase is found by: singular, without leading articles.

    Example:
        >>> phrase_keys("The ovaries")
        ('ovary',)
    """
    return tuple(singular(word.key) for word in content(words(phrase)))


@dataclass(frozen=True, slots=True)
class _Entry:
    keys: _Keys
    phrase: str
    first: Word
    proper: bool


@lru_cache(maxsize=4096)
def _index(phrases: tuple[str, ...]) -> dict[str, list[_Entry]]:
    """The names of phrases by their first key, longest first."""
    index: dict[str, list[_Entry]] = {}
    for phrase in phrases:
        names = [name.strip() for name in phrase.split("|")]
        for name in names:
            keys = phrase_keys(name)
            if keys and option_letter(name) is None:
                entry = _Entry(keys, names[0], content(words(name))[0], len(keys) == 1 and name[:1].isupper())
                index.setdefault(keys[0], []).append(entry)
    for entries in index.values():
        entries.sort(key=lambda entry: -len(entry.keys))
    return index


@lru_cache(maxsize=4096)
def _lettered(phrases: tuple[str, ...]) -> dict[str, str]:
    """The phrases by the letters that are among their names."""
    found: dict[str, str] = {}
    for phrase in phrases:
        first, *others = [name.strip() for name in phrase.split("|")]
        for letter in filter(None, map(option_letter, others)):
            found.setdefault(letter, first)
    return found


def canonical(name: str, phrases: Sequence[str]) -> str:
    """The phrase of a list that has this name, or the name itself.

    Example:
        >>> canonical("Renal", ["kidney|renal", "liver"]), canonical("heart", ["liver"])
        ('kidney', 'heart')
    """
    letter = option_letter(name) or (name if len(name) == 1 else "")
    lettered = _lettered(tuple(phrases))
    if letter in lettered:
        return lettered[letter]
    keys = phrase_keys(name)
    entries = _index(tuple(phrases)).get(keys[0], ()) if keys else ()
    return next((entry.phrase for entry in entries if entry.keys == keys), name)


def has_letters(phrases: Sequence[str]) -> bool:
    """Whether phrases of a list have an option's letter among their names.

    Example:
        >>> has_letters(["kidney|A)", "liver|B)"]), has_letters(["kidney"])
        (True, False)
    """
    return bool(_lettered(tuple(phrases)))


def find_mentions(text: str, *lists: Sequence[str]) -> list[Mention]:
    """Find every phrase of some lists in a text, as whole words.

    Of phrases that overlap, the leftmost counts, and of those the longest: `anemia` is not named by `iron deficiency
    anemia` where that is a phrase too. Singular and plural are the same.

    Args:
        text: The text.
        *lists: Lists of phrases; where two have the same phrase, the earlier list's spelling is given. A phrase may be
            followed by other names for the same thing (`kidney|renal`): the first is what is given. A letter with a
            bracket among them (`kidney|A)`) is an option's: see `tacitly.reading.option_letters`.

    Returns:
        The mentions, in the text's order.

    Example:
        >>> [(m.phrase, m.start) for m in find_mentions("Kidneys, not a kidney stone", ["kidney", "kidney stone"])]
        [('kidney', 0), ('kidney stone', 15)]
    """
    there = words_without_the(text)
    keys = [singular(word.key) for word in there]
    indexes = [_index(tuple(phrases)) for phrases in lists]
    found: list[Mention] = []
    position = 0
    while position < len(keys):
        best: _Entry | None = None
        for index in indexes:
            for entry in index.get(keys[position], ()):
                size = len(entry.keys)
                if best is not None and size <= len(best.keys):
                    break
                if tuple(keys[position : position + size]) == entry.keys and not (
                    size == 1 and len(keys) > 1 and misread(entry.first, there[position])
                ):
                    best = entry
                    break
        if best is None:
            position += 1
            continue
        last = position + len(best.keys) - 1
        proper = best.proper and best in indexes[0].get(keys[position], ())
        start, end = there[position].start, there[last].end
        end += text[start:end].count("(") > text[start:end].count(")") and text.startswith(")", end)
        found.append(Mention(best.phrase, start, end, position, last, proper))
        position = last + 1
    lettered = [mention for phrases in lists for mention in _find_letters(text, there, phrases)]
    return sorted(_join_letters(text, lettered, found), key=lambda mention: mention.start) if lettered else found


def _find_letters(text: str, there: Sequence[Word], phrases: Sequence[str]) -> list[Mention]:
    lettered = _lettered(tuple(phrases))
    if not lettered:
        return []
    at = {word.start: i for i, word in enumerate(there)}
    return [
        Mention(lettered[found.letter], found.start, found.start + 1, at[found.start], at[found.start], False)
        for found in find_option_letters(text, tuple(lettered))
        if found.start in at
    ]


def _join_letters(text: str, lettered: list[Mention], found: list[Mention]) -> list[Mention]:
    """Take a letter and an option's words right after it (`B) Paris`) for one mention, which stands where the words do.

    It is the letter's option; where the words are another's, that is kept beside it.
    """
    at = {mention.start: i for i, mention in enumerate(found)}
    joined = list(found)
    end = 0
    for letter in lettered:
        mark = _AFTER_LETTER.match(text, letter.end)
        i = at.get(mark.end()) if mark else None
        if mark and i is not None:
            words_name = found[i].phrase
            joined[i] = replace(
                found[i],
                phrase=letter.phrase,
                first_word=letter.first_word,
                disputed=words_name if words_name != letter.phrase else None,
            )
            end = mark.end()
        elif letter.start >= end:  # not the article of `A) A dog`
            joined.append(letter)
    return joined


def words_without_the(text: str) -> list[Word]:
    """The words of a text, `the` left out."""
    return [word for word in words(text) if word.key != "the"]
