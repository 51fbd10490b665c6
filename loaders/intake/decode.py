"""Bytes → text: which encoding a file is in, and a stream that can be turned back into its bytes.

A byte-order mark decides; else UTF-16 or UTF-32 where NULs stand at every other or at three of four
places; else UTF-8 where the bytes are, or where its sequences of several bytes are no fewer than
the bytes that are stray in it; else what the detection of `chardet` says, if the whole file decodes
so and can be turned back; else Windows-1252, and Latin-1 last. Undecodable bytes become lone
surrogates, as in PEP 383, so `encode` gives back exactly what was read.
"""

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TextIO

from loaders.progress import PROGRESS

BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Where a detected encoding has a superset in daily use, or two names
SUPERSETS = {
    "ascii": "utf-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-15": "cp1252",
    "big5": "big5hkscs",
}
# In these most letters are ASCII: a byte above it stands alone among them. In a script of its own,
# or where a character takes several bytes, they stand together.
LATIN_SCRIPT = ("cp1250", "cp1252", "cp1254", "cp1257", "iso8859-2", "iso8859-16")
CHUNK = 1 << 20
SAMPLE = 1 << 16
FEW = 16  # NULs that a short text in an encoding of single bytes may hold by chance
TRIED = 'id,"A1"\r\n'
MANY_LETTERS = 4  # different ones, from which an alphabet is told
SURE = 0.01  # of the characters of several bytes may be stray in an encoding that was detected
ESCAPED = re.compile("([\udc00-\udcff]+)")
_CONTROLS = re.compile("[\x80-\x9f]")
_ABOVE_ASCII = bytes(range(0x80, 0x100))
_PAIR_IN_WORD = re.compile(rb"(?<=[A-Za-z])[\x80-\xff]{2}(?=[A-Za-z])")
_WITHIN_WORD = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f](?=[A-Za-z])")
_RUNS = re.compile(rb"[\x80-\xff]+")
_TELLING_LINES = re.compile(rb"[^\r\n]*[\x80-\xff][^\r\n]*[\r\n]*")


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Each byte that cannot be decoded as a lone surrogate; `surrogateescape` takes no ASCII."""
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("assay.escape", _escape)
ERRORS = {"utf-8": "surrogateescape"}


class _Utf8(NamedTuple):
    """A file as UTF-8: bytes that are stray in it, characters of several bytes, telling lines."""

    stray: int
    multibyte: int
    telling: bytes


def detect_encoding(path: Path) -> str:
    """The encoding of a file, decided on all of its bytes; a name that `open` knows."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    for mark, encoding in BOMS:
        if head.startswith(mark):
            return encoding
    wide = _wide_without_mark(head)
    if wide:
        return wide
    utf8 = _as_utf8(path)
    if utf8.multibyte >= utf8.stray:
        return "utf-8"
    detected = _detected(utf8.telling)
    if detected and _is_sound(path, detected):
        return detected
    return "cp1252" if _is_sound(path, "cp1252") else "latin-1"


def encoding_named(name: str) -> str | None:
    """The name that is used here of an encoding; None where text cannot be read in it and back.

    UTF-16 and UTF-32 are little-endian, unless the name says otherwise.
    """
    try:
        codec = codecs.lookup(name).name
        codec = {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8-sig": "utf-8"}.get(
            codec, codec
        )
        is_sound = encode(TRIED, codec).decode(codec, "strict") == TRIED
    except (LookupError, ValueError):
        return None
    return {"iso8859-1": "latin-1"}.get(codec, codec) if is_sound else None


def open_text(path: Path, encoding: str, newline: str = "") -> TextIO:
    """The text of a file, line ends as they are, without its byte-order mark.

    Where `newline` is a line feed, a carriage return alone ends no line.
    """
    errors = ERRORS.get(encoding, "assay.escape")
    file = io.BufferedReader(_CountedFile(path))
    text = io.TextIOWrapper(file, encoding, errors, newline)
    if text.read(1) != "\ufeff":
        text.seek(0)
    return text


class _CountedFile(io.FileIO):
    """A file of which every byte that is read counts as progress."""

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer) or 0
        PROGRESS.read(count)
        return count


def skip_mark(file: BinaryIO, encoding: str) -> None:
    """Go behind the byte-order mark that a file in this encoding begins with, if it does."""
    head = file.read(4)
    marks = [mark for mark, marked in BOMS if marked == encoding and head.startswith(mark)]
    file.seek(len(max(marks, default=b"", key=len)))


