"""Bytes → text: which encoding a file is in, and a stream that can be turned back into its bytes.

A byte-order mark decides; else UTF-8 where the bytes are; else UTF-16 where every other byte is
NUL; else UTF-8 with stray bytes where its multi-byte sequences are no fewer; else Windows-1252.
Undecodable bytes become lone surrogates, as in PEP 383, so `encode` gives back exactly what was
read.
"""

import codecs
import re
from pathlib import Path
from typing import TextIO

BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CHUNK = 1 << 20
SAMPLE = 1 << 16
FEW = 16  # NULs that a short text in an encoding of single bytes may hold by chance
ESCAPED = re.compile("([\udc00-\udcff]+)")


def _escape(error: UnicodeError) -> tuple[str, int]:
    """Each byte that cannot be decoded as a lone surrogate; `surrogateescape` takes no ASCII."""
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("assay.escape", _escape)
ERRORS = {"utf-8": "surrogateescape", "cp1252": "strict", "latin-1": "strict"}


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
    stray, multibyte = _count_utf8(path)
    if multibyte >= stray:
        return "utf-8"
    return "cp1252" if _decodes(path, "cp1252") else "latin-1"


def open_text(path: Path, encoding: str) -> TextIO:
    """The text of a file, line ends as they are, without its byte-order mark."""
    errors = ERRORS.get(encoding, "assay.escape")
    text = path.open(encoding=encoding, errors=errors, newline="")
    if text.read(1) != "\ufeff":
        text.seek(0)
    return text


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
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    many = 0.4 * half if max(even, odd) < FEW else 0.1 * half
    if odd > many and even < 0.05 * half:
        return "utf-16-le"
    if even > many and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _count_utf8(path: Path) -> tuple[int, int]:
    """How many bytes are not UTF-8, and how many characters of several bytes there are."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    stray = multibyte = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            text = decoder.decode(chunk)
            if text.isascii():
                continue
            bad = sum("\udc80" <= character <= "\udcff" for character in text)
            stray += bad
            multibyte += len(text) - bad - sum(map(str.isascii, text))
    return stray + len(decoder.decode(b"", final=True)), multibyte


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
    return True
