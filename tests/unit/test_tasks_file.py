"""The task `file`: what a user's file may hold, and how each thing that is wrong with it is said."""

import json
from pathlib import Path

import pytest

from tacitly.errors import TaskError
from tacitly.records import Question
from tacitly.tasks.file import FileTask

pytestmark = pytest.mark.unit


def _read(
    folder: Path, content: str | bytes, *, name: str = "mine.csv", limit: int | None = None
) -> tuple[Question, ...]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return FileTask(path=path, limit=limit).questions()


def _line(**values: object) -> str:
    return json.dumps({"question": "Q?", "answers": "a", **values})


def test_a_csv_with_everything(tmp_path: Path) -> None:
    (question,) = _read(
        tmp_path,
        "\ufeffid,question,answers,choices,entity,split,context,colour\r\n"
        'q1,"Which, then?",lung | lungs,"[""lung"", ""liver|spleen""]",The Lung,test,"Two\nlines",red\r\n',
    )
    assert question == Question(
        question_id="q1",
        question="Which, then?",
        answers=("lung", "lungs"),
        entity="lung",
        choices=("lung", "liver|spleen"),
        split="test",
        context="Two\nlines",
        meta={"colour": "red"},
    )


def test_a_jsonl_with_everything(tmp_path: Path) -> None:
    first = {
        "id": 7, "question": "How many?", "answers": [12, "twelve"], "choices": "10|12", "entity": "Dozen",
        "split": "train", "context": "", "tags": ["x", 1], "note": None, "score": 1.50,
    }  # fmt: skip
    questions = _read(tmp_path, json.dumps(first) + "\n\n" + _line(answers=3.0) + "\n", name="mine.jsonl")
    assert questions[0] == Question(
        question_id="7",
        question="How many?",
        answers=("12", "twelve"),
        entity="dozen",
        choices=("10", "12"),
        split="train",
        context=None,
        meta={"tags": '["x", "1"]', "note": "", "score": "1.5"},
    )
    assert questions[1].answers == ("3.0",)


def test_a_question_without_entity_or_id_gets_them(tmp_path: Path) -> None:
    questions = _read(tmp_path, "question,answers\nWhat is it?,a\nWhat else?,b\nwhat is IT,c\n")
    assert [question.question_id for question in questions] == ["file/1", "file/2", "file/3"]
    assert [question.entity for question in questions] == ["what is it", "what else", "what is it"]


def test_the_same_question_may_be_asked_twice(tmp_path: Path) -> None:
    first, second = _read(tmp_path, "question,answers\nQ?,a\nQ?,b\n")
    assert first.question_id != second.question_id
    assert first.entity == second.entity


def test_a_question_in_signs_alone_is_its_own_entity(tmp_path: Path) -> None:
    assert _read(tmp_path, "question,answers\n??,a\n")[0].entity == "??"


def test_a_short_row_lacks_only_what_is_optional(tmp_path: Path) -> None:
    assert _read(tmp_path, "question,answers,context\nQ?,a\n")[0].context is None


def test_a_very_long_cell_is_read(tmp_path: Path) -> None:
    context = "word " * 100_000
    assert _read(tmp_path, f"question,answers,context\nQ?,a,{context}\n")[0].context == context.strip()


def test_the_csv_module_is_left_as_it_was(tmp_path: Path) -> None:
    import csv

    before = csv.field_size_limit()
    _read(tmp_path, "question,answers\nQ?,a\n")
    assert csv.field_size_limit() == before


def test_python_in_a_cell_stays_text(tmp_path: Path) -> None:
    (question,) = _read(tmp_path, 'question,answers\n__import__("os"),[x for x in y]\n')
    assert question.question == '__import__("os")'
    assert question.answers == ("[x for x in y]",)


def test_a_limit_takes_from_both_splits(tmp_path: Path) -> None:
    rows = "".join(f"Q{i}?,a,train\n" for i in range(50)) + "".join(f"T{i}?,a,test\n" for i in range(3))
    splits = [question.split for question in _read(tmp_path, "question,answers,split\n" + rows, limit=6)]
    assert splits == ["train"] * 3 + ["test"] * 3


def test_rows_without_accepted_answers_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("question,answers\nQ?,a\nR?,\nS?, | \nT?,b\n", encoding="utf-8")
    task = FileTask(path=path)
    assert [question.question for question in task.questions()] == ["Q?", "T?"]
    assert task.notes == ("2 of 4 rows of mine.csv have nothing in 'answers' and are left out, the first on line 3",)


