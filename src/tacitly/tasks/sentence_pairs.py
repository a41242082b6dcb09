"""Tasks of the paper whose answer is one of two things in a sentence, or how two sentences stand to one another."""

import re
from collections.abc import Iterable

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.cells import read_text
from tacitly.tasks.lettered import as_choice
from tacitly.tasks.paper_tables import paper_source
from tacitly.tasks.published import LeftOutError, PublishedTask
from tacitly.tasks.row_answers import read_answer, read_one_of
from tacitly.tasks.tables import Row
from tacitly.text import normalize

_ARTICLE = re.compile(r"^(?:an?|the)\s+", re.IGNORECASE)
_PAIR = re.compile(
    r'For the statement, "(?P<premise>.*)", does the hypothesis "(?P<hypothesis>.*)" represent entailment, '
    r"contradiction, or neutrality\?",
    re.DOTALL,
)
ENTAILMENT = (
    "entailment|entail|entails|entailed",
    "neutral|neutrality",
    "contradiction|contradict|contradicts|contradicted|contradictory",
)


class WinoBias(PublishedTask):
    """To which of two people a pronoun refers; both are choices.

    The entity is the pair of professions, which the sentences about it share, pro- and anti-stereotypical alike.
    """

    name = "winobias"
    asks = "to which of two people a pronoun refers"
    answer_form = "one of two professions"
    licence = "MIT"
    source = paper_source(
        {"train": "winobias_dev.csv", "test": "winobias_test.csv"}, sizes={"train": 1_584, "test": 1_584}
    )
    columns = ("type", "stereotype", "sentence", "answer", "incorrect_answer", "q_instruct")
    judge = "label"
    locator = ("choices",)

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        right, wrong = (_ARTICLE.sub("", text) for text in _two(row, "answer", "incorrect_answer"))
        sentence = read_text(row, "sentence", required=True)
        yield Question(
            question_id=str(row.line),
            question=f"{sentence} {read_text(row, 'q_instruct', required=True)}",
            answers=(right,),
            entity=_pair(right, wrong),
            choices=_in_order(sentence, right, wrong),
            meta={
                "names": f"{right}|{wrong}",
                "stereotype": read_text(row, "stereotype"),
                "type": read_text(row, "type"),
            },
        )


class WinoGrande(PublishedTask):
    """What the blank in a sentence stands for: one of two things that it names; both are choices.

    The entity is the pair of things, which a sentence and its twin share. The published parts were drawn at random, so
    most pairs are in both: the folds are by pair instead.
    """

    name = "winogrande"
    asks = "for which of two things a blank stands"
    answer_form = "one of two names"
    licence = "MIT; WinoGrande is CC BY"
    source = paper_source(
        {"train": "winogrande_train.csv", "test": "winogrande_test.csv"}, sizes={"train": 10_000, "test": 10_000}
    )
    columns = ("Question", "Answer", "Wrong_Answer")
    judge = "label"
    locator = ("choices",)
    keeps_parts = False

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        right, wrong = _two(row, "Answer", "Wrong_Answer")
        text = read_text(row, "Question", required=True)
        yield Question(
            question_id=str(row.line),
            question=text,
            answers=(right,),
            entity=_pair(right, wrong),
            choices=_in_order(text, right, wrong),
        )


class Mnli(PublishedTask):
    """Whether a statement entails a hypothesis, contradicts it, or neither; the entity is the statement.

    Rows without a label, or with the label -1 that MNLI gives where its annotators disagree, are left out.
    """

    name = "mnli"
    asks = "whether a statement entails or contradicts another"
    answer_form = "entailment, neutral or contradiction"
    licence = "MIT; MultiNLI is OANC and others"
    source = paper_source(
        {"train": "mnli_train.csv", "test": "mnli_validation.csv"}, sizes={"train": 10_000, "test": 10_000}
    )
    columns = ("Question", "Answer")
    judge = "label"
    locator = ("label",)
    max_new_tokens = 64  # the hypothesis is often said again before the label
    instruction = "Answer with one word: entailment, neutral or contradiction."

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        text = read_text(row, "Question", required=True)
        pair = _PAIR.fullmatch(text)
        if pair is None:
            raise TaskError(
                f"{row.where}: 'Question' is {text[:80]!r}",
                allowed='For the statement, "...", does the hypothesis "..." represent entailment, contradiction, or '
                "neutrality?",
            )
        allowed = {choice.split("|")[0]: choice for choice in ENTAILMENT}
        yield Question(
            question_id=str(row.line),
            question=text,
            answers=(read_one_of(row, "Answer", tuple(allowed)),),
            entity=normalize(pair["premise"]) or text,
            choices=ENTAILMENT,
        )


def _two(row: Row, right: str, wrong: str) -> tuple[str, str]:
    answer, other = as_choice(read_answer(row, right)), as_choice(read_text(row, wrong, required=True))
    if normalize(answer) == normalize(other):
        raise LeftOutError("give the same for right and wrong")
    return answer, other


def _pair(right: str, wrong: str) -> str:
    return " / ".join(sorted(normalize(text) or text for text in (right, wrong)))


def _in_order(sentence: str, right: str, wrong: str) -> tuple[str, ...]:
    """Both choices, in the order of the sentence, so that their order does not tell which is right."""
    folded = sentence.casefold()
    return tuple(sorted((right, wrong), key=lambda choice: (folded.find(choice.casefold()), choice)))
