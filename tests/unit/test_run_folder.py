"""Run folders: whole files, a manifest that is last, a lock, and damage that is found."""

import errno
import json
import multiprocessing
from multiprocessing.synchronize import Event
from pathlib import Path

import pandas as pd
import pytest

from tacitly.errors import RunFolderError, StorageError
from tacitly.manifest import MANIFEST
from tacitly.run_folder import RunFolder
from tacitly.storage import TEMPORARY

pytestmark = pytest.mark.unit


def made(path: Path) -> RunFolder:
    with RunFolder.open(path, version="1", create=True) as run:
        run.write_table("labels/part-00000.parquet", pd.DataFrame({"answer_id": ["a", "b"]}))
        run.write_json("metrics.json", {"x": 1})
        run.commit()
    return run


def test_what_was_committed_is_read_back(tmp_path: Path) -> None:
    made(tmp_path)
    run = RunFolder.view(tmp_path)
    assert run.table("labels")["answer_id"].tolist() == ["a", "b"]
    assert run.table("spans").empty
    assert run.damaged() == []
    assert run.next_part("labels") == 1


def test_a_file_that_was_never_committed_does_not_count_and_is_swept(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "labels" / "part-00001.parquet").write_bytes(b"half")
    (tmp_path / "labels" / f"{TEMPORARY}part-00002.parquet").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("the user's own")
    with RunFolder.open(tmp_path, version="1") as run:
        assert run.table("labels").shape == (2, 1)
    assert sorted(p.name for p in (tmp_path / "labels").iterdir()) == ["part-00000.parquet"]
    assert (tmp_path / "notes.txt").exists()


def test_a_changed_byte_is_found_and_the_file_set_aside(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "metrics.json").write_text('{"x": 2}')
    with RunFolder.open(tmp_path, version="1") as run:
        assert run.damaged() == ["metrics.json"]
        run.set_aside(["metrics.json"])
        assert run.damaged() == []
    assert json.loads((tmp_path / "damaged" / "metrics.json").read_text()) == {"x": 2}


def _hold(path: Path, ready: Event, done: Event) -> None:
    with RunFolder.open(path, version="1"):
        ready.set()
        done.wait(30)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    made(tmp_path)
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, ready, done))
    holder.start()
    try:
        assert ready.wait(60)
        with pytest.raises(RunFolderError, match="another process"):
            RunFolder.open(tmp_path, version="1")
    finally:
        done.set()
        holder.join()
    with RunFolder.open(tmp_path, version="1"):
        pass


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema_version": 1}', b"\xff\xfe"])
def test_a_damaged_manifest_is_refused_and_nothing_is_deleted(tmp_path: Path, content: bytes) -> None:
    made(tmp_path)
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(RunFolderError, match="damaged"):
        RunFolder.open(tmp_path, version="1", create=True)
    assert (tmp_path / "labels" / "part-00000.parquet").exists()


def test_a_folder_of_other_files_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="not a run"):
        RunFolder.open(tmp_path, version="1", create=True)
    with pytest.raises(RunFolderError, match="does not exist"):
        RunFolder.view(tmp_path / "nowhere")
    with pytest.raises(RunFolderError, match="is not a folder"):
        RunFolder.open(tmp_path / "thesis.txt", version="1", create=True)


def test_a_run_killed_before_its_first_manifest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "questions.parquet").write_bytes(b"whole, but never committed")
    with RunFolder.open(tmp_path, version="1", create=True) as run:
        assert run.table("questions").empty
    assert not (tmp_path / "questions.parquet").exists()


def test_a_full_disk_is_said_in_one_line_and_keeps_what_was_there(tmp_path: Path) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    made(tmp_path)
    with RunFolder.open(tmp_path, version="1") as run:
        with pytest.raises(StorageError, match="the disk is full") as caught:
            run.write("labels/part-00001.parquet", full)
        assert "\n" not in str(caught.value)
        assert run.table("labels").shape == (2, 1)


def test_nan_is_never_written(tmp_path: Path) -> None:
    with RunFolder.open(tmp_path, version="1", create=True) as run, pytest.raises(ValueError, match="JSON"):
        run.write_json("metrics.json", {"auroc": float("nan")})
