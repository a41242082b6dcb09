"""Judging what others wrote, from the hub: whether a review is positive, and which of several statements is true."""

import hashlib
from collections.abc import Iterable

from tacitly.records import Question
from tacitly.tasks.cells import read_text
from tacitly.tasks.lettered import LetteredTask, as_choice, lettered_question
from tacitly.tasks.published import PublishedTask
from tacitly.tasks.row_answers import read_answer, read_answers, read_one_of
from tacitly.tasks.sources import Source
from tacitly.tasks.tables import Row
from tacitly.text import normalize

_ENTITY_LENGTH = 80


class Imdb(PublishedTask):
    """Whether a review of a film is positive; the entity is the review, by how it begins, since no film is named."""

    name = "imdb"
    asks = "whether a film's review is positive"
    answer_form = "positive or negative"
    licence = "not stated"
    source = Source(
        home="hub",
        name="stanfordnlp/imdb",
        revision="e6281661ce1c48d982bc483cf8a173c1bbeb5d31",
        files={
            "train": ("plain_text/train-00000-of-00001.parquet",),
            "test": ("plain_text/test-00000-of-00001.parquet",),
        },
        sizes={"train": 25_000, "test": 25_000},
    )
    columns = ("text", "label")
    judge = "label"
    locator = ("label",)
    instruction = "Answer with one word: positive or negative."
    max_new_tokens = 16
    LABELS = ("negative", "positive")

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        review = read_text(row, "text", required=True).replace("<br />", "\n")
        yield Question(
            question_id=str(row.line),
            question="Is this review positive or negative?",
            answers=(self.LABELS[int(read_one_of(row, "label", ("0", "1")))],),
            entity=normalize(review)[:_ENTITY_LENGTH] or review[:_ENTITY_LENGTH],
            choices=self.LABELS,
            context=review,
        )


_TRUTHFULQA = Source(
    home="hub",
    name="truthfulqa/truthful_qa",
    revision="741b8276f2d1982aa3d5b832d3ee81ed3b896490",
    files={"all": ("generation/validation-00000-of-00001.parquet",)},
    sizes={"all": 817},
)


class TruthfulQA(PublishedTask):
    """Questions that many people answer wrongly, asked openly; what the data set gives as correct is accepted.

    A model has to judge (`judge.model`): docs/decisions/0009-truthfulqa-needs-a-reader.md.
    """

    name = "truthfulqa"
    asks = "questions that many people answer wrongly"
    answer_form = "a sentence, judged by a model"
    licence = "Apache-2.0"
    source = _TRUTHFULQA
    columns = ("type", "category", "question", "best_answer", "correct_answers")
    judge = "llm"
    instruction = "Answer in one sentence."
    max_new_tokens = 64

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        text = read_text(row, "question", required=True)
        yield Question(
            question_id=str(row.line),
            question=text,
            answers=tuple(dict.fromkeys((read_answer(row, "best_answer"), *read_answers(row, "correct_answers")))),
            entity=normalize(text) or text,
            meta={"category": read_text(row, "category"), "type": read_text(row, "type")},
        )


class TruthfulQAChoice(LetteredTask):
    """The same questions as a choice: of one true statement and several untrue ones, which is true (the authors' MC1).

    The statements are those that the data set gives as best and as incorrect answers, in an order that does not tell
    which is which.
    """

    name = "truthfulqa_choice"
    asks = "which statement is true, where many people are wrong"
    answer_form = "one of several statements"
    licence = "Apache-2.0"
    source = _TRUTHFULQA
    columns = ("type", "category", "question", "best_answer", "incorrect_answers")
    max_new_tokens = 64

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        right = read_answer(row, "best_answer")
        options = dict.fromkeys(as_choice(option) for option in (right, *read_answers(row, "incorrect_answers")))
        yield lettered_question(
            question_id=str(row.line),
            question=read_text(row, "question", required=True),
            options=sorted(options, key=lambda option: hashlib.sha256(option.encode()).digest()),
            right=right,
            meta={"category": read_text(row, "category"), "type": read_text(row, "type")},
        )
