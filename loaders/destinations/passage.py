"""The bytes of a checked file on their way into a warehouse: hashed, and added up, as they pass."""

import codecs
import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Self

from dlt.common.destination.exceptions import DestinationTerminalException

from loaders.batch import Batch, Books
from loaders.destinations.tables import Landed
from loaders.intake.checksum import shown
from loaders.intake.decode import skip_mark
from loaders.intake.delimited.regular import RegularRows
from loaders.intake.documents.sequence import QuotedItems, SequenceRows
from loaders.progress import PROGRESS

BYTES_AT_ONCE = 1 << 18


class Passage:
    """A file as COPY reads it: UTF-8 without a byte-order mark, otherwise as it was received.

    A JSON text sequence becomes CSV of one column, quoted by a character that no JSON has.
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._sha256 = hashlib.sha256()
        self._rows = _rows_of(batch)
        self._items = QuotedItems() if batch.format == "json-seq" else None
        decodes = batch.encoding not in ("utf-8", "ascii")
        self._decoder = codecs.getincrementaldecoder(batch.encoding)() if decodes else None
        self._file: BinaryIO
        self._begin: os.stat_result
        self._is_finished = False

    def __enter__(self) -> Self:
        self._file = Path(self._batch.path).open("rb", buffering=0)
        self._begin = os.fstat(self._file.fileno())
        skip_mark(self._file, self._batch.encoding)
        length = self._file.tell()
        self._file.seek(0)
        self._sha256.update(self._file.read(length))
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._file.close()
        if isinstance(error, Exception):  # or that it changed is why
            refuse_changed(self._batch)

    def read(self, _size: int = BYTES_AT_ONCE) -> bytes:
        """The next bytes; none at the end."""
        while chunk := self._file.read(BYTES_AT_ONCE):
            self._sha256.update(chunk)
            PROGRESS.read(len(chunk))
            text = self._decoder.decode(chunk).encode() if self._decoder else chunk
            if not text:
                continue
            before = self._rows.count
            self._rows.feed(text)
            PROGRESS.rows += self._rows.count - before
            text = self._items.quote(text) if self._items else text
            if text:
                return text
        if self._is_finished:
            return b""
        self._is_finished = True
        self._rows.finish()
        return self._items.finish() if self._items else b""

    def pass_by(self) -> None:
        """Read to the end, for a warehouse that opens the file itself."""
        while self.read():
            pass

    def landed(self, count: int) -> Landed:
        """What landed, where the warehouse took `count` rows.

        Raises:
            DestinationTerminalException: these are not the bytes, or rows, that were checked.
        """
        batch, rows = self._batch, self._rows
        end = Path(batch.path).stat()
        is_same = (end.st_size, end.st_mtime_ns) == (self._begin.st_size, self._begin.st_mtime_ns)
        if not is_same or self._sha256.hexdigest() != batch.sha256:
            raise _changed(batch)
        if not count == rows.count == batch.regular_rows:
            raise DestinationTerminalException(
                f"{batch.uri}: {batch.regular_rows} rows were counted, {rows.count} were read and "
                f"{count} landed"
            )
        return Landed(batch.id, Books(count, count, 0), shown(rows.checksum))


def refuse_changed(batch: Batch) -> None:
    """Hash a batch's file again.

    Raises:
        DestinationTerminalException: it is not what it was when the batch was found.
    """
    path = Path(batch.path)
    if not path.exists():
        return  # whoever reads it says so
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != batch.sha256:
            raise _changed(batch) from None


def _changed(batch: Batch) -> DestinationTerminalException:
    return DestinationTerminalException(f"{batch.uri} changed while it was read")


def takes_bytes(batch: Batch) -> bool:
    """Whether a warehouse can be given the file: all of it was checked, nothing is reshaped."""
    is_regular = batch.regular_rows is not None and not batch.is_reshaped
    return is_regular and batch.format in ("csv", "json-seq")


def _rows_of(batch: Batch) -> RegularRows | SequenceRows:
    if batch.format == "json-seq":
        return SequenceRows(*batch.landed_columns)
    assert batch.dialect is not None
    assert batch.layout is not None
    has_header = batch.layout.header is not None
    return RegularRows(batch.dialect.delimiter, batch.landed_columns, has_header=has_header)
