"""The phrases of an answer that could be its exact answer."""

import re
from itertools import pairwise

from tacitly.locators.sentence import Said
from tacitly.locators.wording import DIRECTIONS, LANDS, MEASURES, NAME_PARTICLES, NAMING, TITLES
from tacitly.reading.stances import FUNCTION_WORDS, NEGATIONS
from tacitly.text import singular

_ADJECTIVE_OF_ORIGIN = re.compile(r"(?:an|ish|ese|ch|ic|ek|ss)$")


def find_phrases(
    said: list[Said], *, names: bool, origins: bool = False, classes_last: bool = True
) -> list[list[Said]]:
    """Find the candidates, best first.

    Owners (`Guernica's founder`) are left out; a class whose member is named right after (`a disorder called ...`)
    comes last.

    Args:
        said: The answer's words.
        names: Whether only proper names will do.
        origins: Whether an origin will do as a name (`the Indian state of ...`, `China's Henan province`).
        classes_last: Whether a member is preferred to its class; not where the question asks for a kind.

    Returns:
        Runs of words.
    """
    found: list[list[Said]] = []
    classes: list[list[Said]] = []
    i = 0
    while i < len(said):
        if _is_direction(said, i) or said[i].word.key in TITLES:
            i += 1
            continue
        stop = _name_end(said, i) if said[i].upper else i
        if stop == i + 1 and stop < len(said) and said[stop].word.key in LANDS and not said[stop].breaks_before:
            stop += 1
        if not names:
            stop = max(stop, _plain_end(said, i))
        if stop == i:
            i += 1
            continue
        phrase = said[i - _leads(said, i) : stop]
        follower = said[stop] if stop < len(said) and not said[stop].breaks_before else None
        i = stop
        if not names and (phrase[0].aside or _is_denied(said, i - len(phrase))):
            continue
        if (
            not any(one.novel for one in phrase)
            or (follower is not None and follower.owned and not origins)
            or _measures(phrase, said[stop:])
        ):
            continue
        if names and ((_is_origin(phrase, follower) and not origins) or all(one.word.number for one in phrase)):
            continue
        names_member = classes_last and follower is not None and follower.word.key in NAMING | {"used"}
        (classes if names_member else found).append(phrase)
    return found + classes


def find_names(said: list[Said]) -> list[list[Said]]:
    """Find all proper names, those of the question too.

    Example:
        >>> from tacitly.locators.sentence import read_answer
        >>> [[one.written for one in name] for name in find_names(read_answer("Who is Ann?", "Ann met Mary of Hesse."))]
        [['Ann'], ['Mary', 'of', 'Hesse']]
    """
    found: list[list[Said]] = []
    i = 0
    while i < len(said):
        stop = _name_end(said, i) if said[i].upper and said[i].word.key not in TITLES else i
        if stop > i:
            found.append(said[i:stop])
        i = max(stop, i + 1)
    return found


def _is_denied(said: list[Said], start: int) -> bool:
    """Whether a negation stands up to three words before, in the same clause: `not a physical ...`."""
    for i in range(start, max(0, start - 3), -1):
        if said[i].breaks_before:
            return False
        if said[i - 1].word.key in NEGATIONS:
            return True
    return False


def _is_direction(said: list[Said], start: int) -> bool:
    """Whether this is the direction of `South East of Europe`."""
    stop = start
    while stop < len(said) and said[stop].word.key in DIRECTIONS:
        stop += 1
    return stop > start and stop < len(said) and said[stop].word.key == "of"


def _name_end(said: list[Said], start: int) -> int:
    """One past the name that starts here, with the particles inside it; `start` where there is none."""
    first = said[start]
    if first.word.key in FUNCTION_WORDS and not first.novel:
        return start
    if first.opens_sentence and not first.novel and not first.asked:
        return start
    stop = start + 1
    while stop < len(said) and not said[stop].breaks_before:
        ahead = _past_particles(said, stop, single=stop == start + 1)
        if ahead >= len(said) or said[ahead].breaks_before:
            break
        numbered = ahead == stop and said[ahead].word.key.isdigit() and not said[ahead].owned
        if not said[ahead].upper and not numbered:
            break
        stop = ahead + 1
    return stop


def _past_particles(said: list[Said], start: int, *, single: bool) -> int:
    """One past the particles of a name: `of the`, `van`; `and` only between two single words."""
    stop = start
    while stop < len(said) and stop - start < 2 and not said[stop].breaks_before:
        key = said[stop].word.key
        if key not in NAME_PARTICLES and not (key == "the" and stop > start) and not (key == "and" and single):
            break
        stop += 1
        if key == "and":
            break
    return stop


def _plain_end(said: list[Said], start: int) -> int:
    """One past the run of new words that starts here, with a noun of the question that they qualify."""
    if not said[start].novel:
        return start
    stop = start + 1
    while stop < len(said) and not said[stop].breaks_before and not said[stop].owned:
        if not (said[stop].novel or said[stop].of_kind or said[stop].joined):
            break
        stop += 1
    ends_clause = stop + 1 >= len(said) or said[stop + 1].breaks_before
    if stop < len(said) and ends_clause and said[stop].asked and not (said[stop].breaks_before or said[stop].owned):
        stop += said[stop].word.key not in FUNCTION_WORDS
    return stop


def _leads(said: list[Said], start: int) -> int:
    """Whether a word of the question right before belongs to it, as in `Cryptococcus novus` or `vitamin D`."""
    if start == 0 or said[start].breaks_before:
        return False
    before = said[start - 1]
    if len(said[start].word.key) == 1:
        return before.of_kind
    if said[start].upper:
        return False
    return before.asked and before.upper and not before.opens_sentence


def _measures(phrase: list[Said], rest: list[Said]) -> bool:
    """Whether the phrase only measures out what follows: `wide range of`, `upper part of` (`part` being asked for)."""
    if any(one.breaks_before for one in rest[:2]):
        return False
    return any(
        later.word.key == "of" and (singular(one.word.key) in MEASURES or (one.asked and not one.upper))
        for one, later in pairwise([phrase[-1], *rest[:2]])
    )


def _is_origin(phrase: list[Said], follower: Said | None) -> bool:
    """Whether this is the adjective of a description, as in `Norwegian filmmaker`."""
    if follower is None or len(phrase) > 1 or follower.upper or follower.word.key in FUNCTION_WORDS:
        return False
    return _ADJECTIVE_OF_ORIGIN.search(phrase[0].word.key) is not None
