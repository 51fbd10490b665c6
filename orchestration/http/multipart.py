"""multipart/form-data (RFC 7578), straight to disk: nothing is held in memory or written twice.

FastAPI's own files are spooled to a temporary folder first, and only then handed to a route.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from orchestration.http.problems import Problem

FIELD = "files"
MOST_FILES = 100
BOUNDARY = re.compile(
    rb"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]"
)  # RFC 2046, 5.1.1
CONTENT_TYPE = re.compile(r"[\w!#$&^.+-]{1,64}/[\w!#$&^.+-]{1,64}", re.ASCII)  # RFC 6838, 4.2


class Part(NamedTuple):
    """A file of the body: where it lies, and what the client called it and said of it."""

    path: Path
    name: str
    content_type: str | None


def boundary_of(content_type: str) -> bytes:
    """The boundary that the header of a request names.

    Raises:
        Problem: 415 where it is of another type; 400 where the boundary is missing or is none.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise Problem(415, f"send multipart/form-data, with the files in the field {FIELD!r}")
    boundary = options.get(b"boundary", b"")
    if not BOUNDARY.fullmatch(boundary):
        raise Problem(400, "the Content-Type names no boundary of the parts")
    return boundary


class Parts:
    """The parts of a body, written into a folder under their numbers as they come."""

    def __init__(self, folder: Path, boundary: bytes) -> None:
        self.files: list[Part] = []
        self._folder = folder
        self._header: tuple[bytearray, bytearray] = bytearray(), bytearray()
        self._headers: dict[str, str] = {}
        self._file: BinaryIO | None = None
        self._is_whole = False
        callbacks: dict[str, Callable[..., None]] = {
            "on_part_begin": self._begin,
            "on_header_field": self._add_name,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._write,
            "on_part_end": self.close,
            "on_end": self._end,
        }
        self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            Problem: they are no multipart, or hold what is not asked for.
            OSError: they cannot be written.
        """
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise Problem(400, f"the body is no multipart/form-data: {error}") from None

    def finish(self) -> list[Part]:
        """The files, once the body has ended.

        Raises:
            Problem: it ended too early, or without a file.
        """
        if not self._is_whole:
            raise Problem(400, "the body ends before its last boundary; nothing of it was taken")
        if not self.files:
            raise Problem(422, f"no file was sent; put one or more into the field {FIELD!r}")
        return self.files

    def close(self) -> None:
        """Close the file that is being written."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._headers = {}

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _end_header(self) -> None:
        name, value = (_text(bytes(part)) for part in self._header)
        self._headers[name.strip().lower()] = value.strip()
        self._header = bytearray(), bytearray()

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", "").encode())
        field, name = (_text(options.get(key, b"")) for key in (b"name", b"filename"))
        if field != FIELD:
            raise Problem(422, f"{field[:80]!r} is no field; send files as {FIELD!r}")
        if not name:
            raise Problem(422, f"the field {FIELD!r} has no file with a name")
        if len(self.files) == MOST_FILES:
            raise Problem(413, f"more than {MOST_FILES} files; send them in several requests")
        if self._headers.get("content-transfer-encoding", "binary").lower() in ENCODED:
            raise Problem(415, "a part is encoded for mail; send its bytes as they are")
        path = self._folder / str(len(self.files))
        self._file = path.open("xb")
        kind = self._headers.get("content-type", "").partition(";")[0].strip().lower()
        told = kind if CONTENT_TYPE.fullmatch(kind) else None
        self.files.append(Part(path, name, told))

    def _write(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(memoryview(data)[start:end])

    def _end(self) -> None:
        self._is_whole = True


ENCODED = ("base64", "quoted-printable")


def _text(value: bytes) -> str:
    """A header as text: UTF-8 as browsers and curl send it, else byte for byte."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
