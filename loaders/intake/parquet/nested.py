"""Nested arrays of Arrow → JSON text (RFC 8259).

Lists are lists, structs objects with their fields in order, maps objects with a member an entry,
repeated keys kept; a key is the text of its value. Numbers and booleans stand as they are, but for
`nan` and `inf`, which JSON has not: they are strings, as everything else is.
"""

import json
from collections.abc import Sequence
from itertools import pairwise

import pyarrow as pa
from pyarrow import types

from loaders.intake.parquet.text import listed, strings, texts


def json_texts(array: pa.Array, precise: pa.Array) -> pa.Array:
    """A nested array as strings; `precise` is the same, or with times of INT96 in nanoseconds."""
    values = _values(array, precise)
    are_valid = array.is_valid().to_pylist()
    return strings(v if valid else None for v, valid in zip(values, are_valid, strict=True))


def _values(array: pa.Array, precise: pa.Array) -> list[str]:
    """The JSON of each value, `null` too."""
    kind = array.type
    if types.is_struct(kind):
        values = _structs(array, precise)
    elif types.is_map(kind):
        values = _maps(array, precise)
    elif types.is_nested(kind):
        values = _lists(array, precise)
    else:
        return _leaves(array, precise)
    are_valid = array.is_valid().to_pylist()
    return [v if valid else "null" for v, valid in zip(values, are_valid, strict=True)]


def _leaves(array: pa.Array, precise: pa.Array) -> list[str]:
    kind = array.type.value_type if types.is_dictionary(array.type) else array.type
    is_bare = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    is_bare = is_bare or types.is_decimal(kind)
    return [_leaf(text, is_bare=is_bare) for text in listed(texts(array, precise))]


def _leaf(text: str | None, *, is_bare: bool) -> str:
    if text is None:
        return "null"
    is_number = is_bare and text.lstrip("-") not in ("nan", "inf")
    return text if is_number else json.dumps(text, ensure_ascii=False)


def _structs(array: pa.Array, precise: pa.Array) -> list[str]:
    names = [json.dumps(field.name, ensure_ascii=False) for field in array.type]
    places = range(array.type.num_fields)
    fields = [_values(array.field(place), precise.field(place)) for place in places]
    rows = zip(*fields, strict=True) if fields else ((),) * len(array)
    return [
        "{" + ", ".join(f"{name}: {v}" for name, v in zip(names, row, strict=True)) + "}"
        for row in rows
    ]


def _lists(array: pa.Array, precise: pa.Array) -> list[str]:
    kind = array.type
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        items = _values(array.values, precise.values)
        bounds = zip(array.offsets.to_pylist(), array.sizes.to_pylist(), strict=True)
        return [_list(items[start : start + size]) for start, size in bounds]
    if types.is_fixed_size_list(kind):
        array, precise = (a.cast(pa.list_(a.type.value_field)) for a in (array, precise))
    offsets = array.offsets.to_pylist()
    items = _values(_within(array.values, offsets), _within(precise.values, offsets))
    return [_list(part) for part in _cut(items, offsets)]


def _list(items: Sequence[str]) -> str:
    return "[" + ", ".join(items) + "]"


def _maps(array: pa.Array, precise: pa.Array) -> list[str]:
    offsets = array.offsets.to_pylist()
    keys = listed(texts(_within(array.keys, offsets), _within(precise.keys, offsets)))
    values = _values(_within(array.items, offsets), _within(precise.items, offsets))
    entries = [
        f"{json.dumps(key, ensure_ascii=False)}: {value}"
        for key, value in zip(keys, values, strict=True)
    ]
    return ["{" + ", ".join(part) + "}" for part in _cut(entries, offsets)]


def _within(values: pa.Array, offsets: list[int]) -> pa.Array:
    """The values that a slice of lists holds."""
    return values.slice(offsets[0], offsets[-1] - offsets[0])


def _cut(items: list[str], offsets: list[int]) -> list[Sequence[str]]:
    first = offsets[0]
    return [items[start - first : end - first] for start, end in pairwise(offsets)]
