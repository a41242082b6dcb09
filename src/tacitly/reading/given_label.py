"""Which label of a closed set an answer gives: for judging labels and for locating them alike."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, takewhile

from tacitly.reading.cues import CORRECTED, SENTENCE_END
from tacitly.reading.mentions import Mention, find_mentions
from tacitly.reading.stances import are_listed, read_stances
from tacitly.text import words

WORDINGS = {
    "entailment": "entail|entailed|entailing|is implied by|logically follows",
    "neutral": "neutrality|neutrally",
    "contradiction": "contradict|contradicted|contradicting|contradictory",
    "positive": "positively|positivity|favorable|favourable",
    "negative": "negatively|negativity|unfavorable|unfavourable",
    "yes": "",
    "no": "",
    "maybe": "perhaps|possibly",
}
"""Other words for the labels of well-known sets: such a label can be meant without being named."""

_YES_NO = frozenset({"yes", "no", "maybe"})
_ALONE_BEFORE = re.compile(
    r"(?:^|[.!?:=\n\"'“‘*_(\[]|\b(?:is|say|be|answer|clear|definite|label|then|so|probably|actually|but|or|and)|[,/])\s*[\"'“‘*_(\[]*$",
    re.I,
)
_ALONE_AFTER = re.compile(
    r"[\"'”’*_)\]]*\s*(?:$|[.,;:!?\n/()—–-]|(?:it|they|the|there|this|that|these|he|she|we|because|since|as|and|or|but)\b)",
    re.I,
)
# What is said of parts of the thing, or left open, is not the verdict.
_PARTS = re.compile(
    r"[\"'”’*_]*\s+(?:(?:and|or)\s+\w+\s+)?(?:aspects|elements|points|comments|words|notes|things|moments|qualities|remarks"
    r"|features|sides|parts|traits|attributes|side|aspect|note|point)\b",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"\b(?:whether|if|unless|had\s+it)\b[^,.;:!?\n]*$|\bif\b[^.;:!?\n]*\bwould\b[^.;:!?\n]*$", re.IGNORECASE
)
_ASKED = re.compile(r"[^.!?\n]{0,200}\?[^\w]*\w")
_THAN = re.compile(r"\bthan\s+(?:an?\s+|it\s+is\s+)?[\"'“‘*_]*$|\bnon-?\s?$", re.IGNORECASE)
_POSSIBLE = re.compile(
    r"\b(?:could|might|may|can|would)(?:\s+(?:also|be|seem|have|been|an?|the|even|still|well)){0,4}\s*$", re.IGNORECASE
)
_NOT_SO = re.compile(
    r"\s+(?:(?:is|was|does|did|has|had|can|would)\s+not|(?:is|was|does|did|has|had|ca|would)n['’]t)\b", re.IGNORECASE
)
_OUTRIGHT = re.compile(
    r"(?:\b(?:not|cannot|neither|nor|or|never|no)|n['’]t|\bfar\s+from|\banything\s+but|\bfails\s+to)\s+"
    r"(?:(?:be|been|seem|an?|the|to|of|it|as|is|really|called|considered|described|refers?|belongs?)\s+)*[\"'“‘*_]*$",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"\b(?:answer|label|classification|sentiment|relation(?:ship)?|verdict|category|polarity|prediction|tone|judgement"
    r"|judgment)\b(?:\s+(?!not\b)[\w'’]+){0,8}?\s*[\"'”’*_]*\s*(?:\bis\b|\bas\b|\bwas\b|\bbe\b|:|=|\bremains\b|\bseems\b|\bleans\b)"
    r"|\b(?:classif(?:y|ied)|label(?:l?ed)?|categori[sz]ed?|rated?)\b(?:\s+[\w'’]+){0,4}?\s+as\b"
    r"|\b(?:refers?|referring|belongs?)\s+(?:back\s+)?to\b|\bstands\s+for\b|####|\\boxed",
    re.IGNORECASE,
)
_CONCLUDED = re.compile(
    r"\b(?:so|therefore|thus|hence|overall|in\s+(?:conclusion|summary|short|general)|ultimately|finally|on\s+balance"
    r"|on\s+the\s+whole|i(?:'d|’d|\s+would)\s+say|mostly|mainly|primarily|predominantly|leaning|leans|final)\b",
    re.IGNORECASE,
)
_OVERALL_AFTER = re.compile(r"[\"'”’*_]*\s+(?:overall|in\s+the\s+end|on\s+the\s+whole|on\s+balance)\b", re.IGNORECASE)
_UNDECIDED = re.compile(r"\b(?:mixed|both|between|ambivalent|balanced|ambiguous|unclear|depends)\b", re.IGNORECASE)
_BLANKS = re.compile(r"[\s*_:\"'“‘{]*")
_WINDOW = 200  # characters before a mention that can bear on it
_LEAD_IN = re.compile(
    r"[^\w]*(?:(?:it|this|that|the\s+\w+)\s+(?:is|'s|’s|was)\s+|it['’]s\s+|i\s+(?:think|believe|say)\s+(?:it\s+is\s+|it['’]s\s+|that\s+)?"
    r"|(?:probably|definitely|clearly|likely|sure|certainly)\W+)?(?:an?\s+|the\s+)?[^\w]*",
    re.IGNORECASE,
)
_STOP = re.compile(r"[\"'”’*_)\]]*\s*(?:$|[.,;:!?\n(—–-]|(?:because|since|as|due)\b)")
# Questions for what stands in a gap of their sentence, or for what a pronoun there means.
_GAP = re.compile(r"_|\bpronoun\b", re.IGNORECASE)
_PRONOUNS = frozenset("he she him her his hers it its they them their theirs".split())  # noqa: SIM905
_BLANK = "blanktofill"
_BESIDE = 2  # words beside the gap that have to be the sentence's


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """The label that an answer gives.

    Attributes:
        label: The label, by the first of its names.
        start: First character of where it is named; None where it is what remains when the others are denied.
        end: One past the last.
    """

    label: str
    start: int | None
    end: int | None


def given_label(question: str, answer: str, labels: Sequence[str]) -> GivenLabel | str:
    """Find the label that an answer gives.

    It is the one named after the last `answer is`, `sentiment is` or correction (`Actually, ...`); else the one that is
    put into the gap, or in the place of the pronoun, of the question's sentence; else the one that the answer begins
    with; else the one after the last `so`, `overall` or the like; else the only one that is named.
    What is denied, asked, left open (`whether it is positive`) or said of parts (`positive aspects`) is not named.
    Where all labels but one are denied outright, the remaining one is given.

    Args:
        question: The question's text.
        answer: The answer's text.
        labels: The closed set; each may have other names, as `entailment|entails`.

    Returns:
        The label, or in a few words why there is none.

    Example:
        >>> given_label("?", "It is not entailment but contradiction.", ["entailment", "contradiction"]).label
        'contradiction'
        >>> given_label("?", "Neither positive nor negative.", ["positive", "negative"])
        'denies every label'
    """
    names = with_wordings(tuple(labels))
    stances = read_stances(answer, names, question=question)
    stated = [mention for mention in stances.named if _is_stated(answer, mention)]
    filled = _filled(question, answer, names)
    if not stated and filled is None:
        return _remaining(answer, stances.denied, labels) or "names no label"
    possible: list[Mention] = []
    for mention in stated:
        listed = bool(possible) and are_listed(answer, possible[-1], mention)
        if listed or _is_only_possible(answer, mention):
            possible.append(mention)
    found = _decided(answer, [mention for mention in stated if mention not in possible] or stated, filled)
    if isinstance(found, str):
        return found
    return GivenLabel(found.phrase, found.start, found.end)


@lru_cache(maxsize=1024)
def with_wordings(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Add the other wordings of well-known labels.

    Example:
        >>> with_wordings(("neutral|neither", "developer"))
        ('neutral|neither|neutrality|neutrally', 'developer')
    """
    more = [WORDINGS.get(label.split("|")[0].strip().casefold(), "") for label in labels]
    return tuple(f"{label}|{others}".strip("|") for label, others in zip(labels, more, strict=True))


