"""Results as text: a table for people, CSV and JSON for programs."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from loaders.warehouse import Result

Format = Literal["table", "csv", "json"]
MAX_CELL = 60


def write(result: Result, form: Format) -> str:
    """The result in a format, ending in a newline.

    CSV (RFC 4180 but for LF line ends): NULL is an empty field, the empty text is `""`.
    """
    if form == "json":
        return json.dumps(objects(result), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    if form == "csv":
        lines = [result.columns, *result.rows]
        return "".join(",".join(map(_csv, line)) + "\n" for line in lines)
    return table(result.columns, result.rows) + "\n"


def objects(result: Result) -> list[dict[str, Any]]:
    """The rows as objects of what JSON can hold; a second column `a` becomes `a_2`.

    Whole numbers stay exact, however large. Decimals are numbers where a double holds all of their
    digits, else text; so are NaN and the infinities. Moments are ISO 8601, with Z where they have a
    zone, bytes hexadecimal.
    """
    names = _distinct(result.columns)
    return [dict(zip(names, map(_json, row), strict=True)) for row in result.rows]


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """An aligned table; long cells are cut, so that a row stays a line."""
    from tabulate import tabulate

    return tabulate(
        [[_cell(value) for value in row] for row in rows],
        headers=list(columns),
        tablefmt="simple",
        disable_numparse=True,
        colalign=[_align(rows, i) for i in range(len(columns))] if rows else None,
    )


def _align(rows: Sequence[Sequence[Any]], column: int) -> str:
    values = [row[column] for row in rows if row[column] is not None]
    is_number = values and all(isinstance(value, (int, float, Decimal)) for value in values)
    return "right" if is_number else "left"


def text(value: Any) -> str:
    """A value as text: ISO 8601 with Z for UTC, true and false, bytes in hexadecimal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (dict, list)):
        return json.dumps(_json(value), ensure_ascii=False)
    return str(value)


def _json(value: Any) -> Any:
    """A value that JSON can hold: numbers as numbers where none of their digits is lost."""
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    if isinstance(value, Decimal) and value.is_finite():
        number = int(value) if value == value.to_integral_value() else float(value)
        return number if Decimal(repr(number)) == value else text(value)
    is_plain = value is None or isinstance(value, (bool, int, str))
    if is_plain or (isinstance(value, float) and math.isfinite(value)):
        return value
    return text(value)


def _distinct(names: Sequence[str]) -> list[str]:
    """Names of an object's keys: a second `a` becomes `a_2`."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return distinct


def _csv(value: Any) -> str:
    if value is None:
        return ""
    field = text(value)
    needs_quotes = not field or any(character in field for character in ',"\r\n')
    return '"' + field.replace('"', '""') + '"' if needs_quotes else field


def _cell(value: Any) -> str:
    if value is None:
        return ""
    cell = f"{value:.4f}" if isinstance(value, float) else text(value)
    cell = "".join(c if c.isprintable() else repr(c)[1:-1] for c in cell)
    return cell if len(cell) <= MAX_CELL else cell[: MAX_CELL - 1] + "…"
