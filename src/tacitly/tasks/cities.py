"""The task `cities`: in which country a city lies, from a table such as that of geometry-of-truth."""

from functools import cache
from pathlib import Path

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.base import Messages, TaskCard, user
from tacitly.tasks.sampling import draw
from tacitly.tasks.tables import Row, read_bundled, read_rows, require_columns
from tacitly.tasks.template import PromptTemplate
from tacitly.text import normalize

_CITY = "city"
_COUNTRY = "correct_country"


class Cities:
    r"""Cities and their countries; `choices` are the country names of the bundled list, not those of the file.

    The file has the columns `city` and `correct_country`; where a city stands in several rows, as a true and a false
    statement, it is asked once, and where the rows differ, every country that they name is accepted.

    Args:
        path: The table.
        limit: At most this many questions.
        prompt: A template in place of the task's prompt.
        seed: Which questions a limit draws.

    Raises:
        TaskError: No path is given.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "cities.csv"
        ...     _ = path.write_text("city,correct_country\nUtrecht,the Netherlands\n")
        ...     question = Cities(path=path).questions()[0]
        >>> question.question, question.answers
        ('In which country is the city of Utrecht?', ('Netherlands', 'the Netherlands', 'Holland'))
    """

    name = "cities"
    judge = "choice"
    locator = ("choices", "novel_phrase")
    stop: tuple[str, ...] = ()
    system_prompt: str | None = None
    max_new_tokens = 24
    notes: tuple[str, ...] = ()

    def __init__(
        self, *, path: Path | str | None = None, limit: int | None = None, prompt: str | None = None, seed: int = 0
    ) -> None:
        if path is None:
            raise TaskError(
                "task cities needs task.path",
                allowed=f"a .csv or .jsonl file with the columns {_CITY!r} and {_COUNTRY!r}",
                remedy="set task.path to cities.csv of the geometry-of-truth data sets",
            )
        self._path = Path(path)
        self._limit = limit
        self._seed = seed
        self._template = PromptTemplate(prompt) if prompt is not None else None

    def questions(self) -> tuple[Question, ...]:
        """The questions, in the file's order."""
        countries: dict[str, dict[str, None]] = {}
        names: dict[str, str] = {}
        for row in read_rows(self._path):
            require_columns(self._path, (_CITY, _COUNTRY), row)
            city, country = (_cell(row, column) for column in (_CITY, _COUNTRY))
            key = normalize(city) or city
            names.setdefault(key, city)
            countries.setdefault(key, {}).update(dict.fromkeys(names_of(country)))
        if not countries:
            raise TaskError(f"{self._path} has no rows", remedy=f"give at least one {_CITY} and {_COUNTRY}")
        questions = (
            Question(
                question_id=f"cities/{key.replace(' ', '-')}",
                question=f"In which country is the city of {names[key]}?",
                answers=tuple(accepted),
                entity=key,
                choices=_choices(),
            )
            for key, accepted in countries.items()
        )
        return draw(questions, limit=self._limit, seed=self._seed, stratum=lambda _: "")

    def prompt(self, question: Question) -> Messages:
        """The question, alone."""
        return [user(self._template.fill(question) if self._template else question.question)]

    @classmethod
    def card(cls) -> TaskCard:
        """Describe the task."""
        return TaskCard(
            name=cls.name,
            asks="in which country a city lies",
            questions=None,
            needs="task.path (cities.csv of geometry-of-truth, or a table of city and correct_country)",
            answer_form="a country's name",
            source="your file; its facts come from GeoNames",
            licence="the file's",
            is_here=None,
        )


@cache
def read_countries() -> dict[str, tuple[str, ...]]:
    """Read the bundled countries: each with all its names, the usual one first.

    Example:
        >>> read_countries()["Myanmar"]
        ('Myanmar', 'Burma')
    """
    return {
        row["country"]: (row["country"], *(name for name in row["names"].split("|") if name))
        for row in read_bundled("countries.csv")
    }


def names_of(country: str) -> tuple[str, ...]:
    """Every name of a country; a country that is not in the bundled list goes by its own name alone.

    Example:
        >>> names_of("Holland")
        ('Netherlands', 'the Netherlands', 'Holland')
    """
    return _by_name().get(normalize(country), (country,))


@cache
def _by_name() -> dict[str, tuple[str, ...]]:
    return {normalize(name): names for names in read_countries().values() for name in names}


@cache
def _choices() -> tuple[str, ...]:
    return tuple("|".join(names) for names in read_countries().values())


def _cell(row: Row, column: str) -> str:
    value = row.values[column]
    if not isinstance(value, str) or not value.strip():
        raise TaskError(f"{row.where}: {column!r} is {value!r}", allowed="a name", remedy="fill it in or drop the row")
    return value.strip()
