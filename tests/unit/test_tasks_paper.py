"""The paper's tables and OpenTriviaQA: made rows."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tacitly.errors import TaskError
from tacitly.tasks.catalog import load_task
from tacitly.text import normalize
from tests.unit.task_samples import TEXTS, TRIVIA, as_csv, write_sample

pytestmark = pytest.mark.unit

PACKERS: dict[str, Callable[[bytes], bytes]] = {".xz": lzma.compress, ".gz": gzip.compress, ".bz2": bz2.compress}


@pytest.mark.parametrize("ending", ["", ".xz", ".gz", ".bz2", ".zip"])
def test_a_table_may_be_compressed(tmp_path: Path, ending: str) -> None:
    text = TEXTS["mnli"]["mnli_validation.csv"].encode()
    path = tmp_path / f"mnli_validation.csv{ending}"
    if ending == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mnli_validation.csv", text)
    else:
        path.write_bytes(PACKERS.get(ending, bytes)(text))
    task = load_task("mnli", path=path)
    (question,) = task.questions()
    assert question.answers == ("contradiction",)
    assert question.split == "test"
    (one,) = load_task("mnli", path=tmp_path).questions()
    assert one == question


def test_a_limit_draws_both_parts_alike(tmp_path: Path) -> None:
    for part in ("train", "validation"):
        made = TEXTS["mnli"]["mnli_train.csv"].splitlines()
        more = (made[1].replace("It is wet", f"It is {part} {i}") for i in range(30))
        (tmp_path / f"mnli_{part}.csv").write_text("\n".join((made[0], *more)))
    drawn = list(load_task("mnli", path=tmp_path, limit=10, seed=3).questions())
    assert [question.split for question in drawn] == ["train"] * 5 + ["test"] * 5
    assert list(load_task("mnli", path=tmp_path, limit=10, seed=4).questions()) != drawn


def test_a_part_that_is_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "mnli_train.csv").write_text(TEXTS["mnli"]["mnli_train.csv"])
    task = load_task("mnli", path=tmp_path)
    assert {question.split for question in task.questions()} == {"train"}
    assert task.notes == (f"mnli_validation.csv: not in {tmp_path}, and not read",)


def test_a_film_s_question_with_two_actors_accepts_both_and_counts_the_repeat(tmp_path: Path) -> None:
    task = load_task("movies", path=write_sample("movies", tmp_path))
    questions = {question.question: question for question in task.questions()}
    assert len(questions) == 3
    bob = questions["Who acted as Bob in the movie 'The Made Film'?"]
    assert bob.answers == ("Max Doe", "Kim Poe")
    assert bob.entity == "made film"
    assert bob.split is None
    assert questions["Who acted as Cy in the movie 'It's Made'?"].entity == normalize("It's Made")
    assert task.notes == ("1 questions stand there again, and each is asked once",)


@pytest.mark.parametrize(
    ("cell", "answer"), [("[9.0]", "9"), ("[28.26]", "28.26"), ("[1200000.0]", "1200000"), ("[-0.50]", "-0.5")]
)
def test_a_sum_s_answer_is_a_plain_number(tmp_path: Path, cell: str, answer: str) -> None:
    path = tmp_path / "AnswerableMath.csv"
    path.write_text(as_csv(("id", "question", "answer", "source"), (7, "How many?", cell, "made")))
    (question,) = load_task("math", path=path).questions()
    assert question.answers == (answer,)
    assert question.question_id == "math/train/7"


@pytest.mark.parametrize(
    "cell", ["['9']", "__import__('os')", "[[9]]", '{"a": 1}', "9", '["nine"]', "[NaN]", "[1e999]"]
)
def test_an_answer_that_is_no_list_of_numbers_is_an_error_with_its_row(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "AnswerableMath.csv"
    path.write_text(as_csv(("id", "question", "answer", "source"), (7, "How many?", cell, "made")))
    with pytest.raises(TaskError, match=r"AnswerableMath\.csv line 2: 'answer'"):
        load_task("math", path=path).questions()


def test_choices_stand_in_the_order_of_the_sentence(tmp_path: Path) -> None:
    questions = list(load_task("winogrande", path=write_sample("winogrande", tmp_path)).questions())
    assert [question.choices for question in questions] == [("cup", "box"), ("Ann", "Eve")]
    assert [question.entity for question in questions] == ["box / cup", "ann / eve"]


def test_a_profession_goes_without_its_article(tmp_path: Path) -> None:
    test = list(load_task("winobias", path=write_sample("winobias", tmp_path)).questions())[1]
    assert (test.answers, test.choices, test.split) == (("guard",), ("clerk", "guard"), "test")


def test_rows_without_an_answer_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "mnli_train.csv"
    made = TEXTS["mnli"]["mnli_train.csv"]
    unlabelled = made.replace(",entailment,", ",,").replace(",neutral,", ",-1,").partition("\n")[2]
    path.write_text(made + unlabelled)
    task = load_task("mnli", path=path)
    assert len(list(task.questions())) == 2
    assert task.notes[0] == f"2 of 4 rows have no answer and are left out: first in {path} line 4"


def test_trivia_is_parsed_and_what_is_wrong_with_it_counted(tmp_path: Path) -> None:
    broken = "#Q No answer?\n\n#Q Twice?\n^ a\nA a\nB a\n\n#Q None of them?\n^ c\nA a\nB b\n"
    (tmp_path / "made.txt").write_bytes(
        TRIVIA.encode() + broken.encode() + "#Q Na\u00efve?\n^ x\nA x\nB y|z\n".encode("cp1252")
    )
    task = load_task("opentriviaqa", path=tmp_path)
    snow, ice, naive = task.questions()
    assert snow.choices == ("Black|A)", "White|B)", "Red|C)", "Green|D)")
    assert ice.question == "Ice is\ncold."
    assert (naive.question, naive.choices) == ("Naïve?", ("x|A)", "y/z|B)"))
    assert task.prompt(snow)[0]["content"].splitlines()[:2] == ["Which colour has snow?", "A) Black"]  # type: ignore[index]
    assert [note.split(" and are")[0] for note in task.notes] == [
        "1 of 6 rows have no answer",
        "1 of 6 rows have an empty option, or one twice",
        "1 of 6 rows have an answer that is none of their options",
    ]
