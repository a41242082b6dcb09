"""Answers to a question that offers its choices: which of them is said, and what is only read out again."""

import re
from collections.abc import Sequence

from tacitly.reading.mentions import Mention
from tacitly.text import singular, words

LISTED = re.compile(r"(?:\s+to\s+the\s+\w+)?[\s,/]*(?:(?:or|and|nor)\s+(?:to\s+)?)?(?:(?:an?|the)\s+)?", re.IGNORECASE)
"""What stands between two choices side by side."""

_IS = re.compile(r"\s+(?:is|are|was|were)\b")
_LEAST = 3
_OPTION = re.compile(r"^[\s*_>-]*\(?(?P<letter>[A-Z])[).:].*$", re.MULTILINE)


def said_of_offered(text: str, question: str, mentions: Sequence[Mention], offered: Sequence[Mention]) -> list[Mention]:
    """Leave out the mentions that do not say which of the offered choices it is.

    That are all of a list that is read out again (at least three choices, and all that are offered but one), and the
    first choice where it ends a subject that is cut from the question (`Gout autosomal dominant is a disorder ...`).

    Args:
        text: The answer.
        question: The question.
        mentions: The mentions in the answer.
        offered: The mentions in the question.

    Returns:
        The mentions that are left.

    Example:
        >>> from tacitly.reading.mentions import find_mentions
        >>> choices = ["animal", "plant", "stone"]
        >>> question = "Is coral animal, plant, or stone?"
        >>> offered = find_mentions(question, choices)
        >>> for text in ["Coral animal is a plant.", "Coral: animal, plant, or stone."]:
        ...     mentions = find_mentions(text, choices)
        ...     print([mention.phrase for mention in said_of_offered(text, question, mentions, offered)])
        ['plant']
        []
    """
    kept = _without_lists(text, mentions, len({mention.phrase for mention in offered}))
    before = _word_before(question, offered[0])
    return [
        mention
        for mention in kept
        if not (
            before
            and mention.phrase == offered[0].phrase
            and _word_before(text, mention) == before
            and _IS.match(text, mention.end)
        )
    ]


def without_options(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    r"""Leave out the mentions in a list of lettered options that is read out, two or more lines from `A` on.

    Example:
        >>> from tacitly.reading.mentions import find_mentions
        >>> text = "A) Rome\nB) Oslo\n\nThe answer is B) Oslo."
        >>> [mention.start for mention in without_options(text, find_mentions(text, ["Rome", "Oslo"]))]
        [34]
    """
    end, expected = 0, "A"
    for line in _OPTION.finditer(text):
        if line["letter"] != expected or text[end : line.start()].strip():
            break
        end, expected = line.end(), chr(ord(expected) + 1)
    return [mention for mention in mentions if mention.start >= end] if expected > "B" else list(mentions)


def _without_lists(text: str, mentions: Sequence[Mention], offered: int) -> list[Mention]:
    runs: list[list[Mention]] = []
    for mention in mentions:
        if runs and LISTED.fullmatch(text, runs[-1][-1].end, mention.start):
            runs[-1].append(mention)
        else:
            runs.append([mention])
    enough = max(_LEAST, offered - 1)
    return [mention for run in runs if len({one.phrase for one in run}) < enough for mention in run]


def _word_before(text: str, mention: Mention) -> str:
    """The word right before a mention, by its singular key; nothing where it is an article or none is there."""
    before = words(text[: mention.start])
    return singular(before[-1].key) if before and before[-1].key not in {"a", "an", "the"} else ""
