"""Reading folders and archives: every form gives the same, and what is damaged or meant to harm is one clear line."""

import itertools
import os
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tacitly.errors import TaskError
from tacitly.tasks.archives import Limits, read_members
from tests.unit.medquad_samples import SMALL, tar_bytes, write_folder, write_tar, write_zip

pytestmark = pytest.mark.unit

TARS = ("a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz")
FEW = {"a.xml": b"<a/>" * 300, "b.xml": b"<b/>"}


def _read(path: Path, limits: Limits | None = None) -> dict[str, bytes]:
    return {member.name: member.content for member in read_members(path, ending=".xml", limits=limits)}


def _refusal(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(TaskError) as refused:
        _read(path, limits)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def _read_or_refuse(path: Path) -> dict[str, bytes] | None:
    try:
        return _read(path)
    except TaskError as error:
        message = str(error)
    assert message.startswith(str(path))
    assert "\n" not in message
    return None


def _write(path: Path, files: dict[str, bytes]) -> Path:
    return write_zip(path, files) if path.suffix == ".zip" else write_tar(path, tar_bytes(files))


@pytest.mark.parametrize("name", ["a.zip", *TARS])
def test_every_archive_gives_its_files_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    files = {**SMALL, "readme.txt": b"not this", "__MACOSX/3_GHR_QA/0000001.xml": b"nor this", "x/._y.xml": b"nor this"}
    path = _write(tmp_path / name, files)
    assert _read(path) == SMALL
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_gives_its_files_in_order(tmp_path: Path) -> None:
    found = _read(write_folder(tmp_path, {**SMALL, ".git/x.xml": b"no", "notes.txt": b"no"}))
    assert found == SMALL
    assert list(found) == sorted(SMALL)


@pytest.mark.parametrize("name", ["folder", "a.zip", *TARS])
def test_a_name_in_capitals_is_found(tmp_path: Path, name: str) -> None:
    files = {"A.XML": b"<a/>", "x/b.Xml": b"<b/>"}
    path = write_folder(tmp_path / name, files) if name == "folder" else _write(tmp_path / name, files)
    assert _read(path) == files


@pytest.mark.parametrize("name", ["a.zip", *TARS])
@pytest.mark.parametrize("inside", ["../outside.xml", "/etc/outside.xml", "a/../../outside.xml", "..\\outside.xml"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str, inside: str) -> None:
    path = _write(tmp_path / name, {inside: b"<a/>"})
    assert "leads out of the archive" in _refusal(path)


@pytest.mark.parametrize("name", ["a.zip", *TARS])
def test_a_file_twice_is_refused(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path / name, {"a.xml": b"<a/>", "./a.xml": b"<b/>"})
    assert "holds 'a.xml' twice" in _refusal(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_link_in_a_tar_is_refused(tmp_path: Path, kind: bytes) -> None:
    entry = tarfile.TarInfo("a.xml")
    entry.type, entry.linkname = kind, "/etc/passwd"
    assert "a.xml is a link or a device" in _refusal(write_tar(tmp_path / "a.tar", tar_bytes(extra=[entry])))


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("a.xml")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    assert "a.xml is a link or a device" in _refusal(tmp_path / "a.zip")


def test_a_link_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.xml").write_bytes(b"<a/>")
    folder = tmp_path / "folder"
    folder.mkdir()
    os.symlink(tmp_path / "secret.xml", folder / "a.xml")
    assert "a.xml is a link out of the folder" in _refusal(folder)


@pytest.mark.parametrize("name", ["a.zip", *TARS])
def test_limits_hold(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path / name, {f"{i}.xml": bytes(20_000) for i in range(4)})
    assert "0.xml is too large; allowed: files of at most 19,999" in _refusal(path, Limits(member=19_999))
    assert "unpacks to too much; allowed: at most 70,000" in _refusal(path, Limits(total=70_000))
    assert "holds too many files; allowed: at most 3" in _refusal(path, Limits(members=3))
    assert len(_read(path)) == 4


def test_limits_hold_in_a_folder(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, {f"{i}.xml": bytes(200) for i in range(4)})
    assert "0.xml is too large" in _refusal(folder, Limits(member=199))
    assert "unpacks to too much" in _refusal(folder, Limits(total=700))
    assert "holds too many files" in _refusal(folder, Limits(members=3))


def test_a_compressed_bomb_is_stopped_even_where_its_files_are_not_read(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "bomb.tar.xz", tar_bytes({"zeros.bin": bytes(50_000_000)}))
    assert path.stat().st_size < 50_000
    assert "unpacks to too much" in _refusal(path, Limits(total=1_000_000))


def test_a_zip_that_lies_about_a_size_is_stopped(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.xml": bytes(100_000)})
    raw = path.read_bytes()
    path.write_bytes(raw.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    refusal = _refusal(path)
    assert "a.xml" in refusal
    assert "cannot be read" in refusal


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_whose_sizes_cannot_be_limited_is_refused(tmp_path: Path, method: int) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.xml", bytes(20_000_000))
    tracemalloc.start()
    refusal = _refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert f"a.xml is compressed by method {method}; allowed: methods 0 (stored) and 8 (deflated); pack" in refusal
    assert peak < 1_000_000


def test_a_stored_zip_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.xml", b"<a/>")
    assert _read(tmp_path / "a.zip") == {"a.xml": b"<a/>"}


def test_a_zips_entry_without_a_name_is_passed_over(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.xml": b"<a/>", "b.xml": b"<b/>"})
    path.write_bytes(path.read_bytes().replace(b"a.xml", b"\0.xml"))
    assert _read(path) == {"b.xml": b"<b/>"}


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a.xml": b"<a/>"})
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + offset] |= 1
    path.write_bytes(raw)
    assert "at a.xml" in _refusal(path)


@pytest.mark.parametrize("name", ["a.zip", *TARS])
def test_an_archive_that_is_cut_is_refused(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path / name, {f"{i}.xml": os.urandom(3000) for i in range(20)})
    raw = path.read_bytes()
    for size in (0, 10, len(raw) // 3, len(raw) // 2):
        path.write_bytes(raw[:size])
        assert "cannot be read" in _refusal(path)


def test_a_tar_that_is_cut_between_two_files_is_refused(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", tar_bytes({"a.xml": bytes(512), "b.xml": bytes(512)})[:1024])
    assert "cannot be read after a.xml" in _refusal(path)


def test_a_tar_with_a_damaged_header_is_refused(tmp_path: Path) -> None:
    raw = bytearray(tar_bytes({"a.xml": bytes(512), "b.xml": bytes(512)}))
    raw[1024:1034] = b"\xff" * 10
    assert "cannot be read after a.xml" in _refusal(write_tar(tmp_path / "a.tar", bytes(raw)))


@given(st.data())
def test_a_changed_byte_gives_the_files_or_a_clear_refusal(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["a.zip", *TARS]))
    path = _write(tmp_path_factory.mktemp("damage") / name, FEW)
    raw = bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    found = _read_or_refuse(path)
    if found is None:
        return
    if name == "a.zip":  # has no checksum of its list of files
        assert found.items() <= FEW.items()
    elif name == "a.tar":  # has none of what the files hold
        assert {inside: len(content) for inside, content in found.items()} == {"a.xml": 1200, "b.xml": 4}
    else:
        assert found == FEW


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_damage_anywhere_in_a_compressed_tar_is_found(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path / name, FEW)
    raw = path.read_bytes()
    refused = 0
    for place, bit in itertools.product(range(len(raw)), range(0, 8, 3)):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :])
        found = _read_or_refuse(path)
        assert found in (None, FEW)
        refused += found is None
    assert refused > len(raw)
    for size in range(len(raw)):
        path.write_bytes(raw[:size])
        assert _read_or_refuse(path) is None


def test_what_follows_the_end_of_a_tar_counts_too(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar.xz", tar_bytes(FEW) + bytes(2_000_000))
    assert _read(path) == FEW
    assert "unpacks to too much" in _refusal(path, Limits(total=1_000_000))


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    for name in ("a.zip", *TARS):
        (tmp_path / name).write_bytes(b"this is not an archive" * 100)
        assert "cannot be read" in _refusal(tmp_path / name)


@pytest.mark.parametrize(("kind", "size"), [(tarfile.GNUTYPE_SPARSE, 10**12), (tarfile.REGTYPE, 2 * 10**8)])
@pytest.mark.parametrize("name", ["a.xml", "a.bin"])
def test_an_entry_that_claims_more_than_there_is_ends_at_once(
    tmp_path: Path, kind: bytes, size: int, name: str
) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, size
    _refusal(write_tar(tmp_path / "a.tar", entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_claims_more_than_there_is_ends_at_once(tmp_path: Path, kind: bytes) -> None:
    entry = tarfile.TarInfo("././@LongLink")
    entry.type, entry.size = kind, 8 * 10**9
    _refusal(write_tar(tmp_path / "a.tar", entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))
