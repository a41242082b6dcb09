"""The task `cities`: its closed set of countries, a small made table, and the real one where it is at hand."""

from collections import Counter
from pathlib import Path

import pytest

from tacitly.errors import TaskError
from tacitly.judges.alias import ChoiceJudge
from tacitly.tasks.cities import Cities, names_of, read_countries
from tacitly.text import normalize

pytestmark = pytest.mark.unit

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "cities.csv"


def _table(folder: Path, text: str, *, name: str = "cities.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_real_table_gives_748_questions() -> None:
    if not REAL.is_file():
        pytest.skip("needs ../shared/data/cities.csv beside the repository")
    questions = Cities(path=REAL).questions()
    assert len(questions) == 748
    assert len({question.entity for question in questions}) == 748
    assert all("|".join(question.answers) in question.choices for question in questions)
    answers = {question.entity: question.answers for question in questions}
    assert answers["chicago"][:3] == ("United States", "the United States", "United States of America")
    assert "Ivory Coast" in answers["abidjan"]


def test_a_city_is_asked_once_for_its_true_and_its_false_statement(tmp_path: Path) -> None:
    path = _table(
        tmp_path,
        "statement,label,city,country,correct_country\n"
        "The city of Lodz is in Poland.,1,Lodz,Poland,Poland\n"
        "The city of Lodz is in Chad.,0,Lodz,Chad,Poland\n",
    )
    (question,) = Cities(path=path).questions()
    assert question.question_id == "cities/lodz"
    assert question.question == "In which country is the city of Lodz?"
    assert question.answers == ("Poland",)
    assert question.entity == "lodz"


def test_every_country_that_the_table_gives_a_city_is_accepted(tmp_path: Path) -> None:
    path = _table(tmp_path, "city,correct_country\nTripoli,Libya\nTripoli,Lebanon\n")
    assert Cities(path=path).questions()[0].answers == ("Libya", "Lebanon")


def test_a_country_outside_the_list_is_accepted_but_is_no_choice(tmp_path: Path) -> None:
    path = _table(tmp_path, "city,correct_country\nAnkh-Morpork,Discworld\n")
    (question,) = Cities(path=path).questions()
    assert question.answers == ("Discworld",)
    assert "Discworld" not in question.choices


def test_the_choices_are_those_of_the_task_not_of_the_table(tmp_path: Path) -> None:
    (question,) = Cities(path=_table(tmp_path, "city,correct_country\nLodz,Poland\n")).questions()
    assert len(read_countries()) >= 190
    assert set(question.choices) == {"|".join(names) for names in read_countries().values()}


def test_no_name_stands_for_two_countries() -> None:
    counts = Counter(normalize(name) for names in read_countries().values() for name in set(map(normalize, names)))
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize(
    ("country", "said"),
    [
        ("the United States", "Chicago is in the USA."),
        ("the United States", "United States of America"),
        ("the Netherlands", "Holland"),
        ("the Democratic Republic of the Congo", "It is in the Democratic Republic of the Congo (DRC)."),
        ("Côte d'Ivoire", "Ivory Coast"),
        ("Myanmar", "Burma"),
        ("Turkey", "Türkiye"),
        ("the United Arab Emirates", "the UAE"),
    ],
)
def test_a_country_is_right_by_any_of_its_names(tmp_path: Path, country: str, said: str) -> None:
    (question,) = Cities(path=_table(tmp_path, f"city,correct_country\nX,{country}\n")).questions()
    assert ChoiceJudge().judge(question, said).correct


@pytest.mark.parametrize(
    ("country", "said"),
    [("Niger", "Nigeria"), ("Guinea", "Equatorial Guinea"), ("Sudan", "South Sudan"), ("Mali", "Somalia")],
)
def test_a_country_is_not_found_inside_another(tmp_path: Path, country: str, said: str) -> None:
    (question,) = Cities(path=_table(tmp_path, f"city,correct_country\nX,{country}\n")).questions()
    assert ChoiceJudge().judge(question, said).correct is False


def test_names_of_an_unknown_country_are_its_own() -> None:
    assert names_of("Discworld") == ("Discworld",)


def test_a_missing_path_is_refused_with_what_would_do() -> None:
    with pytest.raises(TaskError) as refused:
        Cities()
    assert str(refused.value) == (
        "task cities needs task.path; allowed: a .csv or .jsonl file with the columns 'city' and 'correct_country'; "
        "set task.path to cities.csv of the geometry-of-truth data sets"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("city,land\nLodz,Poland\n", "lacks 'correct_country'"),
        ("city,correct_country\n", "has no rows"),
        ("city,correct_country\nLodz,\n", "line 2: 'correct_country' is ''"),
        ("city,correct_country\n,Poland\n", "line 2: 'city' is ''"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(TaskError) as refused:
        Cities(path=_table(tmp_path, text)).questions()
    assert says in str(refused.value)
    assert "cities.csv" in str(refused.value)
