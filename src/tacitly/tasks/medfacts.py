"""The bundled task: short-answer medical questions, made from tables of facts by templates."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.base import Messages, TaskCard, assistant, user
from tacitly.tasks.sampling import draw
from tacitly.tasks.tables import read_bundled
from tacitly.tasks.template import PromptTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question with its answer, shown before every question; its entity is not asked about."""

    asked: str
    answer: str
    entity: str


RELATIONS = {
    "drug-class": "Which class of drugs does {} belong to?",
    "drug-use": "Which condition is {} used to treat?",
    "disease-organ": "Which part of the body is mainly affected by {}?",
    "disease-specialist": "Which medical specialist treats {}?",
    "infection-kind": "Which kind of pathogen causes {}?",
    "pathogen-disease": "Which disease is caused by {}?",
    "inheritance": (
        "What is the inheritance pattern of {}: autosomal dominant, autosomal recessive, X-linked, mitochondrial, or "
        "not inherited?"
    ),
    "inflammation-part": "Which part of the body is inflamed in {}?",
    "prefix-part": 'Which part of the body does the medical prefix "{}" refer to?',
    "procedure-part": "Which part of the body is treated or examined in {}?",
    "structure-organ": "Which organ or part of the body contains {}?",
    "secretion-organ": "Which organ or gland makes {}?",
    "bone-region": "In which part of the body would you find {}?",
    "muscle-region": "In which part of the body would you find {}?",
    "specialist-field": "What does {} specialize in?",
    "deficiency-nutrient": "A lack of which vitamin or nutrient causes {}?",
    "vitamin-deficiency": "Which disease is caused by a lack of {}?",
}

EXAMPLES = (
    Example(asked="Which disease did Edward Jenner's vaccine prevent?", answer="Smallpox", entity="smallpox"),
    Example(asked="Which kind of medicine is penicillin?", answer="An antibiotic", entity="penicillin"),
    Example(asked="Which doctor looks after the teeth?", answer="A dentist", entity="dentist"),
    Example(asked="Which organ pumps the blood?", answer="The heart", entity="heart"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One row of a table of facts.

    Attributes:
        relation: The table's name.
        subject: What is asked about, as the question writes it.
        entity: The same, normalised; other tables give the same thing the same entity.
        answers: The accepted answers, each a choice of the relation.
    """

    relation: str
    subject: str
    entity: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a table's facts come from."""

    relation: str
    source: str
    licence: str


class MedFacts:
    """Medical questions of many relations, with several accepted answers where there are several.

    `choices` is the relation's closed set, each choice under all its names; it is declared in `choices.csv` and not
    collected from the answers.

    Args:
        path: Not taken: the questions are bundled.
        limit: At most this many questions, drawn evenly over the relations.
        prompt: A template in place of the task's prompt; the examples are then left out.
        seed: Which questions a limit draws.

    Raises:
        TaskError: A path is given.

    Example:
        >>> task = MedFacts(limit=20)
        >>> len(task.questions())
        20
        >>> task.prompt(task.questions()[0])[-1]["role"]
        'user'
    """

    name = "medfacts"
    judge = "choice"
    locator = ("choices", "novel_phrase")
    stop: tuple[str, ...] = ()
    system_prompt: str | None = None
    max_new_tokens = 24
    notes: tuple[str, ...] = ()

    def __init__(
        self, *, path: Path | str | None = None, limit: int | None = None, prompt: str | None = None, seed: int = 0
    ) -> None:
        if path is not None:
            raise TaskError(
                f"task medfacts is bundled and reads no file, but task.path is {str(path)!r}",
                remedy="leave task.path out, or take task.name=file for your own questions",
            )
        self._limit = limit
        self._seed = seed
        self._template = PromptTemplate(prompt) if prompt is not None else None

    def questions(self) -> tuple[Question, ...]:
        """The questions, relation by relation."""
        return draw(
            (_question(fact) for fact in read_facts()),
            limit=self._limit,
            seed=self._seed,
            stratum=lambda question: question.meta["relation"],
        )

    def prompt(self, question: Question) -> Messages:
        """The examples, the same before every question, and the question."""
        if self._template is not None:
            return [user(self._template.fill(question))]
        turns = [turn for shown in EXAMPLES for turn in (user(shown.asked), assistant(shown.answer))]
        return [*turns, user(question.question)]

    @classmethod
    def card(cls) -> TaskCard:
        """Describe the task."""
        return TaskCard(
            name=cls.name,
            asks=f"medical facts of {len(RELATIONS)} relations, such as a drug's class or a disease's organ",
            questions=len(read_facts()),
            needs=None,
            answer_form="a short phrase, from the relation's closed set",
            source="general medical knowledge; inheritance patterns from MedQuAD",
            licence="Apache-2.0; MedQuAD is CC BY 4.0",
        )


@cache
def read_facts() -> tuple[Fact, ...]:
    """Read every table of facts.

    Example:
        >>> read_facts()[0].relation
        'drug-class'
    """
    return tuple(
        Fact(
            relation=relation,
            subject=row["subject"],
            entity=row["entity"],
            answers=tuple(row["answers"].split("|")),
        )
        for relation in RELATIONS
        for row in _read_table(relation)
    )


@cache
def read_choices() -> dict[str, dict[str, tuple[str, ...]]]:
    """Read the closed set of every relation: for each choice all its names, itself first.

    Example:
        >>> "bacterium" in read_choices()["infection-kind"]
        True
    """
    choices: dict[str, dict[str, tuple[str, ...]]] = {relation: {} for relation in RELATIONS}
    for row in _read_table("choices"):
        choices[row["relation"]][row["choice"]] = tuple(dict.fromkeys([row["choice"], *row["names"].split("|")]))
    return choices


def read_sources() -> tuple[Source, ...]:
    """Read where each table's facts come from.

    Example:
        >>> {source.relation for source in read_sources()} == set(RELATIONS)
        True
    """
    return tuple(Source(**row) for row in _read_table("sources"))


def _read_table(name: str) -> list[dict[str, str]]:
    return read_bundled(f"medfacts/{name}.csv")


def _question(fact: Fact) -> Question:
    names = read_choices()[fact.relation]
    return Question(
        question_id=f"medfacts/{fact.relation}/{_slug(fact.subject)}",
        question=RELATIONS[fact.relation].format(fact.subject),
        answers=tuple(dict.fromkeys(name for answer in fact.answers for name in names[answer])),
        entity=fact.entity,
        choices=_names_of(fact.relation),
        meta={"relation": fact.relation, "subject": fact.subject},
    )


@cache
def _names_of(relation: str) -> tuple[str, ...]:
    return tuple("|".join(names) for names in read_choices()[relation].values())


def _slug(subject: str) -> str:
    plain = unicodedata.normalize("NFKD", subject.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
