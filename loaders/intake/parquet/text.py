r"""Arrow arrays → text, one rule a type, each exact and with a way back.

| type | text |
|---|---|
| integers, decimals | all digits: `18446744073709551615`, `1.10`; no exponent |
| floats | the shortest that gives the same double: `0.1`, `1e+16`, `-0`, `nan`, `-inf` |
| booleans | `true`, `false` |
| dates, times, timestamps | ISO 8601 with all digits of their unit: see `moments` |
| strings | as they are, NULs and bytes that are not UTF-8 too |
| binary of any kind | `\x` and hexadecimal digits, as PostgreSQL writes bytea: `\x00ff` |
| UUIDs | `00112233-4455-6677-8899-aabbccddeeff` |
| lists, structs, maps | JSON: see `nested` |
| dictionaries, extensions | as the values that they stand for |
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from loaders.intake.parquet.moments import duration_text, is_moment, moment_text


def texts(array: pa.Array, precise: pa.Array) -> pa.Array:
    """An array as strings. `precise` is the same, or times of INT96 in nanoseconds.

    Raises:
        ValueError: there is no text for this type.
    """
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _uuids(array.storage) if kind.extension_name == "arrow.uuid" else _stored(array)
    if types.is_dictionary(kind):
        array = array.dictionary_decode()
        return texts(array, array)
    if types.is_nested(kind):
        from loaders.intake.parquet.nested import json_texts

        return json_texts(array, precise)
    return _plain(array, precise)


def _stored(array: pa.Array) -> pa.Array:
    return texts(array.storage, array.storage)


def _plain(array: pa.Array, precise: pa.Array) -> pa.Array:
    kind = array.type
    if is_moment(kind):
        return moment_text(array, precise)
    for is_kind, convert in _CONVERSIONS:
        if is_kind(kind):
            return convert(array)
    raise ValueError(f"there is no text for values of the type {kind}")


def _cast(array: pa.Array) -> pa.Array:
    return array.cast(pa.string())


def _viewed(array: pa.Array) -> pa.Array:
    """Without a check of UTF-8, which a cast between these would make."""
    return array.cast(pa.binary_view()).cast(pa.binary()).view(pa.string())


def _hexadecimal(array: pa.Array) -> pa.Array:
    return strings(None if v is None else f"\\x{v.hex()}" for v in array.to_pylist())


def _durations(array: pa.Array) -> pa.Array:
    unit = array.type.unit
    return strings(duration_text(count, unit) for count in array.cast(pa.int64()).to_pylist())


def _decimals(array: pa.Array) -> pa.Array:
    """Arrow writes small ones with an exponent."""
    plain = array.cast(pa.string())
    if not pc.any(pc.match_substring(plain, "E")).as_py():
        return plain
    return strings(v if v is None else f"{Decimal(v):f}" for v in plain.to_pylist())


def _uuids(array: pa.Array) -> pa.Array:
    return strings(None if v is None else str(uuid.UUID(bytes=v)) for v in array.to_pylist())


def strings(values: Iterable[str | None]) -> pa.Array:
    """Texts as an array; what was no UTF-8 is again the bytes that it was."""
    raw = [None if v is None else v.encode("utf-8", "surrogateescape") for v in values]
    return pa.array(raw, pa.binary()).view(pa.string())


def listed(array: pa.Array) -> list[str | None]:
    """The texts of an array of strings; bytes that are no UTF-8 as lone surrogates (PEP 383)."""
    raw = array.view(pa.binary()).to_pylist()
    return [None if v is None else v.decode("utf-8", "surrogateescape") for v in raw]


def rows_of(table: pa.RecordBatch) -> Iterator[list[str | None]]:
    """The rows of a table of strings, as `listed` gives them."""
    yield from map(list, zip(*map(listed, table.columns), strict=True))


def spelled_out(batch: pa.RecordBatch) -> int:
    """How many bytes the values take that dictionaries stand for."""
    columns = [column for column in batch.columns if types.is_dictionary(column.type)]
    return sum(_spelled_out(column) for column in columns)


def _spelled_out(column: pa.Array) -> int:
    lengths = pc.binary_length(column.dictionary).cast(pa.int64())
    return pc.sum(lengths.take(column.indices)).as_py() or 0


_CONVERSIONS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.Array]], ...] = (
    (types.is_string, lambda array: array),
    (types.is_large_string, _cast),
    (types.is_string_view, _viewed),
    (types.is_duration, _durations),
    (types.is_primitive, _cast),
    (types.is_decimal, _decimals),
    (types.is_null, _cast),
    (types.is_binary, _hexadecimal),
    (types.is_large_binary, _hexadecimal),
    (types.is_fixed_size_binary, _hexadecimal),
    (types.is_binary_view, _hexadecimal),
)
