"""Which of MedQuAD's documents are about one disease.

Documents are joined by what they are about:

- the same focus (case, accents, plurals and a leading article aside);
- the same set of UMLS concepts, as a whole: one concept of several is a part of the name ("ataxia" in "ataxia with
  deafness"). The concepts "Disease" and "Syndrome" count as none;
- a synonym, where concepts do not say otherwise: two names whose documents have concepts, and share none, are two
  diseases, whatever both are called;
- the same long answer, word for word: were one of them learned from, the other could not be held out.

Synonyms were found by machine and name wider groups too (36 diseases list "Charcot-Marie-Tooth disease"), and sources
repeat boilerplate. So a synonym or answer of more than `MOST_NAMES` names joins nothing, and neither does an
abbreviation (`ALD` is two diseases).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

from scipy.cluster.hierarchy import DisjointSet

from tacitly.tasks.medquad_documents import Document
from tacitly.text import normalize, singular

MOST_NAMES = 5
LONG_ANSWER = 25
"""Words; a shorter answer may be the same by chance."""

NO_DISEASE = frozenset({"C0012634", "C0039082"})
"""The UMLS concepts "Disease" and "Syndrome", which are no particular one."""


@dataclass(frozen=True, slots=True)
class Entities:
    """The diseases, each under the commonest of its names, normalised.

    Attributes:
        of_document: The disease of each document, in their order.
        names: The names of each disease as written: those that documents are about, then those of them.
    """

    of_document: tuple[str, ...]
    names: dict[str, tuple[str, ...]]


def group_documents(documents: Sequence[Document]) -> Entities:
    """Find which documents are about one disease; the order of the documents does not matter.

    Args:
        documents: All that were read, with or without answers.

    Returns:
        The diseases.

    Example:
        >>> def document(focus, *synonyms, cuis=()):
        ...     return Document(
        ...         document_id=focus, source="GHR", focus=focus, cuis=cuis, synonyms=synonyms, pairs=()
        ...     )
        >>> group_documents([document("gout", "podagra"), document("Podagra"), document("mumps")]).of_document
        ('gout', 'gout', 'mumps')
    """
    names = [fold_name(document.focus) or fold_name(document.document_id) for document in documents]
    concepts = [tuple(cui for cui in document.cuis if cui not in NO_DISEASE) for document in documents]
    synonyms: dict[str, set[str]] = defaultdict(set)
    for name, document in zip(names, documents, strict=True):
        for called in (name, *(fold_name(s) for s in document.synonyms if not is_abbreviation(s))):
            synonyms[called].add(name)
    groups = DisjointSet(names)
    for one, other in (*_by_concepts(names, concepts), *_by_answers(names, documents)):
        groups.merge(one, other)
    known: dict[str, set[str]] = defaultdict(set)
    for name, own in zip(names, concepts, strict=True):
        known[name].update(own)
    for one, other in _pairs_of_few(synonyms):
        if not (known[one] and known[other]) or known[one] & known[other]:
            groups.merge(one, other)
    labels = _labels(names, documents, groups)
    of_document = tuple(labels[groups[name]] for name in names)
    generic = {called for called, carriers in synonyms.items() if len(carriers) > MOST_NAMES}
    return Entities(of_document, _all_names(of_document, documents, generic))


@lru_cache(maxsize=65536)
def fold_name(text: str) -> str:
    """A name in the form in which names are compared: `normalize`, and every word in its singular.

    Example:
        >>> fold_name("The Spastic Paraplegias"), fold_name("spastic paraplegia")
        ('spastic paraplegia', 'spastic paraplegia')
    """
    return " ".join(map(singular, normalize(text).split()))


def is_abbreviation(name: str) -> bool:
    """Whether a name is a short one in capitals, which may stand for several diseases.

    Example:
        >>> is_abbreviation("ALD"), is_abbreviation("HbSS"), is_abbreviation("gout")
        (True, True, False)
    """
    return len(name) < 4 or (len(name) <= 6 and " " not in name and sum(map(str.isupper, name)) >= 2)


def _by_concepts(names: Sequence[str], concepts: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    carriers: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for name, own in zip(names, concepts, strict=True):
        if own:
            carriers[own].add(name)
    for carried in carriers.values():
        yield from pairwise(sorted(carried))


def _by_answers(names: Sequence[str], documents: Sequence[Document]) -> Iterator[tuple[str, str]]:
    carriers: dict[str, set[str]] = defaultdict(set)
    for name, document in zip(names, documents, strict=True):
        for pair in document.pairs:
            if pair.answer and pair.answer.count(" ") >= LONG_ANSWER:
                carriers[pair.answer].add(name)
    return _pairs_of_few(carriers)


def _pairs_of_few(carriers: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """The pairs of names that carry something, unless that is of a wider group."""
    for what, carried in carriers.items():
        if what and 1 < len(carried) <= MOST_NAMES:
            yield from combinations(sorted(carried), 2)


def _labels(names: Sequence[str], documents: Sequence[Document], groups: DisjointSet) -> dict[str, str]:
    """What each group is called, by its root: what most documents with answers are about."""
    written: dict[str, Counter[str]] = defaultdict(Counter)
    answered: Counter[tuple[str, str]] = Counter()
    for name, document in zip(names, documents, strict=True):
        root, label = groups[name], normalize(document.focus) or normalize(document.document_id)
        written[root][label] += 1
        answered[root, label] += any(pair.answer for pair in document.pairs)
    return {
        root: min(counts, key=lambda label: (-answered[root, label], -counts[label], len(label), label))
        for root, counts in written.items()
    }


def _all_names(
    of_document: Sequence[str], documents: Sequence[Document], generic: set[str]
) -> dict[str, tuple[str, ...]]:
    """The names of each disease, without those of wider groups and those under which another one is known."""
    names: dict[str, dict[str, str]] = defaultdict(dict)
    focus: dict[str, str] = {}
    for entity, document in zip(of_document, documents, strict=True):
        if folded := fold_name(document.focus):
            names[entity].setdefault(folded, document.focus)
            focus[folded] = entity
    for entity, document in zip(of_document, documents, strict=True):
        for synonym in document.synonyms:
            folded = fold_name(synonym)
            if folded and not (is_abbreviation(synonym) or folded in generic) and focus.get(folded, entity) == entity:
                names[entity].setdefault(folded, synonym)
    return {entity: tuple(names[entity].values()) for entity in dict.fromkeys(of_document)}
