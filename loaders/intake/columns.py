"""Header → column names: snake_case, unique, within the warehouse's limit, never one of ours."""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import PurePath

from loaders.batch import Column

MAX_BYTES = 63  # PostgreSQL's limit of a name
PACKED_ENDINGS = frozenset({"gz", "zip", "zst", "zstd"})
FORMAT_ENDINGS = frozenset(
    ["csv", "tsv", "psv", "txt", "tab", "dat", "json", "jsonl", "ndjson", "parquet"]
)
SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})  # PostgreSQL's
# no file on Windows has these names, and dlt refuses them for its own files wherever it runs
DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)
_WORD_BREAK = re.compile(r"(?<=[^\W_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def map_columns(header: Sequence[str], expected: Collection[str] = ()) -> tuple[Column, ...]:
    """Give every field of a header a name of its own, in order.

    Names that are equal once normalised are told apart by a number; the header that is already
    written as the plain name keeps it. A header that spells an `expected` name in another case
    (`USERID`, `User_id`) is that name, unless another header has it.
    """
    plain = [column_name(original) or f"column_{i}" for i, original in enumerate(header, start=1)]
    named = set(plain)
    absent = {_letters(name): name for name in expected if name not in named}
    if absent:
        plain = [
            absent.get(_letters(original), name)
            for original, name in zip(header, plain, strict=True)
        ]
    named = set(plain)
    written = named.intersection(header)
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    columns = []
    for original, name in zip(header, plain, strict=True):
        keeps = name not in taken and (original == name or name not in written)
        chosen = name if keeps else _numbered(name, taken, named, numbers)
        taken.add(chosen)
        columns.append(Column(original, chosen))
    return tuple(columns)


def fit_columns(
    columns: Sequence[Column], existing: Collection[str], capacity: int | None
) -> tuple[Column, ...]:
    """The columns, those marked as extra that a table with these columns has no room for."""
    room = None if capacity is None else capacity - len(existing)
    fitted = []
    for column in columns:
        is_new = column.name not in existing
        is_extra = is_new and room is not None and room <= 0
        if is_new and room is not None:
            room -= 1
        fitted.append(Column(column.original, column.name, is_extra))
    return tuple(fitted)


def column_name(original: str) -> str:
    """`SalesOrderNumber`, ` sales order-number ` → `sales_order_number`; "" where nothing is left.

    Letters of every script are kept; no name starts with an underscore and a letter, as the columns
    of lineage do. Over 63 bytes the end gives way to a hash of the whole.
    """
    text = unicodedata.normalize("NFKC", original).strip()
    text = _WORD_BREAK.sub("_", text)
    folded = unicodedata.normalize("NFKC", text.casefold())  # DuckDB takes ß and ss for one
    name = re.sub(r"[\W_]+", "_", folded).strip("_")
    if name[:1].isdigit():
        name = f"_{name}"
    if name in SYSTEM_COLUMNS:
        name = f"{name}_"
    return _within_limit(name)


def table_name(file_name: str) -> str:
    """`Q1 Sales.csv.gz` → `q1_sales`: a table for a file that nothing else names a table for."""
    stem = PurePath(file_name).name
    for endings in (PACKED_ENDINGS, FORMAT_ENDINGS):
        head, dot, ending = stem.rpartition(".")
        stem = head if dot and head and ending.lower() in endings else stem
    name = column_name(stem)
    if name in DEVICES:
        return f"table_{name}"
    return _within_limit(f"table{name}") if name.startswith("_") else name or "table"


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).lower())


def _within_limit(name: str) -> str:
    if len(name.encode()) <= MAX_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    head = name.encode()[: MAX_BYTES - 9].decode(errors="ignore")
    return f"{head}_{digest}"


def _numbered(name: str, taken: set[str], named: set[str], numbers: dict[str, int]) -> str:
    """The name with the next number that no other column has; `numbers` are the last given."""
    number = numbers.get(name, 1) + 1
    while (candidate := _within_limit(f"{name}_{number}")) in taken or candidate in named:
        number += 1
    numbers[name] = number
    return candidate
