"""What is packed in an object, however deep, so that every byte of it can be searched."""

import io
import zipfile
import zlib
from collections.abc import Iterator

from loaders.intake.packed.compressed import GZIP, ZSTD, read_gzip, read_zstd

DEEPEST = 4
# of what only begins like a packed file, is cut off, or wants a password
SEALED = (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error)


def unpacked(content: bytes, depth: int = 0) -> Iterator[bytes]:
    """The bytes of a file, and of what is packed in it.

    Raises:
        One of `SEALED`: it looks packed, and cannot be unpacked.
    """
    yield content
    for part in _inner(content) if depth < DEEPEST else ():
        yield from unpacked(part, depth + 1)


def _inner(content: bytes) -> Iterator[bytes]:
    if content.startswith(GZIP):
        yield from _joined(read_gzip(io.BytesIO(content)))
    elif content.startswith(ZSTD):
        yield from _joined(read_zstd(io.BytesIO(content)))
    elif content.startswith(b"PK\3\4"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            yield from (packed.read(name) for name in packed.namelist())
    elif content.startswith(b"PAR1"):
        import pyarrow.parquet as pq

        yield repr(pq.read_table(io.BytesIO(content)).to_pylist()).encode()


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What came out, also where the rest is damaged."""
    parts: list[bytes] = []
    problem = None
    try:
        parts.extend(pieces)
    except SEALED as error:
        problem = error
    yield b"".join(parts)
    if problem is not None:
        raise problem
