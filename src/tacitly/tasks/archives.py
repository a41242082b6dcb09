"""Reading the files of a folder or an archive, one at a time and in memory: nothing is unpacked to disk.

Archives come from anywhere, so what they say of themselves is not believed: sizes are counted while reading, and a
name that leads out of the folder, a link in a file's place, or a damaged end is an error.
"""

import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from tacitly.errors import TaskError
from tacitly.tasks.plain_files import DAMAGE, METHODS
from tacitly.tasks.tar_stream import TARS, TarStream, too_large

_MIB = 1024 * 1024
ARCHIVES = (".zip", *TARS)
_DAMAGE = (*DAMAGE, tarfile.TarError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an archive may hold.

    Attributes:
        member: Bytes in one file.
        total: Bytes in all of them, and in the whole stream that a compressed archive unpacks to.
        members: How many entries, folders and other files included.
    """

    member: int = 4 * _MIB
    total: int = 256 * _MIB
    members: int = 50_000


@dataclass(frozen=True, slots=True)
class Member:
    """One file: its path below the folder or in the archive, with `/`, and what it holds."""

    name: str
    content: bytes


@dataclass(slots=True)
class _Place:
    """Where in an archive the reading is, for messages."""

    text: str = ""


def is_archive(path: Path) -> bool:
    """Whether a path's name is that of an archive that can be read.

    Example:
        >>> is_archive(Path("MedQuAD.tar.xz")), is_archive(Path("MedQuAD.rar"))
        (True, False)
    """
    return path.name.lower().endswith(ARCHIVES)


def read_members(path: Path, *, ending: str, limits: Limits | None = None) -> Iterator[Member]:
    """Read the files of a folder or an archive whose names end in a certain way.

    Args:
        path: A folder, a `.zip`, or a `.tar`, plain or compressed by gzip, bzip2 or xz.
        ending: What the names end in, in small letters, such as `.xml`, which finds `A.XML` too; hidden files and
            those of `__MACOSX` are passed over.
        limits: What is too much; the default suits texts.

    Yields:
        The files, those of a folder in the order of their names, those of an archive as they come.

    Raises:
        TaskError: The archive is damaged, encrypted or holds too much, a file's name leads out of it, or a file is a
            link to somewhere else or compressed by a method whose sizes cannot be limited.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.xml").write_text("<a/>")
        ...     [member.name for member in read_members(Path(folder), ending=".xml")]
        ['a.xml']
    """
    limits = limits or Limits()
    if path.is_dir():
        yield from _folder_members(path, ending, limits)
        return
    read = _zip_members if path.name.lower().endswith(".zip") else _tar_members
    place = _Place()
    try:
        for member in read(path, ending, limits, place):
            place.text = f" after {member.name}"
            yield member
    except _DAMAGE as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        raise TaskError(
            f"{path} cannot be read{place.text}: {reason}",
            allowed="an archive that is whole and not encrypted",
            remedy="fetch it again",
        ) from None


def _folder_members(folder: Path, ending: str, limits: Limits) -> Iterator[Member]:
    root = folder.resolve()
    total = 0
    found = sorted(
        path for path in folder.rglob("*") if _wanted(path.relative_to(folder).as_posix(), ending) and path.is_file()
    )
    _check_count(folder, len(found), limits)
    for path in found:
        name = path.relative_to(folder).as_posix()
        if not path.resolve().is_relative_to(root):
            raise TaskError(f"{folder}: {name} is a link out of the folder", remedy="put the file itself there")
        try:
            with path.open("rb") as stream:
                content = stream.read(limits.member + 1)
        except OSError as error:
            raise TaskError(f"{path} cannot be read: {error.strerror}") from None
        total += len(content)
        _check_size(folder, name, len(content), total, limits)
        yield Member(name, content)


def _zip_members(path: Path, ending: str, limits: Limits, place: "_Place") -> Iterator[Member]:
    total = 0
    with zipfile.ZipFile(path) as archive:
        _check_count(path, len(archive.infolist()), limits)
        seen: set[str] = set()
        for entry in archive.infolist():
            name = _safe_name(path, entry.filename, seen)
            if not _wanted(name, ending) or entry.is_dir():  # is_dir() fails of an empty name, which is never wanted
                continue
            place.text = f" at {name}"
            if (entry.external_attr >> 16) & 0o170000 == 0o120000:
                raise _link(path, name)
            if entry.compress_type not in METHODS:
                raise TaskError(
                    f"{path}: {name} is compressed by method {entry.compress_type}",
                    allowed=f"methods {METHODS[0]} (stored) and {METHODS[1]} (deflated)",
                    remedy="pack the files again, deflated",
                )
            with archive.open(entry) as stream:
                content = stream.read(limits.member + 1)
            total += len(content)
            _check_size(path, name, len(content), total, limits)
            yield Member(name, content)


def _tar_members(path: Path, ending: str, limits: Limits, place: "_Place") -> Iterator[Member]:
    with (
        closing(TarStream(path, most=limits.total)) as stream,
        tarfile.open(fileobj=cast("BinaryIO", stream), mode="r|", bufsize=TarStream.CHUNK) as archive,
    ):
        seen: set[str] = set()
        for number, entry in enumerate(archive, start=1):
            _check_count(path, number, limits)
            name = _safe_name(path, entry.name, seen)
            if entry.size > limits.total:
                raise too_large(path, limits.total)
            if entry.isdir() or not _wanted(name, ending):
                continue
            place.text = f" at {name}"
            if not entry.isreg():
                raise _link(path, name)
            _check_size(path, name, entry.size, 0, limits)
            file = archive.extractfile(entry)
            content = file.read(limits.member + 1) if file else b""
            if len(content) != entry.size:
                raise tarfile.ReadError("it ends too early")
            yield Member(name, content)
        if not stream.ends_properly(archive.offset):
            raise tarfile.ReadError("what follows is not a tar archive's entry or end")
        # The checksums stand at the very end, where tarfile does not go.
        while stream.read():
            pass


def _wanted(name: str, ending: str) -> bool:
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return name.lower().endswith(ending) and not hidden


def _safe_name(path: Path, written: str, seen: set[str]) -> str:
    name = PurePosixPath(written.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or (name.parts and ":" in name.parts[0]):
        raise TaskError(f"{path}: {written!r} leads out of the archive", remedy="fetch the archive from its own site")
    if str(name) in seen:
        raise TaskError(f"{path} holds {str(name)!r} twice", remedy="fetch the archive from its own site")
    seen.add(str(name))
    return str(name)


def _link(path: Path, name: str) -> TaskError:
    return TaskError(f"{path}: {name} is a link or a device, not a file", remedy="put the file itself there")


def _check_count(path: Path, count: int, limits: Limits) -> None:
    if count > limits.members:
        raise TaskError(f"{path} holds too many files", allowed=f"at most {limits.members:,}")


def _check_size(path: Path, name: str, size: int, total: int, limits: Limits) -> None:
    if size > limits.member:
        raise TaskError(f"{path}: {name} is too large", allowed=f"files of at most {limits.member:,} bytes")
    if total > limits.total:
        raise too_large(path, limits.total)