def test_graded_answers_are_judged_by_the_person_who_graded_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "question,answer,correct\nQ?,The lung.,TRUE\nR?,A liver.,0\nS?,,true\nT?,Both.,\n", encoding="utf-8"
    )
    task = FileTask(path=path)
    assert [(q.written, q.graded, q.answers) for q in task.questions()] == [
        ("The lung.", True, ()),
        ("A liver.", False, ()),
    ]
    assert task.judge == "human"
    assert [note.partition(" and are ")[0] for note in task.notes] == [
        "1 of 4 rows of mine.csv have nothing in 'answer'",
        "1 of 4 rows of mine.csv have nothing in 'correct'",
    ]


def test_answers_that_exist_are_judged_by_what_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    graded = _line(answer="A lung.", correct=True)
    path.write_text(_line(answer="A liver.") + "\n", encoding="utf-8")
    task = FileTask(path=path)
    assert [(q.written, q.graded) for q in task.questions()] == [("A liver.", None)]
    assert task.judge == "alias"
    path.write_text(f"{graded}\n" + _line(answer="A liver.", correct=None) + "\n", encoding="utf-8")
    task = FileTask(path=path)
    assert [q.graded for q in task.questions()] == [True, None]  # unknown, for no person has judged it
    assert task.judge == "human"


