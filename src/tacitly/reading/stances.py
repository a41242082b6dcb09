"""Which of the phrases that an answer mentions it stands by, and which it denies or only repeats."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tacitly.reading.mentions import Mention, find_mentions, has_letters, words_without_the
from tacitly.reading.offered_choices import LISTED, said_of_offered, without_options
from tacitly.text import Word, singular

FUNCTION_WORDS = frozenset(
    """
    a about after all also an and any are as at be because been before being between both but by can could did do does
    during each either for from had has have he her his how i if in into is it its may might more most much must my no
    nor not of on one only or other our over s she should since so some such than that the their them then there these
    they this those through to too under until up upon very via was we were what when where whether which while who whom
    whose why will with within without would you your
    """.split()  # noqa: SIM905
)

NEGATIONS = frozenset(
    """
    not never neither nor no without unlike isnt arent wasnt werent doesnt dont didnt cannot cant wont excluding
    """.split()  # noqa: SIM905
)
# Two words after which a name is denied, or is only what the thing is compared with or lies beside.
_NEGATING_PAIRS = frozenset(
    {
        ("rather", "than"),
        ("instead", "of"),
        ("other", "than"),
        ("similar", "to"),
        ("adjacent", "to"),
        ("close", "to"),
        ("next", "to"),
        ("home", "to"),
        ("coast", "of"),
        ("removed", "from"),
        ("far", "from"),
        ("fails", "to"),
        ("anything", "but"),
        ("separated", "from"),
    }
)
_BESIDE = frozenset({"bordering", "borders", "neighboring", "neighbouring"})
_LISTING = frozenset({"including", "such", "like", "namely"})
_NOT_NEGATED_AFTER = frozenset({"only", "just", "merely", "simply"})
_CLAUSE_WORDS = frozenset("but however although though because that which who whom where it they he she".split())  # noqa: SIM905
_CLAUSE_MARK = re.compile(r"[,;:.!?()\n—–]")
# What is taken or measured of a thing is not the thing.
_TAKEN_FROM = frozenset("count counts donor pressure sample samples sugar test tests transfusion transfusions".split())  # noqa: SIM905
_REACH = 6


@dataclass(frozen=True, slots=True)
class Stances:
    """The mentions of a text by what it says of them.

    Attributes:
        named: Those that it stands by.
        denied: Those that it denies, or sets something apart from.
        asked: Phrases that the question has without offering them.
        offered: The question's own mentions, where it offers them side by side.
    """

    named: list[Mention]
    denied: list[Mention]
    asked: frozenset[str] = frozenset()
    offered: tuple[Mention, ...] = ()


def named(text: str, *lists: Sequence[str], question: str = "") -> list[Mention]:
    """Find the mentions that an answer stands by; see `read_stances`.

    Left out too is the question's own word at the beginning, where another mention follows (`Djibouti is in Djibouti`),
    and what only reads out the phrases that the question offers (`tacitly.reading.offered_choices`).

    Example:
        >>> [m.phrase for m in named("Not the lung but the kidneys.", ["kidney", "lung"])]
        ['kidney']
    """
    found = read_stances(text, *lists, question=question)
    if found.offered:
        return said_of_offered(text, question, found.named, found.offered)
    last = len(found.named) - 1
    kept = [m for i, m in enumerate(found.named) if m.phrase not in found.asked or i == last or m.first_word > 0]
    return without_options(text, kept) if any(has_letters(phrases) for phrases in lists) else kept


def read_stances(text: str, *lists: Sequence[str], question: str = "") -> Stances:
    """Find the mentions that an answer stands by, and those that it denies.

    Not among those that it stands by are mentions that are denied (`not autosomal dominant`, `rather than a virus`),
    names within longer ones (`South China Sea`; an answer that begins with a `blood test` does not name blood), and
    those that only repeat a longer stretch of the question (`kidney` in `Kidney cancer starts in ...`). A question that
    itself lists phrases (`a virus, a bacterium, or a fungus`) offers them: naming one repeats nothing.

    Args:
        text: The answer.
        *lists: Lists of phrases, as for `find_mentions`.
        question: The question that it answers.

    Returns:
        The mentions, in the text's order.

    Example:
        >>> question = "Which organ does kidney cancer start in?"
        >>> answer = "Kidney cancer starts in the kidneys, not the lung."
        >>> found = read_stances(answer, ["kidney", "lung"], question=question)
        >>> [m.start for m in found.named], [m.phrase for m in found.denied]
        ([28], ['lung'])
    """
    there = words_without_the(text)
    mentions = find_mentions(text, *lists)
    taken = {mentions[0].phrase} if mentions and _is_taken_from(text, there, mentions[0]) else set()
    kept: list[Mention] = []
    denied: list[Mention] = []
    for mention in mentions:
        listed = bool(denied) and LISTED.fullmatch(text, denied[-1].end, mention.start) is not None
        if listed or _denied(text, there, mention):
            denied.append(mention)
        elif mention.phrase not in taken and not _within_name(text, there, mention):
            kept.append(mention)
    asked = [singular(word.key) for word in words_without_the(question)]
    in_question = find_mentions(question, *lists) if asked and (kept or denied) else []
    if not in_question:
        return Stances(kept, denied)
    if _is_listing(question, in_question):
        return Stances(kept, denied, offered=tuple(in_question))
    offered = frozenset(mention.phrase for mention in in_question)
    said = [singular(word.key) for word in there]
    kept, denied = ([m for m in each if not _repeats(said, m, asked)] for each in (kept, denied))
    return Stances(kept, denied, offered)


def are_listed(text: str, left: Mention, right: Mention) -> bool:
    """Whether two mentions of different phrases stand side by side: `a virus or a bacterium`."""
    return left.phrase != right.phrase and LISTED.fullmatch(text, left.end, right.start) is not None


def _is_listing(question: str, mentions: Sequence[Mention]) -> bool:
    """Whether the question offers two different phrases side by side."""
    return any(are_listed(question, left, right) for left, right in pairwise(mentions))


def _is_taken_from(text: str, there: Sequence[Word], mention: Mention) -> bool:
    """Whether the text speaks of something taken from the thing or measured in it: `blood test`."""
    after = mention.last_word + 1
    return after < len(there) and there[after].key in _TAKEN_FROM and text[mention.end : there[after].start] == " "


def _within_name(text: str, there: Sequence[Word], mention: Mention) -> bool:
    """Whether a name is only part of a longer one: `China` in `South China Sea`, `blood` in `blood test`."""
    if _is_taken_from(text, there, mention):
        return True
    if not (mention.proper and text[mention.start].isupper()):
        return False
    before, after = mention.first_word - 1, mention.last_word + 1
    if before >= 0 and there[before].key == "new" and text[there[before].end : mention.start] == " ":
        return text[there[before].start].isupper()
    if after >= len(there) or text[mention.end : there[after].start] != " " or there[after].key in FUNCTION_WORDS:
        return False
    following = text[there[after].start : there[after].end]
    return following[0].isupper() and not following.isupper() and not there[after].number


def _denied(text: str, there: Sequence[Word], mention: Mention) -> bool:
    """Whether a negation stands before the mention, in the same clause, or a word that sets it apart."""
    for i in range(mention.first_word - 1, max(-1, mention.first_word - 1 - _REACH), -1):
        if there[i + 1].key not in _LISTING and _CLAUSE_MARK.search(text, there[i].end, there[i + 1].start):
            return False
        if there[i].key in _BESIDE:
            return True
        if there[i].key in NEGATIONS:
            return there[i + 1].key not in _NOT_NEGATED_AFTER
        if (there[i - 1].key if i else "", there[i].key) in _NEGATING_PAIRS:
            return True
        if there[i].key in _CLAUSE_WORDS:
            return False
    return False


def _repeats(said: Sequence[str], mention: Mention, asked: Sequence[str]) -> bool:
    """Whether the mention is part of a longer stretch of the question, by at least one content word."""
    size = mention.last_word - mention.first_word + 1
    for place in range(len(asked) - size + 1):
        if list(asked[place : place + size]) != list(said[mention.first_word : mention.last_word + 1]):
            continue
        for step, mine, theirs in ((-1, mention.first_word - 1, place - 1), (1, mention.last_word + 1, place + size)):
            while 0 <= mine < len(said) and 0 <= theirs < len(asked) and said[mine] == asked[theirs]:
                if said[mine] not in FUNCTION_WORDS:
                    return True
                mine, theirs = mine + step, theirs + step
    return False
