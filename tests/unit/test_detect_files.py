"""Answers from files and standard input: what is refused and where, and only whole lines are left."""

import csv
import io
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tacitly
from tacitly.cli.main import run as command
from tacitly.detect import files, reading, writing
from tacitly.detect.reading import RefusedRow, open_answers
from tacitly.detect.records import FIELDS, GivenAnswer, ScoredAnswer
from tacitly.detect.scorer import Scorer
from tacitly.detect.writing import AnswerWriter
from tacitly.errors import StorageError, TaskError
from tests.unit.detect_samples import asked, made_detector, tiny

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector of a tiny model, in a run's folder."""
    root = tmp_path_factory.mktemp("made")
    made_detector(tiny(root / "model")).save(root / "run" / "detector")
    return root / "run"


@pytest.fixture(autouse=True)
def _opened_once(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    made = Scorer(folder)

    def scorer(detector: object, model: object = None, *, batch_size: int, **kwargs: object) -> Scorer:
        return made if model is None and batch_size == 64 else Scorer(detector, model, batch_size=batch_size, **kwargs)

    monkeypatch.setattr(files, "Scorer", scorer)


def read(path: Path, content: str | bytes) -> list[GivenAnswer | RefusedRow]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_answers(path) as answers:
        return list(answers)


GOOD = '{"question": "Which?", "answer": "That."}\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", "\n" + GOOD),
        ("a.jsonl", "\ufeff\r\n" + GOOD.replace("\n", "\r\n")),
        ("a.csv", "question,answer\nWhich?,That.\n"),
        ("a.csv", '\ufeffanswer,"question"\r\n"That.",Which?\r\n'),
        ("a.csv", "question,answer,token_ids,choices\nWhich?,That."),
        ("a.CSV", "\nid,question,answer\n2,Which?,That.\n"),
    ],
)
def test_the_same_answer_in_every_form(name: str, content: str, tmp_path: Path) -> None:
    [given] = read(tmp_path / name, content)
    assert isinstance(given, GivenAnswer)
    assert given.where.startswith(f"{tmp_path / name} line ")
    assert given == GivenAnswer(id="2", question="Which?", answer="That.", where=given.where)


def test_an_answer_is_kept_as_it_was_written(tmp_path: Path) -> None:
    rows = [{"question": " Why? ", "answer": "  So,\nand so. ", "choices": "a|b", "context": "Read.", "id": 7}]
    [given] = read(tmp_path / "a.jsonl", json.dumps(rows[0]))
    assert given == GivenAnswer(
        id="7",
        question="Why?",
        answer="  So,\nand so. ",
        choices=("a", "b"),
        context="Read.",
        where=f"{tmp_path / 'a.jsonl'} line 1",
    )
    [given] = read(tmp_path / "a.csv", 'question,token_ids,answer\n"Why,\nthough?","[5, 6]",\n')
    assert (given.question, given.token_ids, given.answer) == ("Why,\nthough?", (5, 6), None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            '{"question": "Which?"',
            "is not valid JSON: Expecting ',' delimiter at character 23; allowed: one JSON object",
        ),
        ("[1]", "is not a JSON object; allowed: one JSON object on each line; correct it or leave it out"),
        ('{"question": "?", "answer": NaN}', "is not valid JSON: NaN is not JSON"),
        ('{"question": "?", "answer": "\\ud800"}', "holds half a character"),
        ('{"question": "\0?"}', "holds a NUL character"),
        ("[" * 100_000, "is nested too deeply"),
        ('{"question": "?", "answr": "x"}', "has the unknown column 'answr'"),
        ('{"question": "?"}', "has no answer"),
        ('{"answer": "x"}', "'question' is empty"),
        ('{"question": "?", "answer": 1e400}', None),
        (
            '{"id": "first", "question": "?", "answer": "x"}',
            "has the id 'first', which line 1 has; allowed: an id of its",
        ),
        (b'{"question": "caf\xe9", "answer": "x"}', "is not UTF-8 (byte 0xe9); allowed: UTF-8"),
    ],
)
def test_a_damaged_line_costs_only_itself(line: str | bytes, words: str | None, tmp_path: Path) -> None:
    raw = line if isinstance(line, bytes) else line.encode()
    path = tmp_path / "a.jsonl"
    first, bad, last = read(path, b'{"id": "first", "question": "?", "answer": "x"}\n' + raw + b"\n" + GOOD.encode())
    assert isinstance(first, GivenAnswer)
    assert isinstance(last, GivenAnswer)
    if words is None:  # a number is a text, however large
        assert isinstance(bad, GivenAnswer)
        return
    assert isinstance(bad, RefusedRow)
    assert bad.error.startswith(f"{path} line 2")
    assert words in bad.error
    assert "\n" not in bad.error


