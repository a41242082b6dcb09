"""Which of MedQuAD's documents are about one disease.

Documents are joined by what they are called: the same focus (case, accents, plurals and a leading article aside) is the
same disease. Two names are joined by a synonym, or by the same set of UMLS concepts, which documents of both carry.
Both annotations were made by machine and name wider groups too: 36 diseases list "Charcot-Marie-Tooth disease" as a
synonym, and the concepts "syndrome" and "test" stand at dozens of documents that share nothing else. Joined without
care, 1,800 of the 5,500 documents with answers become one disease. So:

- A synonym or set of concepts that documents of more than `MOST_NAMES` names carry is taken for that of a group, and
  joins nothing. A set of concepts counts as a whole: one concept of several is a part of the name ("ataxia" in "ataxia
  with deafness").
- Abbreviations join nothing (`ALD` is two diseases).
- Synonyms are joined first. Names that share a set of concepts alone are joined after, those that share the most of
  them first, and none further once that would make more than `LARGEST` one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from tacitly.tasks.medquad_documents import Document
from tacitly.text import normalize, singular

MOST_NAMES = 3
LARGEST = 6

_Tie = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entities:
    """The diseases, each under the commonest of its names, normalised.

    Attributes:
        of_document: The disease of each document, in their order.
        names: The names of each disease as written: those that documents are about, then those of them.
        unused: Synonyms and sets of concepts that joined nothing, because too many names carry them.
        refused: Pairs of names that were not joined because the disease would have become too large.
    """

    of_document: tuple[str, ...]
    names: dict[str, tuple[str, ...]]
    unused: int
    refused: int


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
    ties = [_ties(document) for document in documents]
    carriers: dict[_Tie, set[str]] = defaultdict(set)
    for name in names:
        carriers["name", name].add(name)
    for name, own in zip(names, ties, strict=True):
        for tie in own:
            carriers[tie].add(name)
    groups, refused = _join(names, carriers)
    labels = _labels(names, documents, groups)
    of_document = tuple(labels[groups[name][0]] for name in names)
    generic = {tie for tie, carried in carriers.items() if len(carried) > MOST_NAMES}
    return Entities(of_document, _all_names(of_document, documents, generic), len(generic), refused)


@lru_cache(maxsize=65536)
def fold_name(text: str) -> str:
    """A name in the form in which names are compared: `normalize`, and every word in its singular.

    Example:
        >>> fold_name("The Spastic Paraplegias"), fold_name("spastic paraplegia")
        ('spastic paraplegia', 'spastic paraplegia')
    """
    return " ".join(map(singular, normalize(text).split()))


def _ties(document: Document) -> list[_Tie]:
    found: list[_Tie] = [("name", fold_name(synonym)) for synonym in document.synonyms if not is_abbreviation(synonym)]
    if document.cuis:
        found.append(("concepts", *document.cuis))
    return [tie for tie in found if tie[1]]


def is_abbreviation(name: str) -> bool:
    """Whether a name is a short one in capitals, which may stand for several diseases.

    Example:
        >>> is_abbreviation("ALD"), is_abbreviation("HbSS"), is_abbreviation("gout")
        (True, True, False)
    """
    return len(name) < 4 or (len(name) <= 6 and " " not in name and sum(map(str.isupper, name)) >= 2)


def _join(names: Iterable[str], carriers: Mapping[_Tie, set[str]]) -> tuple[dict[str, list[str]], int]:
    """Each name's group, one list for all of its names; and how many pairs of names were not joined for its size."""
    weights: Counter[tuple[str, str]] = Counter()
    synonyms: set[tuple[str, str]] = set()
    for tie, carried in carriers.items():
        if 1 < len(carried) <= MOST_NAMES:
            pairs = list(combinations(sorted(carried), 2))
            weights.update(pairs)
            synonyms.update(pairs if tie[0] == "name" else ())
    groups = {name: [name] for name in names}
    refused = 0
    for one, other in sorted(weights, key=lambda pair: (pair not in synonyms, -weights[pair], pair)):
        if groups[one] is groups[other]:
            continue
        whole = sorted((*groups[one], *groups[other]))
        if len(whole) > LARGEST and (one, other) not in synonyms:
            refused += 1
        else:
            groups.update(dict.fromkeys(whole, whole))
    return groups, refused


def _labels(names: Sequence[str], documents: Sequence[Document], groups: dict[str, list[str]]) -> dict[str, str]:
    """What each group is called, by the first of its names: what most documents with answers are about."""
    written: dict[str, Counter[str]] = defaultdict(Counter)
    answered: Counter[tuple[str, str]] = Counter()
    for name, document in zip(names, documents, strict=True):
        first, label = groups[name][0], normalize(document.focus) or normalize(document.document_id)
        written[first][label] += 1
        answered[first, label] += any(pair.answer for pair in document.pairs)
    return {
        first: min(counts, key=lambda label: (-answered[first, label], -counts[label], len(label), label))
        for first, counts in written.items()
    }


def _all_names(
    of_document: Sequence[str], documents: Sequence[Document], generic: set[_Tie]
) -> dict[str, tuple[str, ...]]:
    names: dict[str, dict[str, str]] = defaultdict(dict)
    for first in (True, False):
        for entity, document in zip(of_document, documents, strict=True):
            for name in [document.focus] if first else document.synonyms:
                folded = fold_name(name)
                if folded and (first or not (is_abbreviation(name) or ("name", folded) in generic)):
                    names[entity].setdefault(folded, name)
    return {entity: tuple(names[entity].values()) for entity in dict.fromkeys(of_document)}
