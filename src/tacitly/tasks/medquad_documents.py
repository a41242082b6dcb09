"""A document of MedQuAD as it was published, whatever file it came from."""

import re
from dataclasses import dataclass

_SPACE = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")


@dataclass(frozen=True, slots=True)
class PublishedPair:
    """A question of a document, with its answer or None.

    Attributes:
        pair_id: Unique within the document.
        question_type: Such as `symptoms`.
        question: As published.
        answer: Tidied by `tidy`; None where it was published without.
    """

    pair_id: str
    question_type: str
    question: str
    answer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document: what it is about and what it asks of it.

    Attributes:
        document_id: The source and the document's number there; two documents may share it.
        source: Such as `GHR`.
        focus: The name of the disease (or drug, test, ...); empty where none is given.
        cuis: The UMLS concepts that the focus was matched to, sorted.
        synonyms: Other names, and some that are of a wider group of diseases.
        pairs: The questions, in their order.
    """

    document_id: str
    source: str
    focus: str
    cuis: tuple[str, ...]
    synonyms: tuple[str, ...]
    pairs: tuple[PublishedPair, ...]


def tidy(text: str) -> str:
    r"""Leave out the white space of the page's layout: one space between words, one line break between paragraphs.

    Example:
        >>> tidy("  Key  Points\n            \n   - It hurts.  ")
        'Key Points\n- It hurts.'
    """
    if "\n" not in text:
        return " ".join(text.split())
    return _LINES.sub("\n", _SPACE.sub(" ", text)).strip()
