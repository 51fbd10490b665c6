"""A packed file with other contents in it: gzip, Zstandard and zip, packed anew the same way.

The contents of all else are the bytes that they were; how they are compressed may differ.
"""

import gzip
import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from loaders.intake.packed.compressed import compression_of, read_gzip, read_zstd
from loaders.intake.packed.unwrap import is_packed


def repack(content: Path, others: Mapping[str, Path], folder: Path) -> bytes:
    """The file, with other contents in the place of those that have these hashes."""
    if not is_packed(content):
        return _plain(content.read_bytes(), others)
    kind = compression_of(content)
    if kind == "zip":
        return _repack_zip(content, others, folder)
    with content.open("rb") as file:
        inner = b"".join(read_gzip(file) if kind == "gzip" else read_zstd(file))
    inner = _inner(inner, others, folder)
    if kind == "gzip":
        return gzip.compress(inner, mtime=0)
    from zstandard import ZstdCompressor

    return ZstdCompressor(level=3).compress(inner)


def _repack_zip(path: Path, others: Mapping[str, Path], folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w") as target:
        target.comment = source.comment
        for info in source.infolist():
            target.writestr(info, _inner(source.read(info), others, folder))
    return packed.getvalue()


def _inner(content: bytes, others: Mapping[str, Path], folder: Path) -> bytes:
    path = folder / f"inner-{hashlib.sha256(content).hexdigest()}"
    path.write_bytes(content)
    try:
        return repack(path, others, folder)
    finally:
        path.unlink()


def _plain(content: bytes, others: Mapping[str, Path]) -> bytes:
    other = others.get(hashlib.sha256(content).hexdigest())
    return other.read_bytes() if other else content
