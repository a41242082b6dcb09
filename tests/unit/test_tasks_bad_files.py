"""Files that are damaged, of another form, too large or out of reach: one line each, with the file and the row."""

import gzip
import io
import lzma
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from email.message import Message
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tacitly.errors import StorageError, TaskError
from tacitly.tasks import fetching, parquet_rows, plain_files
from tacitly.tasks.catalog import load_task
from tacitly.tasks.fetching import fetch_from_github
from tacitly.tasks.plain_files import open_plain, read_lines
from tests.unit.task_samples import TEXTS, TRIVIA, as_csv, write_sample

pytestmark = pytest.mark.unit

TABLE = TEXTS["mnli"]["mnli_train.csv"]


def _refusal(name: str, path: Path | None) -> str:
    with pytest.raises(TaskError) as refused:
        load_task(name, path=path).questions()
    said = str(refused.value)
    assert "\n" not in said
    return said


def _zip(path: Path, *names: str, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in names:
            archive.writestr(name, TABLE)
    return path


@pytest.mark.parametrize(
    ("ending", "content", "reason"),
    [
        (".xz", lzma.compress(TABLE.encode())[:-20], "Compressed file ended before"),
        (".xz", b"not compressed", "not supported by decoder"),
        (".gz", gzip.compress(TABLE.encode())[:-9], "Compressed file ended before"),
        (".bz2", b"not compressed", "Invalid data stream"),
        (".zip", b"not compressed", "File is not a zip file"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path: Path, ending: str, content: bytes, reason: str) -> None:
    path = tmp_path / f"mnli_train.csv{ending}"
    path.write_bytes(content)
    said = _refusal("mnli", path)
    assert said.startswith(f"{path} cannot be read: ")
    assert reason in said
    assert said.endswith("fetch it again")


def test_a_zip_holds_one_file_packed_so_that_its_size_can_be_limited(tmp_path: Path) -> None:
    assert "holds 2 files; allowed: one" in _refusal("mnli", _zip(tmp_path / "two.csv.zip", "a.csv", "b.csv"))
    packed = _zip(tmp_path / "a.csv.zip", "a.csv", method=zipfile.ZIP_LZMA)
    assert "is compressed by method 14" in _refusal("mnli", packed)
    apple = _zip(tmp_path / "mnli_train.csv.zip", "__MACOSX/._x", "mnli_train.csv")
    assert len(list(load_task("mnli", path=apple).questions())) == 2


def test_a_file_that_unpacks_to_too_much_is_not_read_on(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(bytes(10_000_000)))
    with (
        pytest.raises(TaskError, match=r"bomb\.csv\.gz unpacks to too much; allowed: at most 1,000,000 bytes"),
        open_plain(path, most=1_000_000) as stream,
    ):
        stream.read()


def test_a_line_without_end_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_files, "_LONGEST_LINE", 1_000)
    path = tmp_path / "mnli_train.csv"
    path.write_text(TABLE + "x" * 2_000)
    assert "line 4 is too long; allowed: at most 1,000 bytes" in _refusal("mnli", path)


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (b"\xff\xfe,neutral,mnli\n", "is not UTF-8: byte 0xff on line 4"),
        (b"a\0b,neutral,mnli\n", "line 4 holds a NUL character"),
        (b"a,b,c,d\n", "line 4 has 4 cells, but there are 3 columns"),
        (b'"a,neutral\n', "line 4 is not valid CSV: unexpected end of data"),
        (b"Is it so?,neutral,mnli\n", "line 4: 'Question' is 'Is it so?'; allowed: For the statement"),
        (b",neutral,mnli\n", "line 4: 'Question' is empty"),
    ],
)
def test_a_malformed_row_is_an_error_with_its_line(tmp_path: Path, rest: bytes, message: str) -> None:
    path = tmp_path / "mnli_train.csv"
    path.write_bytes(TABLE.encode() + rest)
    said = _refusal("mnli", path)
    assert said.startswith(str(path))
    assert message in said


def test_a_label_that_is_none_of_the_three_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mnli_train.csv"
    path.write_text(TABLE.replace(",neutral,", ",perhaps,"))
    assert "line 3: 'Answer' is 'perhaps'; allowed: entailment, neutral, contradiction" in _refusal("mnli", path)


def test_lines_of_windows_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mnli_train.csv"
    path.write_bytes(b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode())
    assert len(list(load_task("mnli", path=path).questions())) == 2
    assert next(read_lines(path)).startswith("Question")


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    folder = write_sample("imdb", tmp_path)
    path = tmp_path / "plain_text" / "train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-50])
    said = _refusal("imdb", folder)
    assert said.startswith(f"{path} cannot be read as Parquet: ")


def test_a_row_group_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_rows, "_MOST_AT_ONCE", 1_000)
    path = tmp_path / "train-00000-of-00001.parquet"
    pq.write_table(pa.table({"text": ["x" * 5_000], "label": [1]}), path)
    assert "has a row group of 5," in _refusal("imdb", path)


