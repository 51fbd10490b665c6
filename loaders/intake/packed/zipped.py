"""A zip archive → its members, each with its content in chunks (PKWARE's APPNOTE.TXT).

The directory at the end of the archive says what its members are; their data are read and checked
here, so that a size or a checksum that lies is a problem of that member alone. Names are told and
nothing else: no path is made of them.
"""

import struct
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from stat import S_ISLNK
from typing import BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from loaders.intake.packed.compressed import CHUNK, CUT_OFF, UnwrapError, inflate

LARGEST_DIRECTORY = 1 << 24  # bytes: some 200,000 members, which take 200 MB to list
LOCAL_HEADER = struct.Struct("<4s22xHH")
END = struct.Struct("<4s16xH")  # signature, length of the comment
DOCUMENTS = ("[Content_Types].xml", "mimetype")  # of Office and OpenDocument, which are zips
IS_ENCRYPTED = 0x1


class Content(NamedTuple):
    """A member: its name in the archive, and its content, which may raise UnwrapError.

    `problem` says what else the archive holds that is no member; there is no content then.
    """

    name: str | None
    chunks: Iterator[bytes]
    problem: str | None = None


class _Bounded(FileIO):
    """A file that refuses a read too large to hold: of a directory with too many members."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > LARGEST_DIRECTORY:
            raise UnwrapError("the zip lists too many members; pack them into several")
        return super().read(-1 if size is None else size)


def read_zip(path: Path) -> Iterator[Content]:
    """The members of an archive, in the order of its directory; folders and system files are none.

    The content of a member must be read before the next is asked for. What the archive holds
    besides its members comes as one that has neither name nor content, only a problem.

    Raises:
        UnwrapError: it is no sound zip, or holds no files.
    """
    with path.open("rb") as file:
        infos = _directory(path)
        if any(info.filename in DOCUMENTS for info in infos):
            raise UnwrapError("it is a document of an office program; save its tables as CSV")
        files = [info for info in infos if not info.is_dir() and not _is_of_system(info.filename)]
        if not files:
            raise UnwrapError("the zip holds no files")
        for info in files:
            yield Content(info.filename, _content(file, info))
        if min(info.header_offset for info in infos) > 4:
            yield Content(None, iter(()), "data stand before the members that the zip lists")
        if _is_followed(file):
            yield Content(None, iter(()), "data follow the end of the zip")


def _directory(path: Path) -> list[ZipInfo]:
    try:
        with _Bounded(path) as file, ZipFile(file) as archive:
            return archive.infolist()
    except UnwrapError:
        raise
    except NotImplementedError as error:
        raise UnwrapError(f"the zip cannot be read ({error})") from None
    except (BadZipFile, ValueError, struct.error, OverflowError, EOFError):
        raise UnwrapError("the zip is damaged or cut off: its directory cannot be read") from None


def _is_of_system(name: str) -> bool:
    parts = name.split("/")
    return "__MACOSX" in parts[:-1] or parts[-1] == ".DS_Store"


def _content(file: BinaryIO, info: ZipInfo) -> Iterator[bytes]:
    """The content of a member, checked against the directory."""
    _check_method(info)
    data = _Data(file, info)
    crc = size = 0
    for chunk in data.stored() if info.compress_type == ZIP_STORED else data.deflated():
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        yield chunk
    if size != info.file_size or crc != info.CRC:
        raise UnwrapError("its data are damaged: they are not what the zip's directory says")


def _check_method(info: ZipInfo) -> None:
    if info.flag_bits & IS_ENCRYPTED:
        raise UnwrapError("it is encrypted; pack it anew without a password")
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        method = f"method {info.compress_type}"
        raise UnwrapError(f"it is compressed by {method}, which is not read; use Deflate")
    if S_ISLNK(info.external_attr >> 16):
        raise UnwrapError("it is a symbolic link; pack the file that it names")


class _Data:
    """The compressed data of a member, behind its own header."""

    def __init__(self, file: BinaryIO, info: ZipInfo) -> None:
        self._file = file
        self._left = info.compress_size
        if not 0 <= info.header_offset < 1 << 62:
            raise UnwrapError(CUT_OFF)
        file.seek(info.header_offset)
        header = file.read(LOCAL_HEADER.size)
        if len(header) < LOCAL_HEADER.size:
            raise UnwrapError(CUT_OFF)
        magic, name_length, extra_length = LOCAL_HEADER.unpack(header)
        if magic != b"PK\3\4":
            raise UnwrapError("its data are damaged: they are not where the zip's directory says")
        file.seek(name_length + extra_length, 1)

    def read(self, size: int, /) -> bytes:
        """At most so many bytes of this member."""
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data

    def stored(self) -> Iterator[bytes]:
        """Data that are not compressed."""
        while data := self.read(CHUNK):
            yield data
        if self._left:
            raise UnwrapError(CUT_OFF)

    def deflated(self) -> Iterator[bytes]:
        """Data that are compressed by Deflate (RFC 1951)."""
        rest = yield from inflate(-zlib.MAX_WBITS, b"", self)
        if rest or self._left:
            raise UnwrapError("its data are damaged: bytes follow their end")


def _is_followed(file: BinaryIO) -> bool:
    """Whether something follows the end of the directory and its comment."""
    size = file.seek(0, 2)
    file.seek(max(0, size - END.size - 0xFFFF))
    tail = file.read()
    if tail[-END.size :].startswith(b"PK\5\6") and tail.endswith(b"\0\0"):
        return False
    at = tail.rfind(b"PK\5\6", 0, len(tail) - END.size + 4)
    return at >= 0 and at + END.size + END.unpack_from(tail, at)[1] != len(tail)
