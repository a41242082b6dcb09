"""The task `medquad_inheritance`: which pattern of inheritance a disease has, asked as a choice."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.base import Messages, TaskCard, user
from tacitly.tasks.medfacts import read_choices
from tacitly.tasks.medquad import LICENCE, SOURCE, describe
from tacitly.tasks.medquad_entities import fold_name
from tacitly.tasks.medquad_pairs import MedQuad, QAPair
from tacitly.tasks.medquad_task import MedQuadTask
from tacitly.tasks.sampling import draw
from tacitly.text import find_whole

PATTERNS = {
    "autosomal dominant": re.compile(r"\bautosomal[ -]dominant", re.I),
    "autosomal recessive": re.compile(r"\bautosomal[ -]recessive", re.I),
    "X-linked": re.compile(r"\bX[ -]linked", re.I),
    "mitochondrial": re.compile(r"\bmitochondrial (?:pattern|inherit)|\bmaternal(?:ly)? (?:pattern|inherit)", re.I),
    "not inherited": re.compile(
        r"\bnot (?:(?:usually|typically|generally|directly|commonly|normally|considered|(?:thought|believed|known|"
        r"considered) to be) )*(?:an? )?(?:inherited|hereditary|passed (?:down|on))|\bsporadic(?:ally)?\b|"
        r"\bnon-?inherited\b",
        re.I,
    ),
}
# "It may be inherited or occur sporadically" names no pattern of the disease as a whole.
_EITHER = re.compile(
    r"\b(?:can|may|might) (?:be|occur|cluster)|\bor (?:it )?(?:can|may|occurs?)\b|\b(?:in some|some|many) cases"
    r"|\bvariety of|\bcan happen",
    re.I,
)
_NOT = "not inherited"
_Named = tuple[QAPair, tuple[str, ...]]
_ASKED = "Is {} autosomal dominant, autosomal recessive, X-linked, mitochondrial, or not inherited?"
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=[A-Z0-9\"(])")


@dataclass(frozen=True, slots=True)
class InheritanceFacts:
    """The patterns that MedQuAD's answers name.

    Attributes:
        facts: For each disease the question that was answered, under a name that does not give the pattern away, and
            the pattern.
        documents: How many documents name exactly one pattern.
        left_out: How many diseases are not asked about, by the reason.
    """

    facts: tuple[tuple[QAPair, str], ...]
    documents: int
    left_out: Mapping[str, int]


class MedQuadInheritance(MedQuadTask):
    r"""Patterns of inheritance, one question for each disease; the closed set is that of medfacts' relation.

    The choices stand in the question, without examples before it: asked for the pattern by name, or after examples, the
    embedded model gives nearly the same pattern for every disease.

    Args:
        path: A copy of MedQuAD (`tacitly.tasks.medquad_pairs.read_medquad`); None fetches the hub's table.
        limit: At most this many questions, drawn at random, so that the patterns stay as common as they are.
        prompt: A template in place of the bare question.
        seed: Which questions a limit draws.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "three.csv"
        ...     _ = path.write_text(
        ...         "qtype,Question,Answer\ninheritance,Is sialuria inherited ?,It is autosomal dominant.\n"
        ...     )
        ...     question = MedQuadInheritance(path=path).questions()[0]
        >>> question.answers, question.entity
        (('autosomal dominant', 'dominant'), 'sialuria')
    """

    name = "medquad_inheritance"
    judge = "match"
    locator = ("choices", "novel_phrase")
    stop: tuple[str, ...] = ()
    system_prompt: str | None = None
    max_new_tokens = 40

    def ask(self, medquad: MedQuad) -> tuple[Question, ...]:
        """The questions, in the order of their documents."""
        found = find_patterns(medquad)
        if not found.facts:
            raise TaskError(f"{self.path} names no pattern of inheritance", remedy="give a whole copy of MedQuAD")
        names = read_choices()["inheritance"]
        everything = (
            Question(
                question_id=f"{self.name}/{fold_name(pair.focus).replace(' ', '-')}",
                question=_ASKED.format(pair.focus),
                answers=names[pattern],
                entity=pair.entity,
                choices=tuple("|".join(choice) for choice in names.values()),
                meta={**describe(medquad, pair), "subject": pair.focus},
            )
            for pair, pattern in found.facts
        )
        return draw(everything, limit=self.limit, seed=self.seed, stratum=lambda _: "")

    def prompt(self, question: Question) -> Messages:
        """The question, alone."""
        return [user(self.template.fill(question) if self.template else question.question)]

    @classmethod
    def card(cls) -> TaskCard:
        """Describe the task."""
        return TaskCard(
            name=cls.name,
            asks="how a disease is inherited",
            questions=923,
            needs=None,
            answer_form="one of five patterns",
            source=SOURCE,
            licence=LICENCE,
        )


def find_patterns(medquad: MedQuad) -> InheritanceFacts:
    """Find the pattern of every disease on which MedQuAD's answers agree.

    A disease is asked about once, or, where its documents go by several names and disagree, once by each name: types of
    one disease are inherited in their own ways. Where documents of one name still disagree, or one names several
    patterns, none is right on its own, and accepting each would make a guess right too often: it is left out.

    Args:
        medquad: What was read.

    Returns:
        The patterns, with counts.
    """
    named: dict[str, list[_Named]] = defaultdict(list)
    for pair in medquad.answered("inheritance"):
        if patterns := patterns_of(pair.answer):
            named[pair.entity].append((pair, patterns))
    facts: list[tuple[QAPair, str]] = []
    disagree = given_away = 0
    for found in (one for of_entity in named.values() for one in _by_name(of_entity)):
        agreed = {pattern for _, several in found for pattern in several}
        askable = [pair for pair, _ in found if pair.focus and not _gives_away(pair.focus)]
        if len(agreed) > 1:
            disagree += 1
        elif not askable:
            given_away += 1
        else:
            facts.append((askable[0], agreed.pop()))
    single = sum(len(patterns) == 1 for found in named.values() for _, patterns in found)
    return InheritanceFacts(
        tuple(facts), single, {"several patterns": disagree, "its name holds a pattern": given_away}
    )


def _by_name(found: list[_Named]) -> list[list[_Named]]:
    """What was said of one disease, taken together where it agrees, else by the names."""
    if len({pattern for _, patterns in found for pattern in patterns}) == 1:
        return [found]
    by_name: dict[str, list[_Named]] = defaultdict(list)
    for pair, patterns in found:
        by_name[fold_name(pair.focus)].append((pair, patterns))
    return list(by_name.values())


def patterns_of(answer: str) -> tuple[str, ...]:
    """The patterns that an answer's first sentence names; a question at its beginning is passed over.

    "Not inherited" is taken with every pattern that the rest names for the cases that are.

    Example:
        >>> patterns_of("How is it inherited? It is inherited in an autosomal recessive manner. Others are X-linked.")
        ('autosomal recessive',)
        >>> patterns_of("It can be inherited or occur sporadically.")
        ()
    """
    sentences = _SENTENCE_END.split(" ".join(answer.split()))
    first = next((sentence for sentence in sentences if not sentence.endswith("?")), "")
    found = tuple(pattern for pattern, written in PATTERNS.items() if written.search(first))
    if found != (_NOT,):
        return found
    return (
        ()
        if _EITHER.search(first)
        else tuple(p for p, written in PATTERNS.items() if p == _NOT or written.search(answer))
    )


def _gives_away(name: str) -> bool:
    """Whether a name holds a pattern: "X-linked hypophosphatemia"."""
    return any(find_whole(alias, name) for names in read_choices()["inheritance"].values() for alias in names)
