"""MedQuAD's questions and answers, each with the disease that it is about, and how many there are."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from tacitly.errors import TaskError
from tacitly.tasks.archives import ARCHIVES, is_archive, read_members
from tacitly.tasks.medquad_answers import LINKS_ONLY, plain_answer
from tacitly.tasks.medquad_documents import Document, PublishedPair
from tacitly.tasks.medquad_entities import fold_name, group_documents
from tacitly.tasks.medquad_table import TABLES, fetch_table, focus_of, read_table
from tacitly.tasks.medquad_xml import parse_document

NO_ANSWER = "no answer"
NO_SUBJECT = "about nothing that they name"
REPEATED = "asked before about the same disease"


@dataclass(frozen=True, slots=True, kw_only=True)
class QAPair:
    """A question with its answer.

    Attributes:
        pair_id: Unique within MedQuAD: the source and the question's number there.
        document_id: The document's, likewise.
        source: Which site it is from, such as `GHR`.
        focus: The name under which the document is about the disease.
        cui: The UMLS concepts of the focus, with `|` between them, or None.
        synonyms: Other names that the document gives.
        entity: The disease (`tacitly.tasks.medquad_entities`), the same for every document about it.
        question_type: Such as `symptoms`.
        question: As published.
        answer: What it says about the disease (`tacitly.tasks.medquad_answers`).
    """

    pair_id: str
    document_id: str
    source: str
    focus: str
    cui: str | None
    synonyms: tuple[str, ...]
    entity: str
    question_type: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingCounts:
    """What was read, and what of it is not asked.

    Attributes:
        documents: How many documents there are; a table tells only of those that have a pair.
        unread: How many of them are XML of another form, whose pairs are not read.
        pairs: How many questions were read, with or without an answer.
        answered: How many of them have one.
        entities: How many diseases the answered ones are about.
        left_out: How many questions are not asked, by the reason.
    """

    documents: int
    unread: int
    pairs: int
    answered: int
    entities: int
    left_out: Mapping[str, int]

    @property
    def summary(self) -> str:
        """The counts as one line.

        Example:
            >>> ReadingCounts(
            ...     documents=3, unread=1, pairs=1200, answered=800, entities=90,
            ...     left_out={"no answer": 400, "asked before about the same disease": 50},
            ... ).summary
            '3 documents (1 of another form, unread), 1,200 pairs, 800 with an answer, about 90 diseases; left out: \
400 no answer, 50 asked before about the same disease'
        """
        unread = f" ({self.unread:,} of another form, unread)" if self.unread else ""
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items() if count)
        return (
            f"{self.documents:,} documents{unread}, {self.pairs:,} pairs, {self.answered:,} with an answer, about "
            f"{self.entities:,} diseases; left out: {left_out or 'none'}"
        )


@dataclass(frozen=True)
class MedQuad:
    """What was read of MedQuAD.

    Attributes:
        pairs: The answered questions, each once for a disease, in the order of their sources and documents.
        counts: What was read.
        repeated: By the id of a pair in `pairs`, the others that ask the same about the same disease.
        names: All names of each disease.
    """

    pairs: tuple[QAPair, ...]
    counts: ReadingCounts
    repeated: Mapping[str, tuple[QAPair, ...]] = field(default_factory=dict)
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def everything(self) -> tuple[QAPair, ...]:
        """The pairs and those that ask the same again, in the order of their documents."""
        again = (pair for others in self.repeated.values() for pair in others)
        return tuple(sorted((*self.pairs, *again), key=lambda pair: pair.document_id))

    def names_of(self, entity: str) -> tuple[str, ...]:
        """The names of a disease, as written: those of the documents about it first; none where it is not known."""
        return self.names.get(entity, ())

    def answers_to(self, pair: QAPair) -> tuple[str, ...]:
        """All answers to a question, of whatever source: its own first, then those to the same question repeated."""
        return tuple(dict.fromkeys(one.answer for one in (pair, *self.repeated.get(pair.pair_id, ()))))

    def answered(self, question_type: str) -> tuple[QAPair, ...]:
        """The answered questions of a type, the repeated ones too, in the order of their documents."""
        return tuple(pair for pair in self.everything if pair.question_type == question_type)


def read_medquad(path: Path | None) -> MedQuad:
    r"""Read MedQuAD.

    Args:
        path: A folder of XML as published, a `.zip` or `.tar.*` of it, or a table (`tacitly.tasks.medquad_table`); None
            for the hub's table, which is fetched.

    Returns:
        The answered questions and the counts. A question counts as asked before where another asks about the same
        disease in the same words, or in words that differ only in which of its names they use; the first by document is
        kept.

    Raises:
        TaskError: There is nothing at that path, or it cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "three.csv"
        ...     _ = path.write_text("qtype,Question,Answer\ncauses,What causes gout ?,Uric acid.\n")
        ...     read_medquad(path).counts.summary
        '1 documents, 1 pairs, 1 with an answer, about 1 diseases; left out: none'
    """
    everything, unread = _read_documents(path)
    documents = [document for document in everything if document.pairs]
    documents.sort(key=lambda document: (document.document_id, document.focus, str(document.pairs)))
    ids = _unique_ids(documents)
    grouped = group_documents(documents)
    pairs: dict[str, QAPair] = {}
    repeated: dict[str, list[QAPair]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    earlier = _EarlierQuestions()
    for document, document_id, entity in zip(documents, ids, grouped.of_document, strict=True):
        for published in document.pairs:
            answer = plain_answer(published.answer) if published.answer else None
            if answer is None:
                left_out[LINKS_ONLY if published.answer else NO_ANSWER] += 1
                continue
            if not (document.focus or focus_of(published.question)):
                left_out[NO_SUBJECT] += 1
                continue
            pair = _pair(document, document_id, published, entity, answer)
            same = earlier.find(pair)
            if same is None:
                pairs[pair.pair_id] = pair
            else:
                repeated[same].append(pair)
                left_out[REPEATED] += 1
    if not pairs:
        raise TaskError(f"{shown(path)} has no question with an answer", remedy="give a whole copy of MedQuAD")
    total = len(pairs) + left_out.total()
    counts = ReadingCounts(
        documents=len(everything) + unread,
        unread=unread,
        pairs=total,
        answered=total - left_out[NO_ANSWER],
        entities=len({pair.entity for pair in pairs.values()}),
        left_out={reason: left_out[reason] for reason in (NO_ANSWER, LINKS_ONLY, NO_SUBJECT, REPEATED)},
    )
    again = {pair_id: tuple(others) for pair_id, others in repeated.items()}
    return MedQuad(tuple(pairs.values()), counts, again, grouped.names)


class _EarlierQuestions:
    """Remembers what was asked about each disease."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, str], list[QAPair]] = defaultdict(list)

    def find(self, pair: QAPair) -> str | None:
        """The id of the pair that asked the same first; None the first time."""
        words, name = fold_name(pair.question), fold_name(pair.focus)
        framed = words.replace(name, "...", 1) if name else words
        before = self._asked[pair.entity, framed]
        for other in before:
            if fold_name(other.question) == words or _same_name(pair, other):
                return other.pair_id
        before.append(pair)
        return None