def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LONGEST_LINE", 100)
    lines = [GOOD, json.dumps({"question": "?", "answer": "x" * 1000}) + "\n", GOOD, json.dumps("y" * 100)]
    one, long, three, last = read(tmp_path / "a.jsonl", "".join(lines))
    assert [given.id for given in (one, three)] == ["1", "3"]
    assert isinstance(long, RefusedRow)
    assert "line 2 is too long; allowed: at most 100 bytes; shorten it" in long.error
    assert isinstance(last, RefusedRow)
    assert "line 4 is too long" in last.error


def test_a_csv_row_with_too_many_cells_costs_only_itself(tmp_path: Path) -> None:
    one, bad, three = read(tmp_path / "a.csv", "id,question,answer\n1,?,x\n2,?,x,y\n3,?,x\n")
    assert isinstance(bad, RefusedRow)
    assert "line 3 has 4 cells, but there are 3 columns; put quotes" in bad.error
    assert [given.id for given in (one, three)] == ["1", "3"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.jsonl", "", "a.jsonl has no rows; allowed: at least one question with its answer"),
        ("a.jsonl", "\n \n", "a.jsonl has no rows"),
        ("a.csv", "question,answer\n", "a.csv has no rows"),
        ("a.csv", "question,reply\n?,x\n", "line 1 has the unknown column 'reply'; allowed: id, question, answer"),
        ("a.csv", "answer\nx\n", "line 1 lacks 'question'; allowed: question, and answer or token_ids or both; add"),
        ("a.csv", "question\n?\n", "line 1 lacks 'answer' and 'token_ids'"),
        ("a.csv", "question,,answer\n", "line 1: column 2 has no name"),
        ("a.csv", "question,answer,answer\n", "line 1 names the column 'answer' twice"),
        ("a.csv", 'question,answer\n?,"x\n', "line 2 is not valid CSV: unexpected end of data; check its quotes"),
        ("a.csv", "question,answer\n?,caf\xe9".encode("latin-1"), "line 2 is not UTF-8 (byte 0xe9)"),
        ("a.txt", "", "has the extension '.txt'; allowed: .csv, .jsonl, or - for standard input; rename or convert"),
        ("a", "", "has no extension"),
    ],
)
def test_a_file_that_is_none_is_refused(name: str, content: str | bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(TaskError) as refused:
        read(tmp_path / name, content)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_path_that_is_none_is_refused(tmp_path: Path) -> None:
    for path, words in ((tmp_path, "is a folder"), (tmp_path / "b.jsonl", "does not exist")):
        with (
            pytest.raises(TaskError, match=f"{words}; allowed: a .jsonl or .csv file, or - for standard"),
            open_answers(path),
        ):
            pass


def from_stdin(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode()), encoding="utf-8"))


