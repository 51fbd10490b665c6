"""Select and enrich: constants, times in UTC, columns chosen, renamed; duplicates out, sorted."""

import hashlib
import heapq
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import IO, Any, Literal

import msgspec

from loaders.errors import (
    BadFormatError,
    BadParameterError,
    MissingFieldError,
    MissingFieldWarning,
)
from loaders.transforms import Record, document_of, record_of, text_of, value_of
from loaders.transforms.times import ZonePolicy, to_utc, written

SHOWN = 80  # characters of a record in a message
SORTED_AT_ONCE = 50_000  # records that are held while the others wait in files


class Select(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to do to each record, in this order.

    `constants` are added. `times` are written in UTC. `columns` are kept, the others left out.
    `rename` maps old names to new. `drop_duplicates` leaves the first of records that are equal, or
    equal in the columns named. `sort` orders by columns (a minus before one: downwards), numbers
    before texts and null first. `on_missing` says what becomes of a record without a column that is
    named here: an error, or a warning and the record as it is. `time_zones` is the policy for times
    without a zone.
    """

    constants: dict[str, Any] = {}
    times: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rename: dict[str, str] = {}
    drop_duplicates: bool | tuple[str, ...] = False
    sort: tuple[str, ...] = ()
    on_missing: Literal["error", "warn"] = "error"
    time_zones: ZonePolicy = "error"

    @property
    def is_nothing(self) -> bool:
        """Whether records pass as they are."""
        return not (self.constants or self.times or self.columns or self.rename) and not (
            self.drop_duplicates or self.sort
        )


def select(
    records: Iterable[Record], spec: Select, keeps: Callable[[Record], bool] | None = None
) -> Iterator[Record]:
    """The records as the spec wants them, streamed; what is sorted waits in files, not in memory.

    `keeps` is asked of each record once it has its columns, before the next one is read.

    Raises:
        BadParameterError: a constant or a new name is that of a column which is there.
        MissingFieldError: a record lacks a column, and that is an error.
        BadFormatError: a time is none.
    """
    missing: Counter[str] = Counter()
    shaped: Iterator[Record] = (_shaped(record, spec, missing) for record in records)
    shaped = filter(keeps, shaped) if keeps else shaped
    if spec.drop_duplicates:
        shaped = _without_duplicates(shaped, spec, missing)
    yield from _in_order(shaped, spec, missing) if spec.sort else shaped
    for name, count in missing.items():
        told = f"{count} records have no column {name}; they stay without it"
        warnings.warn(told, MissingFieldWarning, 2)


def _shaped(record: Record, spec: Select, missing: "Counter[str]") -> Record:
    for name, value in spec.constants.items():
        if name in record:
            raise BadParameterError(f"the constant {name} is a column of the records already")
        record[name] = msgspec.Raw(msgspec.json.encode(value))
    for name in _there(record, spec.times, spec, missing):
        try:
            record[name] = _in_utc(record[name], spec.time_zones)
        except BadFormatError as error:
            told = f"column {name}: {error}, in the record {_beginning(record)}"
            raise BadFormatError(told) from None
    if spec.columns:
        record = {n: record[n] for n in _there(record, spec.columns, spec, missing)}
    return _renamed(record, spec, missing) if spec.rename else record


def _beginning(record: Record) -> str:
    """What names a record in a message."""
    return document_of(record)[:SHOWN].decode("utf-8", "ignore")


def _in_utc(value: msgspec.Raw, zones: ZonePolicy) -> msgspec.Raw:
    text = text_of(value)
    if not text:  # null, and a field of a file that is empty
        return value
    return value_of(written(to_utc(text, zones)))


def _renamed(record: Record, spec: Select, missing: "Counter[str]") -> Record:
    new = {old: spec.rename[old] for old in _there(record, spec.rename, spec, missing)}
    renamed = {new.get(name, name): value for name, value in record.items()}
    if len(renamed) < len(record):
        twice = Counter(new.get(name, name) for name in record).most_common(1)[0][0]
        raise BadParameterError(f"rename gives two columns the name {twice}")
    return renamed


def _there(
    record: Record, names: Iterable[str], spec: Select, missing: "Counter[str]"
) -> list[str]:
    """Those of the columns that the record has; the others are told, or an error."""
    there = []
    for name in names:
        if name in record:
            there.append(name)
        elif spec.on_missing == "error":
            has = ", ".join(record) or "none"
            raise MissingFieldError(
                f"a record has no column {name}; it has {has} ({_beginning(record)})"
            )
        else:
            missing[name] += 1
    return there


def _without_duplicates(
    records: Iterable[Record], spec: Select, missing: "Counter[str]"
) -> Iterator[Record]:
    seen: set[bytes] = set()
    for record in records:
        named = sorted(record) if spec.drop_duplicates is True else spec.drop_duplicates
        assert not isinstance(named, bool)
        key = [(name, bytes(record[name])) for name in _there(record, named, spec, missing)]
        digest = hashlib.blake2b(repr(key).encode(), digest_size=16).digest()
        if digest not in seen:
            seen.add(digest)
            yield record


def _in_order(records: Iterable[Record], spec: Select, missing: "Counter[str]") -> Iterator[Record]:
    """Sorted part by part, the parts in files, and merged: what is equal stays in its order."""
    keys = [(name.removeprefix("-"), name.startswith("-")) for name in spec.sort]

    def key(record: Record) -> list[Any]:
        return [_Downwards(_rank(record, n)) if down else _rank(record, n) for n, down in keys]

    records = iter(records)
    with ExitStack() as files:
        parts: list[Iterator[Record]] = []
        while part := sorted(islice(records, SORTED_AT_ONCE), key=key):
            for record in part:
                _there(record, (name for name, _ in keys), spec, missing)
            if not parts and len(part) < SORTED_AT_ONCE:
                yield from part
                return
            file = files.enter_context(tempfile.TemporaryFile())
            file.writelines(document_of(record) + b"\n" for record in part)
            parts.append(_read(file))
        yield from heapq.merge(*parts, key=key)


def _read(file: IO[bytes]) -> Iterator[Record]:
    file.seek(0)
    return map(record_of, file)


def _rank(record: Record, name: str) -> tuple[int, Any]:
    text = bytes(record[name]).strip() if name in record else b"null"
    if text == b"null":
        return 0, 0
    if text in (b"true", b"false"):
        return 1, Decimal(text == b"true")
    if text.startswith(b'"'):
        return 2, text_of(record[name])
    return (3, text) if text.startswith((b"{", b"[")) else (1, _number(text, record))


def _number(text: bytes, record: Record) -> Decimal:
    """A number of JSON, of any length; one whose exponent no Decimal holds cannot be sorted."""
    try:
        return Decimal(text.decode())
    except InvalidOperation:
        told = f"{text[:SHOWN].decode()} is too large to sort by"
        raise BadFormatError(f"{told}, in the record {_beginning(record)}") from None


class _Downwards:
    """A key that sorts the other way round."""

    def __init__(self, rank: tuple[int, Any]) -> None:
        self.rank = rank

    def __lt__(self, other: "_Downwards") -> bool:
        return other.rank < self.rank

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Downwards) and other.rank == self.rank

    __hash__ = None  # type: ignore[assignment]