def _same_name(one: QAPair, other: QAPair) -> bool:
    """Whether one pair's document lists the name of the other's as a synonym."""
    return fold_name(one.focus) in _names(other) or fold_name(other.focus) in _names(one)


@lru_cache(maxsize=1024)
def _names(pair: QAPair) -> frozenset[str]:
    return frozenset(fold_name(name) for name in (pair.focus, *pair.synonyms)) - {""}


def shown(path: Path | None) -> str:
    """What is read, as messages call it."""
    return "the hub's table" if path is None else str(path)


def _read_documents(path: Path | None) -> tuple[list[Document], int]:
    """The documents, and how many files are of another form."""
    if path is None:
        return list(read_table(fetch_table())), 0
    if not path.exists():
        raise TaskError(f"task.path {str(path)!r} does not exist", remedy="check the path, or where you run this")
    if path.is_file() and path.suffix.lower() in TABLES:
        return list(read_table(path)), 0
    if not (path.is_dir() or is_archive(path)):
        raise TaskError(
            f"task.path {str(path)!r} is not a form of MedQuAD",
            allowed=f"a folder of XML, or a file ending in {', '.join((*ARCHIVES, *TABLES))}",
        )
    parsed = [parse_document(str(path), member) for member in read_members(path, ending=".xml")]
    documents = [document for document in parsed if document is not None]
    if not documents:
        raise TaskError(f"task.path {str(path)!r} holds no XML of MedQuAD", remedy="give the whole of MedQuAD")
    return documents, len(parsed) - len(documents)


def _unique_ids(documents: Sequence[Document]) -> list[str]:
    """Each document's id; where several share one, with what they are about."""
    shared = Counter(document.document_id for document in documents)
    taken: Counter[str] = Counter()
    found: list[str] = []
    for document in documents:
        own = document.document_id
        if shared[own] > 1:
            own = f"{own}/{fold_name(document.focus).replace(' ', '-')}"
        taken[own] += 1
        found.append(own if taken[own] == 1 else f"{own}~{taken[own]}")
    return found


def _pair(document: Document, document_id: str, published: PublishedPair, entity: str, answer: str) -> QAPair:
    number = document.document_id.removeprefix(f"{document.source}/")
    return QAPair(
        pair_id=f"{document_id}/{published.pair_id.removeprefix(f'{number}-')}",
        document_id=document_id,
        source=document.source,
        focus=document.focus,
        cui="|".join(document.cuis) or None,
        synonyms=document.synonyms,
        entity=entity,
        question_type=published.question_type,
        question=published.question,
        answer=answer,
    )
