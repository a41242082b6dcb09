"""The words of an answer, and which of them the question does not have."""

import re
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

from tacitly.locators.wording import ABBREVIATIONS, GLUE, MEASURES, NAMING
from tacitly.reading.stances import FUNCTION_WORDS
from tacitly.text import Word, singular, words

_BREAK = re.compile(r"[,;:.!?()\[\]\"“”«»*\n—–…]|\s-+\s")
_SENTENCE_END = re.compile(r"[.!?\n]")
_COMMENTING = frozenset({"which", "who", "where", "whose"})
_IS = frozenset({"is", "was", "are", "were"})
_NEARLY = 0.7
_ENDINGS = ("ing", "ed", "er", "en", "e", "n", "y")


class Said(NamedTuple):
    """One word of an answer.

    Attributes:
        word: The word.
        written: How it is written.
        asked: Whether the question has it, in this or a related form.
        of_kind: Whether it is what the question asks for by name: `disease` in `Which disease ...?`.
        opens_sentence: Whether a sentence begins with it.
        breaks_before: Whether a clause boundary stands before it.
        joined: Whether a hyphen joins it to the word before.
        owned: Whether the word before is a possessive (`Guernica's founder`).
        aside: Whether it stands in a clause that only comments (`..., which is a vitamin`).
    """

    word: Word
    written: str
    asked: bool
    of_kind: bool
    opens_sentence: bool
    breaks_before: bool
    joined: bool
    owned: bool
    aside: bool

    @property
    def upper(self) -> bool:
        """Whether it begins with a capital."""
        return self.written[:1].isupper()

    @property
    def novel(self) -> bool:
        """Whether it informs: neither the question's, nor a word that any sentence is made of."""
        key = self.word.key
        if self.asked:
            return False
        if key in FUNCTION_WORDS:
            return self.upper and len(key) == 1 and not self.opens_sentence and key != "i"
        glue = key in GLUE or (key.endswith("ly") and len(key) > 5)
        return not glue or (self.upper and not self.opens_sentence)


def read_answer(question: str, answer: str) -> list[Said]:
    """Read an answer's words in the light of its question.

    Args:
        question: The question's text.
        answer: The answer's text.

    Returns:
        The words in order.

    Example:
        >>> [one.written for one in read_answer("Which gland makes insulin?", "The pancreas makes it.") if one.novel]
        ['pancreas']
    """
    asked = {_stem(word.key) for word in words(question)}
    kinds = _kinds(question)
    said: list[Said] = []
    end = 0
    previous: Word | None = None
    aside = owned = False
    for word in words(answer):
        gap = answer[end : word.start]
        if previous is not None and previous.key.isalpha() and _is_short(previous.key):
            gap = gap.removeprefix(".")
        opens = previous is None or _SENTENCE_END.search(gap) is not None
        breaks = _BREAK.search(gap) is not None
        aside = (aside and not breaks) or (breaks and not opens and word.key in _COMMENTING)
        stem = _stem(word.key)
        written = answer[word.start : word.end]
        joined = gap == "-"
        said.append(Said(word, written, stem in asked, stem in kinds, opens, breaks, joined, owned, aside))
        owned = answer.startswith(("'s", "’s"), word.end)
        end, previous = word.end + 2 * owned, word
    return [_misspelt(said, i, asked) for i in range(len(said))]


def _misspelt(said: list[Said], i: int, asked: set[str]) -> Said:
    """Take a word for the question's where it is nearly one, beside another: `Coccidioides immita`, unless named so."""
    one, key = said[i], said[i].word.key
    beside = [said[i - 1]] if i and not one.breaks_before else []
    beside += [said[i + 1]] if i + 1 < len(said) and not said[i + 1].breaks_before else []
    if i and said[i - 1].word.key in NAMING:
        return one
    if one.asked or not any(other.asked and other.word.key not in FUNCTION_WORDS for other in beside) or len(key) < 5:
        return one
    near = any(key[:3] == other[:3] and SequenceMatcher(None, key, other).ratio() >= _NEARLY for other in asked)
    return one._replace(asked=True) if near else one


def _is_short(key: str) -> bool:
    """Whether a full stop after it does not end the sentence: an initial or an abbreviation."""
    return len(key) == 1 or key in ABBREVIATIONS


@lru_cache(maxsize=65536)
def _stem(key: str) -> str:
    base = singular(key).replace("colour", "color")
    for ending in _ENDINGS:
        if base.endswith(ending) and len(base) - len(ending) >= 4:
            return base[: -len(ending)]
    return base


def _kinds(question: str) -> frozenset[str]:
    """The noun that `which` or `what` asks for (`what is the`, too), with a word before it or an alternative."""
    keys = [word.key for word in words(question)]
    kinds: set[str] = set()
    for i, key in enumerate(keys):
        if key not in {"which", "what"}:
            continue
        rest = keys[i + 1 :]
        if rest[:1] and rest[0] in _IS:
            rest = rest[2:] if rest[1:2] == ["the"] else []
        if not rest or rest[0] in FUNCTION_WORDS:
            continue
        kinds.add(_stem(rest[0]))
        second, third = (*rest[1:3], "", "")[:2]
        if second == "or" or (second == "of" and singular(rest[0]) in MEASURES):
            kinds.add(_stem(third))
        elif second not in FUNCTION_WORDS and not second.endswith("s"):
            kinds.add(_stem(second))
    return frozenset(kinds - {""})