def encode(text: str, encoding: str) -> bytes:
    """The bytes that `open_text` made this text from."""
    if encoding in ERRORS:
        return text.encode(encoding, ERRORS[encoding])
    parts = ESCAPED.split(text)  # what was escaped stands at the odd places
    return b"".join(
        bytes(ord(character) - 0xDC00 for character in part) if i % 2 else part.encode(encoding)
        for i, part in enumerate(parts)
    )


def _wide_without_mark(head: bytes) -> str | None:
    """UTF-16 has a NUL in every other byte of its Latin text, digits, delimiters and line ends."""
    quarters = [head[i::4].count(0) for i in range(4)]
    most = 0.8 * (len(head) // 4)
    for encoding, rare, zeros in (("utf-32-le", 0, (2, 3)), ("utf-32-be", 3, (0, 1))):
        if (
            len(head) >= FEW
            and all(quarters[i] > most for i in zeros)
            and quarters[rare] < most / 4
        ):
            return encoding
    even, odd = quarters[0] + quarters[2], quarters[1] + quarters[3]
    half = len(head) // 2
    many = 0.4 * half if max(even, odd) < FEW else 0.1 * half
    if odd > many and even < 0.05 * half:
        return "utf-16-le"
    if even > many and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _as_utf8(path: Path) -> _Utf8:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    stray = multibyte = 0
    telling = bytearray()
    for chunk in _chunks(path):
        text = decoder.decode(chunk)
        if text.isascii():
            continue
        bad = sum(map(len, ESCAPED.findall(text)))
        stray += bad
        multibyte += len(text) - bad - len(chunk.translate(None, _ABOVE_ASCII))
        if bad and len(telling) < SAMPLE:
            telling += b"".join(_TELLING_LINES.findall(chunk[: 4 * SAMPLE] + chunk[-SAMPLE:]))
    return _Utf8(stray + len(decoder.decode(b"", final=True)), multibyte, bytes(telling[:SAMPLE]))


def _detected(telling: bytes) -> str | None:
    """What the lines that are not ASCII look like, among the encodings of today's files."""
    import chardet  # 50 ms, and most files are UTF-8

    runs = _RUNS.findall(telling)
    alone = sum(len(run) == 1 for run in runs) + len(_PAIR_IN_WORD.findall(telling))
    are_alone = alone > 0.8 * len(runs)
    eras = chardet.EncodingEra
    name = chardet.detect(
        telling,
        encoding_era=eras.MODERN_WEB | eras.LEGACY_ISO | eras.LEGACY_REGIONAL,
        include_encodings=LATIN_SCRIPT if are_alone else None,
    )["encoding"]
    if name is None:
        return None
    codec = codecs.lookup(name).name
    if are_alone and codec != "cp1252" and _may_be_western(telling, runs):
        return "cp1252"  # so little tells nothing; most such files are Western
    if codec.startswith(("utf", "iso2022", "hz")):  # by a mark in mid-file, or all ASCII
        return None
    return SUPERSETS.get(codec, codec)


def _may_be_western(telling: bytes, runs: list[bytes]) -> bool:
    """Whether the bytes read well as Windows-1252, and are too few or too alike to say otherwise.

    A sign within a word, such as ³ for the Polish ł, says otherwise.
    """
    try:
        text = telling.decode("cp1252")
    except UnicodeDecodeError:
        return False
    if any(not sign.isalpha() for sign in _WITHIN_WORD.findall(text)):
        return False
    letters = [character for character in text if not character.isascii()]
    are_few = len(set(letters)) < MANY_LETTERS
    return are_few or (sum(map(len, runs)) < FEW and all(map(str.isalpha, letters)))


def _is_sound(path: Path, encoding: str) -> bool:
    """Whether a file decodes so, but for some stray bytes in an encoding of several, and back.

    Control characters between ASCII and its first letters are in no text.
    """
    handler = ERRORS.get(encoding, "assay.escape")
    decoder = codecs.getincrementaldecoder(encoding)(handler)
    stray = multibyte = 0
    pending = b""
    for chunk in _chunks(path):
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError:
            return False
        read, pending = pending + chunk, decoder.getstate()[0]
        read = read[: len(read) - len(pending)]
        if encode(text, encoding) != read or _CONTROLS.search(text):
            return False
        stray += sum(map(len, ESCAPED.findall(text)))
        multibyte += len(read) - len(text)
    return stray + len(pending) <= SURE * multibyte