def can_be_paraphrased(labels: Sequence[str]) -> bool:
    """Whether one of the labels is a well-known one, which other words can mean."""
    return any(label.split("|")[0].strip().casefold() in WORDINGS for label in labels)


def _is_stated(answer: str, mention: Mention) -> bool:
    """Whether the answer says of the thing itself that the label is its."""
    before = answer[max(0, mention.start - _WINDOW) : mention.start]
    if mention.phrase.casefold() in _YES_NO:
        alone = _ALONE_BEFORE.search(before) and _ALONE_AFTER.match(answer, mention.end)
        if not alone:
            return False
    elsewhere = _PARTS.match(answer, mention.end) or _OPEN.search(before) or _ASKED.match(answer, mention.end)
    return not elsewhere and not _THAN.search(before)


def _is_only_possible(answer: str, mention: Mention) -> bool:
    """Whether a mention counts only where no other does: `could be positive`, `positive is not what it is`."""
    before = answer[max(0, mention.start - _WINDOW) : mention.start]
    return bool(_POSSIBLE.search(before) or _NOT_SO.match(answer, mention.end))


def _remaining(answer: str, denied: Sequence[Mention], labels: Sequence[str]) -> GivenLabel | str | None:
    """What is left where labels are denied and none is named."""
    if not denied:
        return None
    left = [
        first for first in (label.split("|")[0].strip() for label in labels) if first not in {m.phrase for m in denied}
    ]
    if not left:
        return "denies every label"
    if len(left) > 1 or "no" in {first.casefold() for first in left}:
        return "denies a label, and names none"
    outright = all(_OUTRIGHT.search(answer[max(0, m.start - 60) : m.start]) for m in denied)
    return GivenLabel(left[0], None, None) if outright else "denies a label in part, and names none"