def test_the_prompt_puts_the_context_first(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("question,answers,context\nQ?,a,Read me.\nR?,a,\n", encoding="utf-8")
    task = FileTask(path=path)
    assert [task.prompt(question)[0]["content"] for question in task.questions()] == ["Read me.\n\nQ?", "R?"]


REFUSED: dict[str, tuple[str, str | bytes, list[str]]] = {
    "missing columns": ("mine.csv", "frage,answers\nQ?,a\n", ["mine.csv lacks 'question'", "'frage', 'answers'"]),
    "both columns missing": ("mine.csv", "a,b\n1,2\n", ["lacks 'question', 'answers'"]),
    "missing key": ("mine.jsonl", '{"question": "Q?"}\n', ["mine.jsonl line 1 lacks 'answers'"]),
    "missing key later": ("mine.jsonl", _line() + '\n{"answers": "a"}\n', ["mine.jsonl line 2 lacks 'question'"]),
    "nothing": ("mine.csv", "", ["mine.csv has no rows"]),
    "nothing in jsonl": ("mine.jsonl", "\n \n", ["mine.jsonl has no rows"]),
    "header alone": ("mine.csv", "question,answers\n", ["mine.csv has no rows"]),
    "duplicate ids": (
        "mine.csv",
        'id,question,answers\nx,"Q\n?",a\ny,R?,a\nx,S?,a\n',
        ["mine.csv has the id 'x' twice", "lines 2 and 5"],
    ),
    "id like a made one": ("mine.csv", "id,question,answers\nfile/2,Q?,a\n,R?,a\n", ["the id 'file/2' twice"]),
    "bad JSON": ("mine.jsonl", _line() + "\n{'question': 1}\n", ["mine.jsonl line 2 is not valid JSON", "character 2"]),
    "half a JSON": ("mine.jsonl", '{"question": "Q?"', ["line 1 is not valid JSON"]),
    "NaN": ("mine.jsonl", '{"question": "Q?", "answers": NaN}', ["line 1 is not valid JSON: NaN is not JSON"]),
    "deep JSON": ("mine.jsonl", "[" * 200_000, ["line 1"]),
    "half a character": ("mine.jsonl", '{"question": "\\ud800", "answers": "a"}', ["line 1 holds half a character"]),
    "a list for a line": ("mine.jsonl", _line() + "\n[1, 2]\n", ["line 2 is not a JSON object"]),
    "a text for a line": ("mine.jsonl", '"Q?"\n', ["line 1 is not a JSON object"]),
    "not UTF-8": (
        "mine.csv",
        b"question,answers\nQ?,\xe9t\xe9\n",
        ["mine.csv is not UTF-8", "0xe9 at position 20", "line 2"],
    ),
    "not UTF-8 after a mark": ("mine.csv", b"\xef\xbb\xbfa\n\xff", ["0xff at position 5", "line 2"]),
    "UTF-16": ("mine.csv", "question,answers\nQ?,a\n".encode("utf-16"), ["is not UTF-8: byte 0xff at position 0"]),
    "NUL": ("mine.csv", "question,answers\nQ?,a\0\n", ["mine.csv line 2 holds a NUL"]),
    "empty question": ("mine.csv", "question,answers\n ,a\n", ["mine.csv line 2: 'question' is empty"]),
    "null question": ("mine.jsonl", _line(question=None), ["mine.jsonl line 1: 'question' is empty"]),
    "bars alone": ("mine.csv", "question,answers\nQ?, | \n", ["mine.csv has nothing in 'answers'; fill it in"]),
    "empty list": ("mine.jsonl", _line(answers=[]), ["mine.jsonl has nothing in 'answers'"]),
    "answers that exist and nothing to judge them by": (
        "mine.csv",
        "question,answer\nQ?,a\n",
        ["line 2 has 'answer', what a model wrote", "'answers' (what is accepted as right) or 'correct'"],
    ),
    "verdicts on nothing": ("mine.csv", "question,answers,correct\nQ?,a,true\n", ["mine.csv lacks 'answer'"]),
    "another verdict": (
        "mine.csv",
        "question,answer,correct\nQ?,a,perhaps\n",
        ["line 2: 'correct' is 'perhaps'", "true, yes, 1, right, false, no, 0, wrong"],
    ),
    "no verdict at all": ("mine.csv", "question,answer,correct\nQ?,a,\n", ["mine.csv has nothing in 'correct'"]),
    "no text at all": ("mine.csv", "question,answer,correct\nQ?,,true\n", ["mine.csv has nothing in 'answer'"]),
    "object as answers": ("mine.jsonl", _line(answers={"text": "a"}), ['\'answers\' holds {"text": "a"}, an object']),
    "object in answers": ("mine.jsonl", _line(answers=["a", {"b": 1}]), ['\'answers\' holds {"b": "1"}, an object']),
    "list in answers": ("mine.jsonl", _line(answers=[["a"]]), ["'answers' holds [\"a\"], a list"]),
    "boolean as answers": ("mine.jsonl", _line(answers=True), ["'answers' holds true, true or false without quotes"]),
    "list as question": ("mine.jsonl", _line(question=["Q?"]), ["'question' holds [\"Q?\"], a list"]),
    "object as id": ("mine.jsonl", _line(id={}), ["'id' holds {}, an object"]),
    "Python's list": ("mine.csv", "question,answers\nQ?,\"['a', 'b']\"\n", ["line 2: 'answers' is", "double quotes"]),
    "broken list": ("mine.csv", 'question,answers\nQ?,"[""a"", "\n', ["line 2: 'answers' is", "not a JSON list"]),
    "another split": ("mine.csv", "question,answers,split\nQ?,a,dev\n", ["line 2: 'split' is 'dev'", "train, test"]),
    "too many cells": ("mine.csv", "question,answers\nQ?,a,b\n", ["line 2 has 3 cells, but there are 2 columns"]),
    "an open quote": ("mine.csv", 'question,answers\nQ?,"a\n', ["mine.csv line", "is not valid CSV"]),
    "a column twice": ("mine.csv", "question,answers,question\nQ?,a,R?\n", ["names the column 'question' twice"]),
    "a column without name": ("mine.csv", "question,answers,\nQ?,a,R?\n", ["column 3 has no name"]),
    "unknown extension": ("mine.xlsx", "question,answers\nQ?,a\n", ["the extension '.xlsx'", ".csv, .jsonl"]),
    "no extension": ("mine", "question,answers\nQ?,a\n", ["has no extension"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    name, content, says = REFUSED[case]
    with pytest.raises(TaskError) as refused:
        _read(tmp_path, content, name=name)
    message = str(refused.value)
    assert "\n" not in message
    assert "mine" in message
    assert len(message) < 500
    for words in says:
        assert words in message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"'.*none\.csv' does not exist; check the path"):
        FileTask(path=tmp_path / "none.csv").questions()


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"is a folder; allowed: one \.csv or \.jsonl file"):
        FileTask(path=tmp_path).questions()


def test_no_path_is_refused() -> None:
    with pytest.raises(TaskError, match=r"task file needs task\.path; allowed: a \.csv or \.jsonl file"):
        FileTask()
