"""Right answers of MedQuAD, and several kinds of wrong ones, to find out what a similarity can tell apart."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tacitly.judges.thresholds import Kind
from tacitly.tasks.medquad_pairs import MedQuad, QAPair

TRIES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedAnswer:
    """An answer of which we know whether it is right.

    Attributes:
        kind: `right`: what another source says to the same type of question about the same disease. `other_question`:
            the answer to any question about another disease. `other_type`: what is said of the same disease to
            another type of question. `other_disease`: the answer to the same type of question about another disease,
            with that disease's names replaced by this one's; a few are right by luck (two diseases inherited alike).
            `empty`: a sentence that names the disease and says nothing of it.
        disease: What the reference is about.
        question_type: What the reference answers.
        answer: The answer, whole.
        reference: The reference answer, whole.
    """

    kind: Kind
    disease: str
    question_type: str
    answer: str
    reference: str


def grade_answers(medquad: MedQuad, *, rng: np.random.Generator, limit: int | None = None) -> list[GradedAnswer]:
    """Gather right and wrong answers to the questions that several sources answer.

    Every pair of a disease and a question type for which at least two sources have one answer each counts once: one
    source's answer, drawn at random, is the reference, another's is right. The wrong answers come from the source of
    the right one (`other_type`: from its document, where it has another type), so that sources' habits of writing tell
    nothing.

    Args:
        medquad: What was read of MedQuAD.
        rng: Draws references and answers.
        limit: The most pairs of disease and question type, drawn at random; None for all.

    Returns:
        The answers, of the same question one after another. An answer that says the same as its reference word for
        word is left out, whatever its kind.
    """
    pairs = sorted(medquad.everything, key=lambda pair: pair.pair_id)
    of_source, of_type, of_disease = _by(pairs, "source"), _by(pairs, "source", "question_type"), _by(pairs, "entity")
    asked = [group for group in _by(pairs, "entity", "question_type").values() if len(_single(group)) > 1]
    if limit is not None and limit < len(asked):
        asked = [asked[i] for i in sorted(rng.choice(len(asked), size=limit, replace=False))]
    graded: list[GradedAnswer] = []
    for group in asked:
        single = _single(group)
        first, second = rng.permutation(len(single))[:2]
        reference, right = single[first], single[second]
        elsewhere = _draw(of_source[(right.source,)], rng, apart_from=reference.entity)
        others = [p for p in of_disease[(reference.entity,)] if p.question_type != reference.question_type]
        same_document = [pair for pair in others if pair.document_id == right.document_id]
        found: dict[Kind, str | None] = {
            "right": right.answer,
            "other_question": elsewhere.answer if elsewhere else None,
            "other_type": _any(same_document or others, rng),
            "other_disease": _renamed(of_type[right.source, right.question_type], reference, medquad, rng),
            "empty": f"{reference.focus} is a medical condition that affects the body.",
        }
        graded += [
            GradedAnswer(
                kind=kind,
                disease=reference.entity,
                question_type=reference.question_type,
                answer=answer,
                reference=reference.answer,
            )
            for kind, answer in found.items()
            if answer and _folded(answer) != _folded(reference.answer)
        ]
    return graded


def replace_names(text: str, names: Iterable[str], *, by: str) -> tuple[str, int]:
    """Put one name in the place of others, as whole words in any case.

    Args:
        text: A text.
        names: The names to replace; of two that overlap the longer one wins.
        by: The name that takes their place.

    Returns:
        The new text, and how many names were replaced.

    Example:
        >>> replace_names("Gout hurts. Gouty arthritis is gout.", ["gout", "gouty arthritis"], by="Mumps")
        ('Mumps hurts. Mumps is Mumps.', 3)
    """
    pattern = _pattern(tuple(sorted({name for name in names if name.strip()}, key=lambda name: (-len(name), name))))
    return pattern.subn(lambda _: by, text) if pattern else (text, 0)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


@lru_cache(maxsize=4096)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str] | None:
    if not names:
        return None
    spaced = [r"\s+".join(map(re.escape, name.split())) for name in names]
    return re.compile(rf"(?<!\w)(?:{'|'.join(spaced)})(?!\w)", re.IGNORECASE)


def _by(pairs: Sequence[QAPair], *names: str) -> dict[tuple[str, ...], list[QAPair]]:
    found: dict[tuple[str, ...], list[QAPair]] = defaultdict(list)
    for pair in pairs:
        found[tuple(getattr(pair, name) for name in names)].append(pair)
    return found


def _single(group: Sequence[QAPair]) -> list[QAPair]:
    """The answers of the sources that have one only; of several, none need answer what the reference does."""
    return [pair for pair in group if sum(other.source == pair.source for other in group) == 1]


def _draw(pairs: Sequence[QAPair], rng: np.random.Generator, *, apart_from: str) -> QAPair | None:
    for _ in range(TRIES):
        pair = pairs[int(rng.integers(len(pairs)))]
        if pair.entity != apart_from:
            return pair
    return None


def _any(pairs: Sequence[QAPair], rng: np.random.Generator) -> str | None:
    return pairs[int(rng.integers(len(pairs)))].answer if pairs else None


def _renamed(pairs: Sequence[QAPair], reference: QAPair, medquad: MedQuad, rng: np.random.Generator) -> str | None:
    """An answer about another disease that names it, as if it were about the reference's."""
    for _ in range(TRIES):
        other = _draw(pairs, rng, apart_from=reference.entity)
        if other is None:
            return None
        names = (other.focus, *other.synonyms, *medquad.names_of(other.entity))
        text, replaced = replace_names(other.answer, names, by=reference.focus)
        if replaced:
            return text
    return None
