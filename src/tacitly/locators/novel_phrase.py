"""The exact answer as the first phrase that the answer says and the question does not."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from tacitly.locators.base import missing
from tacitly.locators.number import asks_number
from tacitly.locators.phrases import find_phrases
from tacitly.locators.roles import asked_role, sort_by_role
from tacitly.locators.sentence import Said, read_answer
from tacitly.locators.wording import COPULAS, FICTION, GLUE, MEASURES, NAMED_THINGS, NAMING, STATE_WORDS
from tacitly.reading.stances import FUNCTION_WORDS
from tacitly.records import Span
from tacitly.text import ARTICLES, normalize, singular, words

_WHO = re.compile(r"\b(?:who|whom|whose|where)\b", re.IGNORECASE)
_WANTS_PLACE = re.compile(r"\bwhere\b|\b(?:in|from|at|to|on|of) (?:which|what)\b", re.IGNORECASE)
_WANTS_TERM = re.compile(r"\bname of\b|\bterm for\b|\b(?:called|known as|named)\W*$", re.IGNORECASE)
_WANTS_ATTRIBUTE = re.compile(r"^what (?:is|was|are) the (?:\w+ )+of\b|^what \w+ (?:is|are|was|were)\b", re.IGNORECASE)
_WANTS_KIND = re.compile(r"\b(?:kind|type|sort|class) of\b", re.IGNORECASE)
_WANTS_COUNTRY = re.compile(r"\b(?:country|countries|nation)\b", re.IGNORECASE)
_LEAD_IN = re.compile(r"\W*the (?:\w+ )?answer (?:to (?:this|the) question )?is\b", re.IGNORECASE)
_AS = frozenset({"as", "called"})
_PLACING = frozenset({"in", "from", "at"})


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
        said = read_answer(question_text, answer_text)
        if not said:
            return missing("novel_phrase", "empty answer")
        if asks_number(question_text):
            return missing("novel_phrase", "the question asks for a number")
        if _is_fiction(question_text, said) or _only_defines(question_text, said):
            return missing("novel_phrase", "speaks of something else than what is asked")
        found = _after_lead_in(answer_text, said) or _choose(question_text, said) or _after(COPULAS, said)
        found = found or _after(_AS, said)
        if not found and _WANTS_PLACE.search(question_text):
            found = _after(_PLACING, said)
        if not found:
            return missing("novel_phrase", "says nothing that answers the question and is not in it")
        start, end = found[0].word.start, found[-1].word.end
        exact = answer_text[start:end]
        return Span(start=start, end=end, exact_answer=exact, given=normalize(exact), locator="novel_phrase")


def _choose(question: str, said: list[Said]) -> list[Said] | None:
    """Take the first candidate of the kind that the question's form asks for."""
    candidates: list[list[Said]] = []
    if _WANTS_TERM.search(question) or _names_kind(said):
        candidates += find_phrases(said[_term(said) :], names=False)
    elif _wants_name(question) and any(one.upper for one in said):
        wants_country = _WANTS_COUNTRY.search(question) is not None
        names = find_phrases(said, names=True, origins=wants_country)
        role = asked_role(question)
        if role:
            names = sort_by_role(said, names, role)
        if wants_country:
            states = [name for name in names if any(one.word.key in STATE_WORDS for one in name)]
            candidates += [name for name in states if not name[0].aside]
        if _WANTS_PLACE.search(question):
            candidates += [name for name in names if _is_placed(said, name[0])]
        return next(iter(candidates + names), None)
    classes_last = _WANTS_KIND.search(question) is None
    phrases = find_phrases(said, names=False, classes_last=classes_last)
    candidates += [phrase for phrase in phrases if _is_of_kind(said, phrase[0])]
    candidates += find_phrases(said[_predicate(said) :], names=False, classes_last=classes_last) + phrases
    return next(iter(candidates), None)


def _is_fiction(question: str, said: list[Said]) -> bool:
    """Whether a question for a place is answered with a work of fiction: `a fictional city in the novel ...`."""
    keys = {one.word.key for one in said}
    wants_place = _WANTS_COUNTRY.search(question) or _WANTS_PLACE.search(question)
    return bool(wants_place) and "fictional" in keys and not keys.isdisjoint(FICTION)