def _filled(question: str, answer: str, names: Sequence[str]) -> Mention | None:
    """The mention that completes the question's own sentence, the last of those that do so equally well."""
    if not _GAP.search(question):
        return None
    fillers = {_BLANK} if "_" in question else _PRONOUNS
    texts = question.replace("_", f" {_BLANK} "), answer
    asked, said = ([word.key for word in words(text) if word.key != "the"] for text in texts)
    gaps = [i for i, key in enumerate(asked) if key in fillers]
    best: tuple[int, Mention] | None = None
    for mention in find_mentions(answer, names):
        before, after = said[: mention.first_word][::-1], said[mention.last_word + 1 :]
        beside = max((_shared(before, asked[:gap][::-1]) + _shared(after, asked[gap + 1 :]) for gap in gaps), default=0)
        if beside >= _BESIDE and (best is None or beside >= best[0]):
            best = beside, mention
    return best[1] if best else None


def _shared(mine: Sequence[str], theirs: Sequence[str]) -> int:
    """How many words two lists share from their start; up to three are counted."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(mine[:3], theirs[:3], strict=False)))


def _decided(answer: str, mentions: Sequence[Mention], filled: Mention | None) -> Mention | str:
    """The mention that the answer decides for."""
    cues = [cue.end() for pattern in (_SAID, CORRECTED) for cue in pattern.finditer(answer)]
    cues += [mention.start for mention in mentions if _OVERALL_AFTER.match(answer, mention.end)]
    said = _after_last(answer, mentions, cues) or filled
    if said is not None:
        return said
    lead = _LEAD_IN.match(answer)
    first = mentions[0]
    leads = lead is not None and first.start <= lead.end() and _STOP.match(answer, first.end)
    if leads and not any(are_listed(answer, first, other) for other in mentions[1:2]):
        return first
    concluded = _after_last(answer, mentions, [cue.end() for cue in _CONCLUDED.finditer(answer)])
    if concluded is not None:
        return concluded
    return first if len({mention.phrase for mention in mentions}) == 1 else "names several labels"


def _after_last(answer: str, mentions: Sequence[Mention], cues: Sequence[int]) -> Mention | str | None:
    """The first mention after the last cue that has one in its sentence; words where several are named at once."""
    for cue in sorted(cues, reverse=True):
        blank = _BLANKS.match(answer, cue)
        end = SENTENCE_END.search(answer, blank.end() if blank else cue)
        stop = end.start() if end else len(answer)
        inside = [mention for mention in mentions if cue <= mention.start < stop]
        if not inside:
            continue
        listed = any(are_listed(answer, left, right) for left, right in pairwise(inside[:2]))
        return "names several labels" if listed or _is_undecided(answer[cue : inside[0].start]) else inside[0]
    return None


def _is_undecided(text: str) -> bool:
    return _UNDECIDED.search(text) is not None and _CONCLUDED.search(text) is None and " but " not in text
