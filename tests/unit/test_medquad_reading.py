"""Reading MedQuAD: every form gives the same questions, and what is wrong with one is one clear line."""

import tracemalloc
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacitly.errors import TaskError
from tacitly.tasks import fetching
from tacitly.tasks.medquad_documents import tidy
from tacitly.tasks.medquad_pairs import NO_SUBJECT, MedQuad, read_medquad
from tacitly.tasks.medquad_table import COLUMNS, HUB_REVISION, focus_of
from tests.unit.medquad_samples import SMALL, document, tar_bytes, write_folder, write_tar, write_zip

pytestmark = pytest.mark.unit

HUB_ROWS = [
    ("0000001", "GHR", "C0018099", "podagra", "0000001-1", "gout", "information",
     "What is (are) gout ?", "Gout  is a\ndisease."),
    ("0000001", "GHR", "C0018099", "podagra", "0000001-2", "gout", "causes", "What causes gout ?", None),
    ("0000001", "GARD", "C0018099", None, "0000001-1", "Gouty arthritis", "treatment",
     "What are the treatments for Gouty arthritis ?", "Rest & drugs."),
    ("0000002", "GHR", "C0026780", None, "0000002-1", "mumps", "information",
     "What is (are) mumps ?", "A disease of children."),
]  # fmt: skip
BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;">]>
<Document id="1" source="GHR"><Focus>&lol2;</Focus></Document>"""
OUTSIDE = b"""<!DOCTYPE x SYSTEM "file:///etc/passwd"><Document id="1" source="GHR"/>"""


def _hub_table() -> pd.DataFrame:
    return pd.DataFrame(HUB_ROWS, columns=list(COLUMNS)).assign(document_url="x", category=None)


def _refusal(path: Path | None) -> str:
    with pytest.raises(TaskError) as refused:
        read_medquad(path)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def _one(folder: Path, content: bytes) -> str:
    return _refusal(write_zip(folder / "a.zip", {"3_GHR_QA/bad.xml": content}))


def _asked(medquad: MedQuad) -> list[tuple[str, str, str, str | None]]:
    return [(pair.pair_id, pair.question, pair.entity, pair.answer) for pair in medquad.pairs]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> MedQuad:
    return read_medquad(write_folder(tmp_path_factory.mktemp("small")))


def test_the_small_copy_is_read_and_counted(small: MedQuad) -> None:
    assert small.counts.summary == (
        "4 documents (1 of another form, unread), 4 pairs, 3 with an answer, about 2 diseases; left out: 1 no answer"
    )
    assert _asked(small) == [
        ("GARD/0000001/1", "What are the treatments for Gouty arthritis ?", "gout", "Rest & drugs."),
        ("GHR/0000001/1", "What is (are) gout ?", "gout", "Gout is a\ndisease."),
        ("GHR/0000002/1", "What is (are) mumps ?", "mumps", "A disease of children."),
    ]
    assert small.names_of("gout") == ("Gouty arthritis", "gout", "podagra")
    assert small.names_of("plague") == ()
    assert small.pairs[1].cui == "C0018099"


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_archives_give_what_the_folder_gives(tmp_path: Path, small: MedQuad, name: str) -> None:
    shuffled = dict(reversed(SMALL.items()))
    path = tmp_path / name
    assert read_medquad(write_zip(path, shuffled) if name == "a.zip" else write_tar(path, tar_bytes(shuffled))) == small


@pytest.mark.parametrize("name", ["hub.csv", "hub.parquet"])
def test_the_hubs_table_gives_the_same_questions(tmp_path: Path, small: MedQuad, name: str) -> None:
    path = tmp_path / name
    table = _hub_table()
    if name.endswith("csv"):
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)
    found = read_medquad(path)
    assert found.pairs == small.pairs
    assert found.names == small.names
    assert (found.counts.documents, found.counts.pairs, found.counts.answered) == (3, 4, 3)


def test_without_a_path_the_hubs_table_is_fetched_at_its_pinned_revision(
    tmp_path: Path, small: MedQuad, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hub_table().to_parquet(tmp_path / "x.parquet", index=False)
    asked: dict[str, object] = {}

    def download(repo: str, file: str, **more: object) -> str:
        asked.update(more, repo=repo, file=file)
        return str(tmp_path / "x.parquet")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    monkeypatch.setattr(fetching, "is_reachable", lambda: True)
    assert read_medquad(None).pairs == small.pairs
    assert (asked["repo"], asked["repo_type"], asked["revision"]) == ("lavita/MedQuAD", "dataset", HUB_REVISION)
    assert len(HUB_REVISION) == 40


def test_a_hub_out_of_reach_says_what_would_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def download(*_: object, local_files_only: bool, **__: object) -> str:
        asked.append(local_files_only)
        raise OSError("no such revision\nsecond line")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    for reachable, reason in ((True, "no such revision second line"), (False, "the hub cannot be reached")):
        monkeypatch.setattr(fetching, "is_reachable", lambda: reachable)  # noqa: B023
        refusal = _refusal(None)
        assert refusal.startswith("task medquad: lavita/MedQuAD data/train-")
        assert f"cannot be fetched: {reason}" in refusal
        assert "set task.path to a local copy: the folder, .zip or .tar.*" in refusal
    assert asked == [False, True]  # without the hub, its cache is looked into and nothing waited for


def test_the_table_of_three_columns_takes_the_focus_from_the_question(tmp_path: Path) -> None:
    path = tmp_path / "three.csv"
    path.write_text(
        "qtype,Question,Answer\n"
        "information,What is (are) gout ?,A disease.\n"
        'causes,What causes Gout ?,"Uric acid,\nmostly."\n'
        "inheritance,Is mumps inherited ?,\n"
        "prevention,How to prevent ?,Nobody knows.\n",
        encoding="utf-8",
    )
    found = read_medquad(path)
    assert _asked(found) == [
        ("table/gout/2", "What is (are) gout ?", "gout", "A disease."),
        ("table/gout/3", "What causes Gout ?", "gout", "Uric acid,\nmostly."),
    ]
    assert (found.counts.pairs, found.counts.left_out[NO_SUBJECT]) == (4, 1)


@pytest.mark.parametrize(
    ("question", "focus"),
    [
        ("Who is at risk for Low Vision? ?", "Low Vision"),
        ("what research (or clinical trials) is being done for gout ?", "gout"),
        ("How many people are affected by Alport syndrome ?", "Alport syndrome"),
        ("Where to find support for people with Asthma ?", "Asthma"),
        ("Do you have information about A1C", "A1C"),
        ("What are the genetic changes related to 1p36 deletion ?", "1p36 deletion"),
        ("what are marine toxins?", "what are marine toxins"),
        ("What is (are) ?", ""),
        ("How to prevent ?", ""),
        ("Who is at risk for ? ?", ""),
    ],
)
def test_the_focus_of_a_question(question: str, focus: str) -> None:
    assert focus_of(question) == focus


def test_a_missing_column_and_an_empty_cell_are_named_with_their_row(tmp_path: Path) -> None:
    path = tmp_path / "hub.csv"
    _hub_table().drop(columns="question_focus").to_csv(path, index=False)
    assert "lacks 'question_focus'" in _refusal(path)
    _hub_table().assign(question=["a?", "b?", " ", "c?"]).to_csv(path, index=False)
    assert "line 5: 'question' is empty" in _refusal(path)  # the first row takes two lines
    _hub_table().assign(question=["a?", "b?", " ", "c?"]).to_parquet(tmp_path / "hub.parquet")
    assert "row 3: 'question' is empty" in _refusal(tmp_path / "hub.parquet")
    _hub_table().drop(columns=["answer"]).to_parquet(tmp_path / "hub.parquet")
    assert "lacks 'answer'" in _refusal(tmp_path / "hub.parquet")
    (tmp_path / "other.csv").write_text("qtype,question,answer\ncauses,Why ?,So.\n")
    refusal = _refusal(tmp_path / "other.csv")
    assert (
        "has the columns 'qtype', 'question', 'answer'; allowed: qtype, Question, Answer, or document_id, " in refusal
    )


def test_tables_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 this is none PAR1")
    assert "cannot be read as Parquet" in _refusal(tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("qtype,Question,Answer\n")
    assert "has no rows" in _refusal(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("qtype,Question,Answer\ncauses,What causes gout ?,\n")
    assert "has no question with an answer" in _refusal(tmp_path / "b.csv")


@pytest.mark.parametrize("length", [50_000, 1_500_000])
@pytest.mark.parametrize("categories", [False, True])
def test_a_parquet_that_repeats_a_long_text_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, categories: bool
) -> None:
    monkeypatch.setattr("tacitly.tasks.medquad_table._MOST_BYTES", 2_000_000)
    rows = 2_000
    answers = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * length]))
    table = pa.table({"qtype": ["causes"] * rows, "Question": ["What causes gout ?"] * rows, "Answer": answers})
    pq.write_table(table, tmp_path / "a.parquet", store_schema=categories)
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    tracemalloc.start()
    refusal = _refusal(tmp_path / "a.parquet")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "a.parquet is too large; allowed: 2,000,000 bytes" in refusal
    assert peak < 8_000_000


def test_paths_that_hold_no_medquad_are_refused(tmp_path: Path) -> None:
    assert "does not exist" in _refusal(tmp_path / "nowhere")
    (tmp_path / "a.rar").write_bytes(b"x")
    assert "is not a form of MedQuAD; allowed: a folder of XML, or a file ending in .zip" in _refusal(
        tmp_path / "a.rar"
    )
    (tmp_path / "empty").mkdir()
    assert "holds no XML of MedQuAD" in _refusal(tmp_path / "empty")
    assert "holds no XML" in _refusal(write_zip(tmp_path / "other.zip", {"a.xml": b"<html/>"}))


@pytest.mark.parametrize("content", [BOMB, OUTSIDE], ids=["bomb", "outside"])
def test_a_dtd_is_refused_with_the_files_name(tmp_path: Path, content: bytes) -> None:
    assert "3_GHR_QA/bad.xml holds a DTD" in _one(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<Document",
        SMALL["3_GHR_QA/0000001.xml"][:-20],
        b"\xff\xfe\x00",
        b'<?xml encoding="no" version="1.0"?><a/>',
    ],
)
def test_damaged_xml_is_refused_with_the_files_name(tmp_path: Path, content: bytes) -> None:
    assert "3_GHR_QA/bad.xml is not valid XML" in _one(tmp_path, content)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b' id="0000001"', b"", "has a Document without 'id'"),
        (b' source="GHR"', b"", "has a Document without 'source'"),
        (b' qid="0000001-1"', b"", "has a Question without 'qid'"),
        (b"What is (are) gout ?", b" ", "has a QAPair (pid '1') without a Question"),
    ],
)
def test_a_document_that_lacks_something_is_refused(tmp_path: Path, old: bytes, new: bytes, words: str) -> None:
    content = SMALL["3_GHR_QA/0000001.xml"]
    assert old in content
    assert f"3_GHR_QA/bad.xml {words}" in _one(tmp_path, content.replace(old, new))


def test_deeply_nested_xml_does_not_crash(tmp_path: Path) -> None:
    deep = b"<a>" * 200_000 + b"</a>" * 200_000
    assert "holds no XML of MedQuAD" in _one(tmp_path, deep)


def test_a_disease_file_is_a_document_too(tmp_path: Path) -> None:
    content = (
        SMALL["3_GHR_QA/0000002.xml"]
        .replace(b"Document id=", b"DiseaseFile fid=")
        .replace(b"/Document", b"/DiseaseFile")
    )
    assert read_medquad(write_zip(tmp_path / "a.zip", {"a.xml": content})).pairs[0].document_id == "GHR/0000002"


def test_two_documents_with_one_id_keep_apart(tmp_path: Path) -> None:
    files = {
        f"{focus}.xml": document("7_2", focus, [("causes", f"What causes {focus} ?", "x")])
        for focus in ("gout", "mumps")
    }
    files["again.xml"] = document("7_2", "gout", [("causes", "Why gout ?", "y")])
    ids = [pair.pair_id for pair in read_medquad(write_folder(tmp_path, files)).pairs]
    assert ids == ["GHR/7_2/gout/1", "GHR/7_2/gout~2/1", "GHR/7_2/mump/1"]


@given(st.text())
def test_tidying_twice_changes_nothing_more(text: str) -> None:
    tidied = tidy(text)
    assert tidy(tidied) == tidied
    assert tidied.split() == text.split()
