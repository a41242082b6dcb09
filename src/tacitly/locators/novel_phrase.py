"""The exact answer as the first phrase that the answer says and the question does not."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from tacitly.locators.base import missing
from tacitly.locators.wording import ABBREVIATIONS, COPULAS, GLUE, MEASURES, NAME_PARTICLES, NAMED_THINGS, STATE_WORDS
from tacitly.mentions import FUNCTION_WORDS
from tacitly.records import Span
from tacitly.text import Word, normalize, singular, words

_BREAK = re.compile(r"[,;:.!?()\[\]\"“”«»*\n—–…]|\s-+\s")
_SENTENCE_END = re.compile(r"[.!?\n]")
_ADJECTIVE_OF_ORIGIN = re.compile(r"(?:an|ish|ese|ch|ic|ek|ss)$")
_WHO = re.compile(r"\b(?:who|whom|whose|where)\b", re.IGNORECASE)
_WANTS_PLACE = re.compile(r"\bwhere\b|\b(?:in|from|at|to|on|of) (?:which|what)\b", re.IGNORECASE)
_PLACING = frozenset({"in", "from", "at"})
_WANTS_TERM = re.compile(r"\b(?:called|name of|known as|term for|named)\b", re.IGNORECASE)
_WANTS_COUNTRY = re.compile(r"\b(?:country|countries|nation)\b", re.IGNORECASE)
_LEAD_IN = re.compile(r"\W*the (?:\w+ )?answer (?:to (?:this|the) question )?is\b", re.IGNORECASE)
_GIVES_TERM = frozenset({"called", "named", "termed"})


class _Said(NamedTuple):
    """One word of the answer, and what is known about it."""

    word: Word
    written: str
    asked: bool
    opens_sentence: bool
    breaks_before: bool

    @property
    def upper(self) -> bool:
        return self.written[:1].isupper()

    @property
    def novel(self) -> bool:
        key = self.word.key
        if self.asked or key in FUNCTION_WORDS:
            return self.upper and len(key) == 1 and not self.asked and not self.opens_sentence and key != "i"
        glue = key in GLUE or (key.endswith("ly") and len(key) > 5)
        return not glue or (self.upper and not self.opens_sentence)


@dataclass(frozen=True)
class NovelPhraseLocator:
    """Locates the shortest phrase that is informative: new, and not one of the words that any sentence is made of.

    A phrase ends at a clause boundary, leaves out articles and function words at its edges, and is a proper name where
    the question asks for one (`who`, `which city`). Where the question asks what something is called, it is what stands
    after `called`. Where nothing is new, it is what a copula leads to (`The symbol for tungsten is Tungsten`).

    Example:
        >>> NovelPhraseLocator().locate("Which gland makes insulin?", "Insulin is made by the pancreas.", ()).given
        'pancreas'
    """

    def locate(self, question_text: str, answer_text: str, choices: Sequence[str]) -> Span:  # noqa: ARG002
        """Find the phrase that the answer adds to the question."""
        said = _read(question_text, answer_text)
        if not said:
            return missing("novel_phrase", "empty answer")
        found = _after_lead_in(answer_text, said)
        if not found:
            found = _choose(question_text, said) if any(one.novel for one in said) else _after_copula(said)
        if found is None:
            return missing("novel_phrase", "says nothing that answers the question and is not in it")
        start, end = found[0].word.start, found[-1].word.end
        exact = answer_text[start:end]
        return Span(start=start, end=end, exact_answer=exact, given=normalize(exact), locator="novel_phrase")


@lru_cache(maxsize=65536)
def _stem(key: str) -> str:
    base = singular(key)
    for ending in ("ing", "ed", "er", "en", "e", "n", "y"):
        if base.endswith(ending) and len(base) - len(ending) >= 4:
            return base[: -len(ending)]
    return base


def _read(question: str, answer: str) -> list[_Said]:
    asked = {_stem(word.key) for word in words(question)}
    said: list[_Said] = []
    end = 0
    previous: Word | None = None
    for word in words(answer):
        gap = answer[end : word.start]
        abbreviated = previous is not None and (len(previous.key) == 1 or previous.key in ABBREVIATIONS)
        gap = gap.removeprefix(".") if abbreviated and previous is not None and previous.key.isalpha() else gap
        opens = previous is None or _SENTENCE_END.search(gap) is not None
        breaks = _BREAK.search(gap) is not None
        written = answer[word.start : word.end]
        said.append(_Said(word, written, _stem(word.key) in asked, opens, breaks))
        end, previous = word.end, word
        if answer.startswith(("'s", "’s"), end):
            end += 2
    return said


def _choose(question: str, said: list[_Said]) -> list[_Said] | None:
    keys = [word.key for word in words(question)]
    wants_name = _WHO.search(question) is not None or any(singular(key) in NAMED_THINGS for key in keys)
    writes_capitals = any(one.upper for one in said)
    if _WANTS_TERM.search(question):
        for i, one in enumerate(said[:-1]):
            if one.word.key in _GIVES_TERM or (one.word.key == "as" and i and said[i - 1].word.key == "known"):
                phrase = next(_phrases(said[i + 1 :], names=False), None)
                if phrase:
                    return phrase
    if wants_name and writes_capitals:
        wants_country = _WANTS_COUNTRY.search(question) is not None
        names = list(_phrases(said, names=True, origins=wants_country))
        states = [name for name in names if wants_country and any(one.word.key in STATE_WORDS for one in name)]
        placed = [name for name in names if _WANTS_PLACE.search(question) and _is_placed(said, name[0])]
        return next(iter(states + placed + names), None)
    return next(_phrases(said[_predicate(said) :], names=False), None) or next(_phrases(said, names=False), None)


def _after_lead_in(answer: str, said: list[_Said]) -> list[_Said] | None:
    """What stands after `The answer is`, if that is up to four words."""
    lead = _LEAD_IN.match(answer)
    if lead is None:
        return None
    rest = [one for one in said if one.word.start >= lead.end()]
    while rest and rest[0].word.key in FUNCTION_WORDS and not rest[0].upper:
        rest = rest[1:]
    phrase = rest[: next((k for k, one in enumerate(rest) if k and one.breaks_before), len(rest))]
    plain = FUNCTION_WORDS | GLUE | MEASURES | COPULAS
    return phrase if len(phrase) <= 4 and not any(one.word.key in plain for one in phrase) else None


def _is_placed(said: list[_Said], first: _Said) -> bool:
    at = said.index(first)
    before = said[at - 1].word.key if at else ""
    return (said[at - 2].word.key if before == "the" and at > 1 else before) in _PLACING


def _predicate(said: list[_Said]) -> int:
    """Where the first predicate begins, if its subject is taken from the question; else the start."""
    for i, one in enumerate(said):
        if one.breaks_before and i:
            return 0
        if one.word.key in COPULAS:
            content = [word for word in said[:i] if word.word.key not in FUNCTION_WORDS]
            return i + 1 if 2 * sum(word.asked for word in content) > len(content) else 0
    return 0


def _phrases(said: list[_Said], *, names: bool, origins: bool = False) -> Iterator[list[_Said]]:
    """The candidates in order, those that own something (`Guernica's founder`) left out."""
    i = 0
    while i < len(said):
        stop = _name_end(said, i) if said[i].upper else i
        if stop == i and not names:
            stop = _plain_end(said, i)
        if stop == i:
            i += 1
            continue
        phrase = said[i:stop]
        follower = said[stop] if stop < len(said) and not said[stop].breaks_before else None
        if (
            any(one.novel for one in phrase)
            and not _owns(phrase, follower)
            and not (names and not origins and _origin(phrase, follower))
        ):
            if all(one.word.number for one in phrase) and names:
                i = stop
                continue
            yield phrase
        i = stop


def _name_end(said: list[_Said], start: int) -> int:
    """One past the name that starts here, with the particles inside it; `start` where there is none."""
    first = said[start]
    if first.word.key in FUNCTION_WORDS and not first.novel:
        return start
    if first.opens_sentence and not first.novel and not first.asked:
        return start
    stop = start + 1
    while stop < len(said) and not said[stop].breaks_before:
        ahead = stop
        while ahead < len(said) and said[ahead].word.key in NAME_PARTICLES | {"the"} and not said[ahead].breaks_before:
            ahead += 1
        if ahead - stop > 2 or ahead >= len(said) or said[ahead].breaks_before:
            break
        if not said[ahead].upper and not (ahead == stop and said[ahead].word.key.isdigit()):
            break
        stop = ahead + 1
    return stop


def _plain_end(said: list[_Said], start: int) -> int:
    """One past the run of new words that starts here."""
    if not said[start].novel:
        return start
    if said[start].word.key in MEASURES and start + 1 < len(said) and said[start + 1].word.key == "of":
        return start
    stop = start + 1
    while stop < len(said) and said[stop].novel and not said[stop].breaks_before:
        stop += 1
    return stop


def _owns(phrase: list[_Said], follower: _Said | None) -> bool:
    return follower is not None and follower.word.start - phrase[-1].word.end >= 3 and not follower.breaks_before


def _origin(phrase: list[_Said], follower: _Said | None) -> bool:
    """Whether this is the adjective of a description, as in `Norwegian filmmaker`."""
    if follower is None or len(phrase) > 1 or follower.upper or follower.word.key in FUNCTION_WORDS:
        return False
    return _ADJECTIVE_OF_ORIGIN.search(phrase[0].word.key) is not None


def _after_copula(said: list[_Said]) -> list[_Said] | None:
    """What the first copula leads to, up to three words, where every word is the question's."""
    for i, one in enumerate(said[:-1]):
        if one.word.key in COPULAS and i:
            stop = i + 1
            while stop < len(said) and said[stop].word.key in FUNCTION_WORDS:
                stop += 1
            rest = said[stop:]
            phrase = rest[: next((k for k, later in enumerate(rest) if k and later.breaks_before), len(rest))]
            return phrase if 0 < len(phrase) <= 3 and all(w.word.key not in FUNCTION_WORDS for w in phrase) else None
    return None
