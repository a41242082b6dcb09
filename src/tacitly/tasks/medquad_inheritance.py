"""The task `medquad_inheritance`: which pattern of inheritance a disease has, asked as a choice."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.base import Messages, TaskCard, user
from tacitly.tasks.medfacts import read_choices
from tacitly.tasks.medquad import LICENCE, SOURCE, describe
from tacitly.tasks.medquad_answers import SENTENCE_END
from tacitly.tasks.medquad_entities import fold_name
from tacitly.tasks.medquad_pairs import MedQuad, QAPair
from tacitly.tasks.medquad_table import is_fetched
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
# "When it is caused by ... it is autosomal dominant" may go on with other cases.
_LIMITED = re.compile(
    r"^(?:when|in some|some|if)\b|\b(?:some|many) cases\b|\b(?:forms?|types?) of\b|\bcan be inherited\b", re.I
)
# "It may be inherited or occur sporadically" names no pattern of the disease as a whole.
_EITHER = re.compile(
    r"\b(?:can|may|might) (?:be|occur|cluster)|\bor (?:it )?(?:can|may|occurs?)\b|\b(?:in some|some|many) cases"
    r"|\bvariety of|\bcan happen",
    re.I,
)
_NOT = "not inherited"
NO_PATTERN, SEVERAL, GIVEN_AWAY = "name none", "name several", "are about a disease whose name holds it"
_ASKED = "Is {} autosomal dominant, autosomal recessive, X-linked, mitochondrial, or not inherited?"


@dataclass(frozen=True, slots=True)
class InheritanceFacts:
    """The patterns that MedQuAD's answers name.

    Attributes:
        facts: For each disease the question that was answered, under a name that does not give the pattern away, and
            the pattern.
        left_out: How many questions about a disease's inheritance have no such fact, by the reason.
    """

    facts: tuple[tuple[QAPair, str], ...]
    left_out: Mapping[str, int]

    @property
    def summary(self) -> str:
        """The counts as one line."""
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items() if count)
        return (
            f"patterns of inheritance: {len(self.facts) + sum(self.left_out.values()):,} questions about them, of "
            f"whose answers {len(self.facts):,} name one; left out: {left_out or 'none'}"
        )


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
    judge = "choice"
    locator = ("choices",)
    stop: tuple[str, ...] = ()
    system_prompt: str | None = None
    max_new_tokens = 40

    def ask(self, medquad: MedQuad) -> tuple[Question, ...]:
        """The questions, in the order of their documents."""
        found = find_patterns(medquad)
        if not found.facts:
            raise TaskError(f"{self.shown} names no pattern of inheritance", remedy="give a whole copy of MedQuAD")
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

    @property
    def notes(self) -> tuple[str, ...]:
        """What was read of MedQuAD, and of its answers about inheritance."""
        return (*super().notes, find_patterns(self.medquad).summary)

    @classmethod
    def card(cls) -> TaskCard:
        """Describe the task."""
        return TaskCard(
            name=cls.name,
            asks="how a disease is inherited",
            questions=927,
            needs=None,
            answer_form="one of five patterns",
            source=SOURCE,
            licence=LICENCE,
            is_here=is_fetched(),
        )


def find_patterns(medquad: MedQuad) -> InheritanceFacts:
    """Find the pattern of every disease on which MedQuAD's answers agree.

    Types of one disease are asked about each, for they are inherited in their own ways. Where sources disagree about a
    disease, or name several patterns, none is right on its own, and accepting each would make a guess right too often:
    it is left out.

    Args:
        medquad: What was read.

    Returns:
        The patterns, with counts.
    """
    facts: list[tuple[QAPair, str]] = []
    left_out: Counter[str] = Counter()
    for pair in medquad.pairs:
        if pair.question_type != "inheritance":
            continue
        same = (pair, *medquad.repeated.get(pair.pair_id, ()))
        patterns = {pattern for one in same for pattern in patterns_of(one.answer)}
        askable = [one for one in same if one.focus and not _gives_away(one.focus) and patterns_of(one.answer)]
        if len(patterns) != 1:
            left_out[SEVERAL if patterns else NO_PATTERN] += 1
        elif not askable:
            left_out[GIVEN_AWAY] += 1
        else:
            facts.append((askable[0], patterns.pop()))
    return InheritanceFacts(tuple(facts), {reason: left_out[reason] for reason in (NO_PATTERN, SEVERAL, GIVEN_AWAY)})


def patterns_of(answer: str) -> tuple[str, ...]:
    """The patterns that an answer's first sentence names; a question at its beginning is passed over.

    "Not inherited", and a pattern of some cases only, is taken with every pattern that the rest names for the others.

    Example:
        >>> patterns_of("How is it inherited? It is inherited in an autosomal recessive manner. Others are X-linked.")
        ('autosomal recessive',)
        >>> patterns_of("Some cases are autosomal dominant. Others are X-linked.")
        ('autosomal dominant', 'X-linked')
        >>> patterns_of("It can be inherited or occur sporadically.")
        ()
    """
    sentences = SENTENCE_END.split(" ".join(answer.split()))
    first = next((sentence for sentence in sentences if not sentence.endswith("?")), "")
    found = _named(first)
    if found == (_NOT,) and _EITHER.search(first):
        return ()
    if found == (_NOT,) or (len(found) == 1 and _LIMITED.search(first)):
        return tuple(pattern for pattern in PATTERNS if pattern in {*found, *_named(answer)})
    return found


def _named(text: str) -> tuple[str, ...]:
    return tuple(pattern for pattern, written in PATTERNS.items() if written.search(text))


def _gives_away(name: str) -> bool:
    """Whether a name holds a pattern: "X-linked hypophosphatemia"."""
    return any(find_whole(alias, name) for names in read_choices()["inheritance"].values() for alias in names)
