"""Reading a file that may be compressed, as a stream: what it unpacks to is counted, and never held as a whole."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from tacitly.errors import TaskError

COMPRESSED = (".xz", ".gz", ".bz2", ".zip")
DAMAGE = (zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError, RuntimeError)

_MOST_BYTES = 4 * 1024**3
_LONGEST_LINE = 64 * 1024 * 1024
_CHUNK = 1024 * 1024
# Of bzip2 and LZMA, `zipfile` unpacks all that it has read of a member, however little of it is asked for.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def plain_name(path: Path) -> str:
    """A file's name without what says how it is compressed.

    Example:
        >>> plain_name(Path("paper/mnli_train.csv.xz")), plain_name(Path("test.tsv"))
        ('mnli_train.csv', 'test.tsv')
    """
    return path.stem if path.suffix.lower() in COMPRESSED else path.name


@contextmanager
def open_plain(path: Path, *, most: int = _MOST_BYTES) -> Iterator[BinaryIO]:
    """Open a file, or what a compressed one holds, for reading.

    Args:
        path: A file, plain, or compressed as `.xz`, `.gz`, `.bz2`, or alone in a `.zip`.
        most: At most this many bytes, unpacked.

    Yields:
        The stream.

    Raises:
        TaskError: The file cannot be opened, is damaged, unpacks to too much, or is a `.zip` of several files.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "a.csv.gz"
        ...     _ = path.write_bytes(gzip.compress(b"a,b"))
        ...     with open_plain(path) as stream:
        ...         stream.read()
        b'a,b'
    """
    try:
        with ExitStack() as opened:
            yield cast("BinaryIO", io.BufferedReader(_Counted(_open(path, opened), path, most), _CHUNK))
    except DAMAGE as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        raise TaskError(f"{path} cannot be read: {reason}", remedy="fetch it again") from None


def read_lines(path: Path) -> Iterator[str]:
    r"""Read the lines of a text in UTF-8, one at a time, each with its end.

    Args:
        path: As `open_plain` takes it.

    Yields:
        The lines.

    Raises:
        TaskError: As `open_plain`, or a line is not UTF-8, holds a NUL character, or is longer than 64 MiB.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "a.csv.gz"
        ...     _ = path.write_bytes(gzip.compress(b"a,b\n1,2"))
        ...     list(read_lines(path))
        ['a,b\n', '1,2']
    """
    with open_plain(path) as stream:
        number = 0
        while raw := stream.readline(_LONGEST_LINE + 1):
            number += 1
            if len(raw) > _LONGEST_LINE:
                raise TaskError(f"{path} line {number} is too long", allowed=f"at most {_LONGEST_LINE:,} bytes")
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise TaskError(
                    f"{path} is not UTF-8: byte {error.object[error.start]:#04x} on line {number}",
                    allowed="UTF-8, with or without a byte order mark",
                    remedy="fetch it again, or save it as UTF-8",
                ) from None
            if "\0" in line:
                raise TaskError(f"{path} line {number} holds a NUL character", remedy="save it as plain UTF-8 text")
            yield line


class _Counted(io.RawIOBase):
    """A stream that is not read past a limit."""

    def __init__(self, source: BinaryIO, path: Path, most: int) -> None:
        super().__init__()
        self._source, self._path, self._most, self._count = source, path, most, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk = self._source.read(len(buffer))
        self._count += len(chunk)
        if self._count > self._most:
            raise TaskError(f"{self._path} unpacks to too much", allowed=f"at most {self._most:,} bytes")
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _open(path: Path, opened: ExitStack) -> BinaryIO:
    kind = path.suffix.lower()
    if kind == ".zip":
        return _open_zip(path, opened)
    if kind == ".gz":
        return cast("BinaryIO", opened.enter_context(gzip.GzipFile(path)))
    if kind == ".bz2":
        return cast("BinaryIO", opened.enter_context(bz2.BZ2File(path)))
    if kind == ".xz":
        return cast("BinaryIO", opened.enter_context(lzma.LZMAFile(path)))
    return opened.enter_context(path.open("rb"))


def _open_zip(path: Path, opened: ExitStack) -> BinaryIO:
    archive = opened.enter_context(zipfile.ZipFile(path))
    members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    if len(members) != 1:
        raise TaskError(f"{path} holds {len(members)} files", allowed="one", remedy="unpack it and give the folder")
    if members[0].compress_type not in METHODS:
        raise TaskError(
            f"{path} is compressed by method {members[0].compress_type}",
            allowed=f"methods {METHODS[0]} (stored) and {METHODS[1]} (deflated)",
            remedy="pack it again, deflated",
        )
    return cast("BinaryIO", opened.enter_context(archive.open(members[0])))
