"""What a compressed tar unpacks to, counted while it is read."""

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path
from typing import BinaryIO, Literal, cast

from tacitly.errors import TaskError

_Compression = Literal["none", "gzip", "bzip2", "xz"]

TARS: dict[str, _Compression] = {
    ".tar": "none",
    ".tar.gz": "gzip",
    ".tgz": "gzip",
    ".tar.bz2": "bzip2",
    ".tbz2": "bzip2",
    ".tar.xz": "xz",
    ".txz": "xz",
}
_BLOCK = tarfile.BLOCKSIZE


class TarStream(io.RawIOBase):
    """The stream of a tar in whole chunks, and no more of it than allowed.

    tarfile skips what is not asked for, so a limit on the files alone would not stop a bomb.

    Args:
        path: The archive; the end of its name says how it is compressed.
        most: At most this many bytes, uncompressed.

    Raises:
        TaskError: There are more, once that is read.
        EOFError: The file is at its end, and yet more is read.
    """

    CHUNK = 20 * _BLOCK

    def __init__(self, path: Path, *, most: int) -> None:
        super().__init__()
        ending = max((known for known in TARS if path.name.lower().endswith(known)), key=len, default=".tar")
        self._path = path
        self._most = most
        self._source = _open(path, TARS[ending])
        self._count = 0
        self._reads_at_end = 0
        self._tail = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read a chunk: as much as asked for, unless the end comes first."""
        pieces: list[bytes] = []
        wanted = self.CHUNK if size < 0 else size
        while wanted and (piece := self._source.read(wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        chunk = b"".join(pieces)
        # An entry may claim any size, and tarfile goes on skipping at the end of the file for as long as that takes.
        self._reads_at_end += not chunk
        if self._reads_at_end > 1:
            raise EOFError("it ends too early")
        self._count += len(chunk)
        if self._count > self._most:
            raise too_large(self._path, self._most)
        self._tail = (self._tail + chunk)[-2 * self.CHUNK :]
        return chunk

    def ends_properly(self, offset: int) -> bool:
        """Whether the block at which tarfile stopped is the empty one that ends an archive.

        tarfile takes a damaged header for the end, and says nothing.

        Args:
            offset: Where tarfile stopped, in bytes.
        """
        first = offset - (self._count - len(self._tail))
        return first >= 0 and self._tail[first : first + _BLOCK] == bytes(_BLOCK)

    def close(self) -> None:
        """Close the file."""
        self._source.close()
        super().close()


def too_large(path: Path, most: int) -> TaskError:
    """What is said of an archive with more in it than allowed.

    Example:
        >>> str(too_large(Path("a.zip"), 1000))
        'a.zip unpacks to too much; allowed: at most 1,000 bytes in all'
    """
    return TaskError(f"{path} unpacks to too much", allowed=f"at most {most:,} bytes in all")


def _open(path: Path, compression: _Compression) -> BinaryIO:
    if compression == "gzip":
        return cast("BinaryIO", gzip.GzipFile(path))
    if compression == "bzip2":
        return cast("BinaryIO", bz2.BZ2File(path))
    if compression == "xz":
        return cast("BinaryIO", lzma.LZMAFile(path))
    return path.open("rb")
