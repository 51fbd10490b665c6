"""Compressed bytes → bytes, in chunks: gzip (RFC 1952) and Zstandard (RFC 8878).

A compression is known by its first bytes, never by a name. Whatever comes in, a chunk is at most
1 MiB: of gzip by a limit on the output, of Zstandard because it goes in block by block, and a
block holds 128 KiB at most. Both formats may hold several streams one after another; their
contents belong together.
"""

import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Protocol

import zstandard

from loaders.batch import Compression

CHUNK = 1 << 20  # most bytes that come out at once
FEED = 1 << 14  # bytes that go in at once: what follows a stream is copied, once for each stream
LARGEST_WINDOW = 1 << 27  # bytes that Zstandard may look back; --long=27 is the most by default
GZIP = b"\x1f\x8b\x08"
GZIP_RESERVED = 0xE0  # flags that a reader must not accept (RFC 1952, section 2.3.1.2)
ZSTD = b"\x28\xb5\x2f\xfd"
SKIPPABLE = frozenset(bytes((n, 0x2A, 0x4D, 0x18)) for n in range(0x50, 0x60))
ZIP = (b"PK\3\4", b"PK\5\6", b"PK\7\x08PK\3\4")
OTHERS = {
    "xz": b"\xfd7zXZ\0",
    "bzip2": b"BZh",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "RAR": b"Rar!\x1a\x07",
    "LZ4": b"\x04\x22\x4d\x18",
    "compress": b"\x1f\x9d\x90",
}
BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # what follows BZh and a digit
TAR, TAR_AT = b"ustar", 257
CUT_OFF = "it is cut off: its compressed data end early"


class UnwrapError(ValueError):
    """Why a file, or a member of it, cannot be unpacked: a sentence that a user can act on."""


class Source(Protocol):
    """Where compressed bytes come from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


def compression_of(path: Path) -> Compression | None:
    """How a file is compressed; None for one that is not.

    Raises:
        UnwrapError: it is packed in a format that is not read.
    """
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(GZIP) and not any(flags & GZIP_RESERVED for flags in head[3:4]):
        return "gzip"
    if head.startswith(ZSTD) or head[:4] in SKIPPABLE:
        return "zstd"
    if head.startswith(ZIP):
        return "zip"
    for name, magic in OTHERS.items():
        if head.startswith(magic) and (name != "bzip2" or head[4:10] in BZIP2_BLOCKS):
            raise UnwrapError(f"it is packed by {name}, which is not read; unpack it, or use gzip")
    if head.startswith(TAR, TAR_AT):
        raise UnwrapError("it is a tar archive, which is not read; unpack it, or pack it as zip")
    return None


def inflate(wbits: int, data: bytes, file: Source) -> Generator[bytes, None, bytes]:
    """Yield what one stream of Deflate holds; return the bytes read behind its end.

    The stream begins with `data` and goes on in the file; `wbits` says how it is framed (see zlib).

    Raises:
        UnwrapError: the stream is damaged or cut off.
    """
    decoder = zlib.decompressobj(wbits)
    while not decoder.eof:
        data = data or file.read(FEED)
        try:
            chunk = decoder.decompress(data, CHUNK)
        except zlib.error as error:
            raise UnwrapError(f"its compressed data are damaged ({_last_part(error)})") from None
        if not data and not chunk and not decoder.eof:
            raise UnwrapError(CUT_OFF)
        if chunk:
            yield chunk
        data = decoder.unconsumed_tail
    return decoder.unused_data


def read_gzip(file: Source) -> Iterator[bytes]:
    """The content of all members; NULs may follow the last, as tapes are padded.

    Raises:
        UnwrapError: a member is damaged or cut off, or something else follows it.
    """
    data = file.read(FEED)
    while data:
        rest = yield from inflate(16 + zlib.MAX_WBITS, data, file)
        rest = (rest or file.read(FEED)).lstrip(b"\0")
        while not rest and (rest := file.read(FEED)):
            rest = rest.lstrip(b"\0")
        data = rest + file.read(2) if len(rest) < 2 else rest
        if data and not data.startswith(GZIP[:2]):
            raise UnwrapError("something that is no gzip follows its compressed data")


def read_zstd(file: Source) -> Iterator[bytes]:
    """The content of all frames, checked where they have a checksum.

    Raises:
        UnwrapError: a frame is damaged, cut off or needs too much memory, or is none.
    """
    while magic := file.read(4):
        if magic in SKIPPABLE:
            _skip(file, int.from_bytes(_exactly(file, 4), "little"))
        elif magic == ZSTD:
            yield from _frame(file)
        else:
            raise UnwrapError("something that is no Zstandard follows its compressed data")


def _frame(file: Source) -> Iterator[bytes]:
    """One frame: its header, blocks and checksum (RFC 8878, section 3.1.1)."""
    decoder = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).decompressobj()
    flags = _exactly(file, 1)
    bits = flags[0]
    is_single = bits >> 5 & 1
    rest = (not is_single) + (0, 1, 2, 4)[bits & 3] + (is_single, 2, 4, 8)[bits >> 6]
    _decode(decoder, ZSTD + flags + _exactly(file, rest))
    is_last = False
    while not is_last:
        header = _exactly(file, 3)
        block = int.from_bytes(header, "little")
        is_last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
        is_run = kind == 1
        if size > CHUNK:
            raise UnwrapError("its compressed data are damaged (a block is too large)")
        if chunk := _decode(decoder, header + _exactly(file, 1 if is_run else size)):
            yield chunk
    if bits >> 2 & 1 and (chunk := _decode(decoder, _exactly(file, 4))):
        yield chunk
    if not decoder.eof:
        raise UnwrapError(CUT_OFF)


def _decode(decoder: "zstandard.ZstdDecompressionObj", data: bytes) -> bytes:
    try:
        return decoder.decompress(data)
    except zstandard.ZstdError as error:
        if "too much memory" in str(error):
            problem = f"it needs a window of more than {LARGEST_WINDOW >> 20} MiB to unpack"
            raise UnwrapError(f"{problem}; pack it anew without --long") from None
        raise UnwrapError(f"its compressed data are damaged ({_last_part(error)})") from None


def _exactly(file: Source, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise UnwrapError(CUT_OFF)
    return data


def _skip(file: Source, size: int) -> None:
    while size:
        size -= len(_exactly(file, min(size, CHUNK)))


def _last_part(error: Exception) -> str:
    return str(error).rsplit(": ", 1)[-1].lower()