def test_a_file_of_another_form_or_a_folder_without_files_says_what_would_do(tmp_path: Path) -> None:
    (tmp_path / "mnli.txt").write_text(TABLE)
    assert "is of an unknown form; allowed: .csv, .tsv, .jsonl, .parquet" in _refusal("mnli", tmp_path / "mnli.txt")
    said = _refusal("mnli", tmp_path)
    assert "has no file of task mnli; allowed: mnli_train.csv, mnli_validation.csv of github.com/" in said
    assert "is no folder or archive; allowed: a folder, .zip" in _refusal("opentriviaqa", tmp_path / "mnli.txt")
    assert "has no questions of opentriviaqa" in _refusal("opentriviaqa", tmp_path)


def test_a_table_with_rows_but_no_question_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "AnswerableMath.csv"
    path.write_text(as_csv(("id", "question", "answer", "source")))
    assert f"task math: {path} has no questions" in _refusal("math", path)


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/outside.txt", "a/../../outside.txt", "c:/outside.txt"])
def test_a_member_that_leaves_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "trivia.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member in ("ok.txt", name):
            entry = tarfile.TarInfo(member)
            entry.size = len(TRIVIA)
            archive.addfile(entry, io.BytesIO(TRIVIA.encode()))
    said = _refusal("opentriviaqa", path)
    assert f"{name!r} leads out of the archive" in said


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text(TRIVIA)
    folder = tmp_path / "trivia"
    folder.mkdir()
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    assert "link.txt is a link out of the folder" in _refusal("opentriviaqa", folder)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "trivia.tar.xz"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as archive:
        entry = tarfile.TarInfo("ok.txt")
        entry.size = len(TRIVIA)
        archive.addfile(entry, io.BytesIO(TRIVIA.encode()))
    path.write_bytes(packed.getvalue()[:-30])
    assert _refusal("opentriviaqa", path).startswith(f"{path} cannot be read")


class _Reply(io.BytesIO):
    def __init__(self, content: bytes, promised: int) -> None:
        super().__init__(content)
        self.headers = Message()
        self.headers["Content-Length"] = str(promised)


def _answer_with(reply: Callable[[], object], monkeypatch: pytest.MonkeyPatch, cache: Path) -> list[str]:
    asked: list[str] = []

    def open_address(address: str, *, timeout: float) -> object:
        assert timeout > 0
        asked.append(address)
        return reply()

    monkeypatch.setenv("TACITLY_CACHE", str(cache))
    monkeypatch.setattr(urllib.request, "urlopen", open_address)
    return asked


def test_a_table_is_fetched_once_at_its_pinned_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = iter(text.encode() for text in TEXTS["mnli"].values())

    def reply() -> _Reply:
        content = next(contents)
        return _Reply(content, len(content))

    asked = _answer_with(reply, monkeypatch, tmp_path)
    first = list(load_task("mnli").questions())
    assert len(first) == 3
    assert list(load_task("mnli").questions()) == first
    assert [address.rsplit("/", 1)[1] for address in asked] == list(TEXTS["mnli"])
    assert all("/bee3ec5787e72f09ec1603e50e9b64c41fbc6f23/data/" in address for address in asked)


def test_all_of_a_repository_comes_as_one_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in (("R-1/README.md", "# Trivia"), ("R-1/categories/sky", TRIVIA), ("R-1/LICENSE", "free")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    asked = _answer_with(lambda: _Reply(packed.getvalue(), len(packed.getvalue())), monkeypatch, tmp_path)
    questions = list(load_task("opentriviaqa").questions())
    assert [question.meta["category"] for question in questions] == ["sky", "sky"]
    assert len(asked) == 1
    assert "/tar.gz/dd31530bfbb19f9505b160b89c9df4b1127e3c70" in asked[0]


def _fail() -> object:
    raise urllib.error.URLError("Name or service not known")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (_fail, "Name or service not known"),
        (lambda: _Reply(b"half", 8), "it broke off after 4 of 8 bytes"),
    ],
)
def test_a_download_that_fails_leaves_nothing_and_says_what_would_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: Callable[[], object], reason: str
) -> None:
    _answer_with(reply, monkeypatch, tmp_path)
    said = _refusal("movies", None)
    assert said.startswith("task movies: https://raw.githubusercontent.com/")
    assert f"cannot be fetched: {reason}; try again online, or set task.path to movie_qa_train.csv, " in said
    assert not list(tmp_path.rglob("*.csv"))
    _answer_with(lambda: _Reply(b"Question,Answer\n", 16), monkeypatch, tmp_path)
    assert "has no questions" in _refusal("movies", None)


def test_a_download_that_is_too_large_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_MOST_BYTES", 1_000)
    _answer_with(lambda: _Reply(bytes(2_000), 0), monkeypatch, tmp_path)
    with pytest.raises(TaskError, match="it is larger than 1,000 bytes"):
        fetch_from_github("owner/name", "0" * 40, "a.csv", task="movies", remedy="wait")


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").write_text("a file where the folder would be")
    _answer_with(lambda: _Reply(b"x", 1), monkeypatch, tmp_path)
    with pytest.raises(StorageError, match="cannot write"):
        fetch_from_github("owner/name", "0" * 40, "a.csv", task="movies", remedy="wait")