@pytest.mark.parametrize("content", ["\n" + GOOD, "question,answer\nWhich?,That.\n", "\ufeff\n" + GOOD])
def test_standard_input_is_jsonl_or_csv(content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from_stdin(monkeypatch, content)
    with open_answers("-") as answers:
        [given] = answers
    assert given == GivenAnswer(id="2", question="Which?", answer="That.", where="standard input line 2")


def test_an_empty_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from_stdin(monkeypatch, " \n")
    with pytest.raises(TaskError, match="standard input has no rows"), open_answers("-") as answers:
        next(answers)


def answers_file(path: Path, *lines: object) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    return answers_file(
        tmp_path / "mixed.jsonl",
        {"id": "a", "question": asked(1), "answer": "It is one."},
        "{",
        {"id": "b", "question": asked(2), "answer": ""},
        {"id": "a", "question": asked(3), "answer": "It is three."},
        {"id": "c", "question": asked(3), "answer": 'It is, "three",\nor so.'},
    )


def test_results_are_printed_a_bad_row_in_its_place(
    folder: Path, mixed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["detect", "--detector", str(folder), str(mixed)]) == 2
    captured = capsys.readouterr()
    rows = [json.loads(line) for line in captured.out.splitlines()]
    assert all(list(row) == list(FIELDS) for row in rows)
    assert [row["id"] for row in rows] == ["a", None, "b", "a", "c"]
    assert [row["error"] is None for row in rows] == [True, False, True, False, True]
    good = rows[0]
    assert "It is one."[good["start"] : good["end"]] == good["exact_answer"] == "one"
    assert 0 < good["p_correct"] < 1
    assert good["verdict"] in ("trust", "doubt")
    assert (good["scored"], good["site"], good["layer"]) == ("exact_answer", "residual", 2)
    assert (rows[2]["p_correct"], rows[2]["verdict"], rows[2]["reason"]) == (None, "abstain", "the answer is empty")
    assert (rows[1]["verdict"], rows[1]["reason"]) == (None, None)
    *_, counts, last = captured.err.splitlines()
    assert counts.startswith("5 answers: ")
    assert counts.endswith(" 1 abstain")
    assert last == f"tacitly: 2 of 5 rows have an error, the first: {rows[1]['error']}"


def test_tables_and_lines_say_the_same(folder: Path, mixed: Path, tmp_path: Path) -> None:
    result = tacitly.detect_answers(mixed, detector=folder, out=tmp_path / "new" / "out.csv")
    tacitly.detect_answers(mixed, detector=str(folder / "detector"), out=tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    with (tmp_path / "new" / "out.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    as_text = [{name: "" if value is None else str(value) for name, value in line.items()} for line in lines]
    assert table == as_text
    assert result.verdicts == {v: sum(line["verdict"] == v for line in lines) for v in ("trust", "doubt", "abstain")}
    assert (result.answers, result.errors, result.first_error) == (5, 2, lines[1]["error"])


def test_a_strict_run_stops_at_the_first_bad_row_and_keeps_what_is_before_it(
    folder: Path, mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    assert command(["detect", "--detector", str(folder), str(mixed), "--out", str(out), "--strict"]) == 2
    [line] = out.read_text().splitlines()
    assert json.loads(line)["id"] == "a"
    assert "mixed.jsonl line 2 is not valid JSON" in capsys.readouterr().err.splitlines()[-1]


def test_a_strict_run_opens_no_model_for_a_file_that_begins_badly(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "Scorer", None)
    with pytest.raises(TaskError, match=r"line 1 is not valid JSON"):
        tacitly.detect_answers(answers_file(tmp_path / "a.jsonl", "{", GOOD), detector=folder, strict=True)


def test_what_was_written_stays_when_a_table_breaks_off(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("question,answer\n" + "?,x\n" * 3 + '?,"x\n')
    out = tmp_path / "out.jsonl"
    with pytest.raises(TaskError, match="line 5 is not valid CSV"):
        tacitly.detect_answers(path, detector=folder, out=out, batch_size=1)
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["2", "3", "4"]


def test_a_refused_file_leaves_an_older_result_alone(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("older\n")
    with pytest.raises(TaskError, match="has no rows"):
        tacitly.detect_answers(answers_file(tmp_path / "a.jsonl"), detector=folder, out=out)
    assert out.read_text() == "older\n"
    source = answers_file(tmp_path / "b.jsonl", GOOD)
    for target, words in ((source, "is the file that is read"), (tmp_path, "is a folder")):
        with pytest.raises(StorageError, match=words):
            tacitly.detect_answers(source, detector=folder, out=target)
    assert source.read_text() == GOOD + "\n"
    tacitly.detect_answers(source, detector=folder, out=out)
    assert "older" not in out.read_text()


def test_standard_input_is_answered_line_by_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Slow(io.BytesIO):
        def readline(self, size: int | None = -1) -> bytes:
            seen.append(len(capsys.readouterr().out.splitlines()))
            return super().readline(size)

    seen: list[int] = []
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Slow((GOOD * 3).encode()), encoding="utf-8"))
    assert command(["detect", "--detector", str(folder), "-", "--batch-size", "1"]) == 0
    assert seen == [0, 0, 1, 1] or seen == [0, 1, 1, 1]
    assert len(capsys.readouterr().out.splitlines()) == 3 - sum(seen)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.jsonl"], "'nowhere.jsonl' does not exist; allowed: a .jsonl or .csv file, or - for standard input"),
        (["a.jsonl", "--batch-size", "0"], "batch_size is 0; allowed: 1 or more"),
        (["a.jsonl", "--detector", "nowhere"], "no detector in nowhere"),
        (["a.jsonl", "--model", "./nowhere"], "no model at './nowhere'"),
    ],
)
def test_a_user_s_error_is_one_line(
    arguments: list[str],
    words: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    answers_file(tmp_path / "a.jsonl", GOOD)
    assert command(["detect", "--detector", str(folder), *arguments]) == 2
    captured = capsys.readouterr()
    [error] = [line for line in captured.err.splitlines() if line.startswith("tacitly: ")]
    assert words in error
    assert captured.out == ""


def test_another_model_is_refused_in_one_line_with_both_names(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tiny(tmp_path / "other", seed=5).identity.name
    source = answers_file(tmp_path / "a.jsonl", GOOD)
    assert command(["detect", "--detector", str(folder), "--model", other, str(source)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert other in error
    assert str(folder.parent / "model") in error


def test_ctrl_c_during_a_write_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, many = tmp_path / "out.jsonl", [ScoredAnswer(id=str(i)) for i in range(50)]
    append: Callable[[object, bytes], None] = writing._append

    def interrupted(file: io.FileIO, content: bytes) -> None:
        append(file, content[:77])
        signal.raise_signal(signal.SIGINT)
        append(file, content[77:])

    monkeypatch.setattr(writing, "_append", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background may not have
    try:
        with AnswerWriter(out) as writer, pytest.raises(KeyboardInterrupt):
            writer.write(many)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == [one.id for one in many]


def test_ctrl_c_while_a_batch_is_read_leaves_the_batches_before(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = answers_file(tmp_path / "a.jsonl", *[{"question": asked(i), "answer": f"It is {i}."} for i in range(9)])
    score, calls = Scorer._score, []

    def interrupted(scorer: Scorer, answers: list) -> list[ScoredAnswer]:
        calls.append(len(answers))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return score(scorer, answers)

    monkeypatch.setattr(Scorer, "_score", interrupted)
    out = tmp_path / "out.jsonl"
    arguments = ["detect", "--detector", str(folder), str(source), "--out", str(out), "--batch-size", "1"]
    assert command(arguments) == 130
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["1", "2"]
    assert capsys.readouterr().err.splitlines()[-1] == "tacitly: stopped"


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    class Full(io.FileIO):
        def write(self, content: object) -> int:
            if self.tell() > 300:
                raise OSError(28, "No space left on device")
            return super().write(bytes(content)[:60])  # type: ignore[call-overload]

    out = tmp_path / "out.jsonl"
    with AnswerWriter(out) as writer:
        writer.write([ScoredAnswer(id="first")])
        written = out.read_bytes()
        writer._file.close()  # type: ignore[union-attr]
        writer._file = Full(out, "ab")  # type: ignore[assignment]
        writer._file.seek(0, os.SEEK_END)
        with pytest.raises(StorageError, match="the disk is full"):
            writer.write([ScoredAnswer(id=str(i)) for i in range(9)])
    assert out.read_bytes() == written


def test_nobody_reading_ends_it_quietly(
    folder: Path, mixed: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    with os.fdopen(writing_end, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        assert command(["detect", "--detector", str(folder), str(mixed)]) == 0
    assert "Traceback" not in capfd.readouterr().err


def test_the_examples_of_the_how_to_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "detect.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demo").symlink_to(folder)
    (tmp_path / "answers.jsonl").write_text(
        "".join(re.findall(r'^    (\{"id": "[ab]", "question".*\n)', page, re.MULTILINE))
    )
    [line] = re.findall(r"^    tacitly (detect .* --out .*)$", page, flags=re.MULTILINE)
    assert command(shlex.split(line)) == 0
    first, second = map(json.loads, (tmp_path / "scored.jsonl").read_text().splitlines())
    [shown] = re.findall(r'^    (\{"id": "a", "p_correct"(?:.*\n)*?.*\})$', page, flags=re.MULTILINE)
    assert list(first) == list(json.loads(shown))
    assert second["exact_answer"] is not None
    capsys.readouterr()
    [code] = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line]) == 3
    exec(compile(code, "detect.md", "exec"), {})
    assert re.match(r"0\.\d+ (trust|doubt) ", capsys.readouterr().out)
    for column in ("question", "answer", "token_ids", "id", "context", "choices"):
        assert f"| `{column}` |" in page
    for field in FIELDS[1:]:
        assert f"`{field}`" in page
