"""The tables that Orgad et al. publish with their code: who acted in a film, sums in words, and Natural Questions."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.cells import read_text
from tacitly.tasks.published import PublishedTask
from tacitly.tasks.row_answers import read_answer, read_answers
from tacitly.tasks.sources import Part, Source
from tacitly.tasks.tables import Row
from tacitly.text import normalize

REPOSITORY = "technion-cs-nlp/LLMsKnow"
REVISION = "bee3ec5787e72f09ec1603e50e9b64c41fbc6f23"

_ROLE = re.compile(r"Who acted as (?P<role>.*) in the movie '(?P<movie>.*)'\?", re.DOTALL)


def paper_source(files: Mapping[Part, str], *, sizes: Mapping[Part, int]) -> Source:
    """The paper's repository, with one file for each part.

    Args:
        files: Their names.
        sizes: How many rows they have.

    Example:
        >>> paper_source({"train": "winobias_dev.csv"}, sizes={"train": 1_584}).files
        {'train': ('data/winobias_dev.csv',)}
    """
    return Source(
        home="github",
        name=REPOSITORY,
        revision=REVISION,
        files={part: (f"data/{file}",) for part, file in files.items()},
        sizes=sizes,
    )


class Movies(PublishedTask):
    """Who acted as a character in a film; the entity is the film.

    The published parts were drawn at random, so nearly every film is in both: the folds are by film instead.
    """

    name = "movies"
    asks = "who acted as a character in a film"
    answer_form = "a person's name"
    licence = "MIT"
    source = paper_source(
        {"train": "movie_qa_train.csv", "test": "movie_qa_test.csv"}, sizes={"train": 10_000, "test": 7_856}
    )
    columns = ("Question", "Answer")
    locator = ("novel_phrase",)
    keeps_parts = False
    instruction = "Answer with the actor's name."

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        text = read_text(row, "Question", required=True)
        role = _ROLE.fullmatch(text)
        if role is None:
            raise TaskError(
                f"{row.where}: 'Question' is {text[:80]!r}", allowed="Who acted as CHARACTER in the movie 'TITLE'?"
            )
        movie = role["movie"].strip()
        yield Question(
            question_id=str(row.line),
            question=text,
            answers=(read_answer(row, "Answer"),),
            entity=normalize(movie) or movie or text,
            meta={"names": movie.replace("|", " ")},
        )


class Math(PublishedTask):
    """Sums told as a story, each with one number for its answer."""

    name = "math"
    asks = "a sum that is told as a story"
    answer_form = "a number"
    licence = "MIT"
    source = paper_source(
        {"train": "AnswerableMath.csv", "test": "AnswerableMath_test.csv"}, sizes={"train": 1_950, "test": 650}
    )
    columns = ("id", "question", "answer", "source")
    judge = "number"
    locator = ("number",)
    instruction = "Answer shortly."
    max_new_tokens = 64

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        text = read_text(row, "question", required=True)
        yield Question(
            question_id=read_text(row, "id", required=True),
            question=text,
            answers=tuple(_number(row, answer) for answer in read_answers(row, "answer")),
            entity=normalize(text) or text,
            meta={"source": read_text(row, "source")},
        )


class NqContext(PublishedTask):
    """Natural Questions that a passage answers, asked with that passage."""

    name = "nq_context"
    asks = "questions put to a search engine, with a passage"
    answer_form = "a short phrase"
    licence = "MIT; Natural Questions is CC BY-SA 3.0"
    source = paper_source({"all": "nq_wc_dataset.csv"}, sizes={})
    columns = ("Question", "Answer", "Context")
    instruction = "Answer briefly."

    def ask(self, row: Row) -> Iterable[Question]:
        """The question of a row."""
        text = read_text(row, "Question", required=True)
        yield Question(
            question_id=str(row.line),
            question=text,
            answers=(read_answer(row, "Answer"),),
            entity=normalize(text) or text,
            context=read_text(row, "Context", required=True),
        )


def _number(row: Row, text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or number.adjusted() > 20:
        raise TaskError(f"{row.where}: 'answer' holds {text[:60]!r}", allowed="a number", remedy="fetch the file again")
    whole = number.to_integral_value()
    return str(int(whole)) if number == whole else format(number.normalize(), "f")