def _only_defines(question: str, said: list[Said]) -> bool:
    """Whether an attribute is asked for, and the answer says what its bearer is: `Kenya is a country in Africa`."""
    if not _WANTS_ATTRIBUTE.search(question) or any(one.of_kind for one in said):
        return False
    at = next((i for i, one in enumerate(said) if one.word.key in COPULAS), 0)
    subject = [one for one in said[:at] if one.word.key not in FUNCTION_WORDS]
    defines = at + 1 < len(said) and said[at + 1].word.key in ARTICLES - {"the"}
    return defines and bool(subject) and all(one.asked and one.upper for one in subject)


def _wants_name(question: str) -> bool:
    return bool(_WHO.search(question)) or any(singular(word.key) in NAMED_THINGS for word in words(question))


def _term(said: list[Said]) -> int:
    """Where a term is given, after `called` or `known as`; the end where none is or it is only a second name."""
    for i, one in enumerate(said[:-1]):
        if one.word.key == "known" and said[i + 1].word.key == "as":
            if not one.breaks_before and not (i and said[i - 1].breaks_before):
                return i + 2
        elif one.word.key in NAMING - {"known"}:
            return i + 1
    return len(said)


def _names_kind(said: list[Said]) -> bool:
    """Whether a member of the kind asked for is named: `a class of drugs called ...`."""
    return any(one.of_kind for one in said[max(0, _term(said) - 5) : _term(said) - 1]) and _term(said) < len(said)


def _place(said: list[Said], one: Said) -> int:
    """Where among the words one of them stands."""
    return bisect_left(said, one.word.start, key=lambda other: other.word.start)


def _is_of_kind(said: list[Said], first: Said) -> bool:
    """Whether the kind asked for leads to the word: `the colour of sapphire`."""
    at = _place(said, first)
    return at > 1 and said[at - 1].word.key == "of" and said[at - 2].of_kind


def _is_placed(said: list[Said], first: Said) -> bool:
    """Whether a preposition of place leads to the word."""
    at = _place(said, first)
    before = said[at - 1].word.key if at else ""
    return (said[at - 2].word.key if before == "the" and at > 1 else before) in _PLACING


def _after_lead_in(answer: str, said: list[Said]) -> list[Said] | None:
    """What stands after `The answer is`, if that is up to four words of its own."""
    lead = _LEAD_IN.match(answer)
    if lead is None:
        return None
    rest = [one for one in said if one.word.start >= lead.end()]
    while rest and rest[0].word.key in FUNCTION_WORDS and not rest[0].upper:
        rest = rest[1:]
    phrase = _clause(rest)
    plain = FUNCTION_WORDS | GLUE | MEASURES | COPULAS
    return phrase if len(phrase) <= 4 and not any(one.word.key in plain and not one.upper for one in phrase) else None


def _predicate(said: list[Said]) -> int:
    """Where the first predicate begins, if its subject is taken from the question; else the start."""
    for i, one in enumerate(said):
        if one.breaks_before and i:
            return 0
        if one.word.key in COPULAS:
            informing = [word for word in said[:i] if word.word.key not in FUNCTION_WORDS]
            return i + 1 if 2 * sum(word.asked for word in informing) > len(informing) else 0
    return 0


def _after(leading: frozenset[str], said: list[Said]) -> list[Said] | None:
    """What the first copula or preposition leads to, up to three words, where every word is the question's."""
    for i, one in enumerate(said[:-1]):
        if one.word.key in leading and i:
            stop = i + 1
            while stop < len(said) and said[stop].word.key in FUNCTION_WORDS:
                stop += 1
            phrase = _clause(said[stop:])
            repeats = all(word.asked and word.word.key not in FUNCTION_WORDS for word in phrase)
            return phrase if 0 < len(phrase) <= 3 and repeats else None
    return None


def _clause(rest: list[Said]) -> list[Said]:
    """The words up to the next clause boundary."""
    return rest[: next((i for i, one in enumerate(rest) if i and one.breaks_before), len(rest))]
