"""Open questions with short answers, from the hub: TriviaQA, Natural Questions, PopQA and HotpotQA."""

from collections.abc import Iterable
from typing import ClassVar

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.cells import read_text
from tacitly.tasks.published import PublishedTask
from tacitly.tasks.row_answers import as_answers, read_answer, read_answers, read_field
from tacitly.tasks.sources import Source
from tacitly.tasks.tables import Row
from tacitly.text import normalize

BRIEFLY = "Answer briefly."


class TriviaQA(PublishedTask):
    """Trivia with every name of the answer; the entity is the question, since the data set names no subject.

    The same question stands in several rows, once for each document that was found for it.
    """

    name = "triviaqa"
    asks = "trivia"
    answer_form = "a short phrase"
    licence = "not stated"
    source = Source(
        home="hub",
        name="mandarjoshi/trivia_qa",
        revision="0f7faf33a3908546c6fd5b73a660e0f8ff173c2f",
        files={
            "train": ("rc.nocontext/train-00000-of-00001.parquet",),
            "test": ("rc.nocontext/validation-00000-of-00001.parquet",),
        },
        sizes={"train": 138_384, "test": 17_944},
    )
    columns = ("question", "question_id", "answer.value", "answer.aliases")
    instruction = BRIEFLY

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        text = read_text(row, "question", required=True)
        value, aliases = (read_field(row, "answer", field) for field in ("value", "aliases"))
        names = [name for name in (value, *(aliases if isinstance(aliases, list) else ())) if name is not None]
        yield Question(
            question_id=read_text(row, "question_id", required=True),
            question=text,
            answers=as_answers(row, "answer", names),
            entity=normalize(text) or text,
        )


class NqOpen(PublishedTask):
    """Questions put to a search engine, with short answers; the entity is the question."""

    name = "nq_open"
    asks = "questions put to a search engine"
    answer_form = "a short phrase"
    licence = "CC BY-SA 3.0"
    source = Source(
        home="hub",
        name="google-research-datasets/nq_open",
        revision="5dd9790a83002ad084ddeb7c420dc716852c6f28",
        files={
            "train": ("nq_open/train-00000-of-00001.parquet",),
            "test": ("nq_open/validation-00000-of-00001.parquet",),
        },
        sizes={"train": 87_925, "test": 3_610},
    )
    columns = ("question", "answer")
    instruction = BRIEFLY

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        text = read_text(row, "question", required=True)
        yield Question(
            question_id=str(row.line),
            question=text,
            answers=read_answers(row, "answer"),
            entity=normalize(text) or text,
        )


class PopQA(PublishedTask):
    """Questions about one relation of a thing, popular or hardly known; the entity is that thing."""

    name = "popqa"
    asks = "facts about things well and hardly known"
    answer_form = "a short phrase"
    licence = "not stated"
    source = Source(
        home="hub",
        name="akariasai/PopQA",
        revision="098765c79ea10a2cb19c828324e33281b8336ec0",
        files={"all": ("test.tsv",)},
        sizes={"all": 14_267},
    )
    columns = ("id", "subj", "prop", "s_pop", "question", "possible_answers")
    instruction = BRIEFLY

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        subject = read_text(row, "subj", required=True)
        yield Question(
            question_id=read_text(row, "id", required=True),
            question=read_text(row, "question", required=True),
            answers=read_answers(row, "possible_answers"),
            entity=normalize(subject) or subject,
            meta={
                "names": subject.replace("|", " "),
                "relation": read_text(row, "prop"),
                "popularity": read_text(row, "s_pop"),
            },
        )


class HotpotQA(PublishedTask):
    """Questions that take two articles of Wikipedia to answer; the entity is the first, `meta["names"]` has both."""

    name = "hotpotqa"
    asks = "questions that take two facts to answer"
    answer_form = "a short phrase, yes or no"
    licence = "CC BY-SA 4.0"
    source = Source(
        home="hub",
        name="hotpotqa/hotpot_qa",
        revision="1908d6afbbead072334abe2965f91bd2709910ab",
        files={
            "train": ("distractor/train-00000-of-00002.parquet", "distractor/train-00001-of-00002.parquet"),
            "test": ("distractor/validation-00000-of-00001.parquet",),
        },
        sizes={"train": 90_447, "test": 7_405},
    )
    columns: ClassVar[tuple[str, ...]] = ("id", "question", "answer", "type", "level", "supporting_facts.title")
    instruction = BRIEFLY

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        text = read_text(row, "question", required=True)
        titles = read_field(row, "supporting_facts", "title")
        names = list(dict.fromkeys(str(title).strip() for title in titles)) if isinstance(titles, list) else []
        about = names[0] if names else text
        yield Question(
            question_id=read_text(row, "id", required=True),
            question=text,
            answers=(read_answer(row, "answer"),),
            entity=normalize(about) or about,
            context=self.passage(row),
            meta={
                "names": "|".join(name.replace("|", " ") for name in names),
                "type": read_text(row, "type"),
                "level": read_text(row, "level"),
            },
        )

    def passage(self, row: Row) -> str | None:  # noqa: ARG002 -- for the task that gives one
        """What is read before the question: nothing."""
        return None


class HotpotQAContext(HotpotQA):
    """The questions of HotpotQA with ten articles, of which two are needed."""

    name = "hotpotqa_context"
    asks = "the same, with ten passages of which two are needed"
    columns = (*HotpotQA.columns, "context.title", "context.sentences")

    def passage(self, row: Row) -> str | None:
        """The articles, each under its title."""
        titles, articles = (read_field(row, "context", field) for field in ("title", "sentences"))
        if not isinstance(titles, list) or not isinstance(articles, list) or len(titles) != len(articles) or not titles:
            raise TaskError(
                f"{row.where}: 'context' has no articles", allowed="as many titles as lists of sentences",
                remedy="fetch the file again",
            )  # fmt: skip
        return "\n\n".join(
            f"{title}\n{''.join(sentences).strip()}" for title, sentences in zip(titles, articles, strict=True)
        )
