"""The macros that give raw text its types: the same value as Python's, on every warehouse."""

import random
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from loaders.settings import Settings
from loaders.warehouse import DuckDB, open_warehouse
from orchestration import dbt

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
STEP = Decimal(1).scaleb(-18)

EXPRESSIONS = {
    "number": "{{ safe_decimal('x') }}",
    "day": "{{ safe_date('x') }}",
    "whole": "{{ safe_integer('x') }}",
    "moment": "{{ safe_timestamp('x') }} at time zone 'UTC'",
    "mean": "{{ exact_mean('total', 'n') }}",
    "double": "{{ nearest_double(safe_decimal('x')) }}",
}
MOMENTS = {
    "2026-03-01T09:30:00+02:00": "2026-03-01 07:30:00",
    "2026-03-01T09:30:00Z": "2026-03-01 09:30:00",
    "2026-03-01 09:30:00.25-0530": "2026-03-01 15:00:00.250000",
    "2026-03-01T09:30": "2026-03-01 09:30:00",
    "2026-02-29T09:30:00Z": None,
    "2026-03-01T25:00:00Z": None,
    "yesterday": None,
}
NASTY = ["", ".", "1e999", "1e-999", "NaN", "inf", "1e12", "999999999999.5", "9" * 400, "0x10"]
NASTY += ["2024-02-29", "2023-02-29", "0000-01-01", "9999-12-31", "2024-13-01", "24-01-01", "5e-19"]
NASTY += ["2147483647", "2147483648", "-2147483648", "+7", "007", "1.0", "1_000", "\u0661", "-0.0"]


def number(text: str) -> Decimal | None:
    if not NUMBER.fullmatch(text):
        return None
    with localcontext(prec=2000):
        value = Decimal(text)
        if abs(value) >= 10**12:
            return None
        rounded = value.quantize(STEP, ROUND_HALF_UP)
        return rounded if abs(rounded) < 10**12 else None


def day(text: str) -> date | None:
    found = DAY.fullmatch(text)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def whole(text: str) -> int | None:
    value = int(text) if WHOLE.fullmatch(text) else None
    return value if value is not None and -(2**31) <= value < 2**31 else None


def numbers(chance: random.Random) -> Iterator[str]:
    for _ in range(400):
        digits = "".join(chance.choices("0123456789", k=chance.choice([0, 1, 5, 12, 30])))
        places = "".join(chance.choices("0123456789", k=chance.choice([0, 1, 6, 18, 19, 40])))
        power = chance.choice(["", "", f"e{chance.randint(-30, 30)}", "E+2"])
        yield chance.choice(["", "-", "+"]) + digits + chance.choice([".", ""]) + places + power


def totals(chance: random.Random) -> Iterator[tuple[Decimal, int]]:
    """Sums and counts, many with a mean beside the middle of two doubles."""
    for _ in range(400):
        n = chance.choice([1, 3, 7, 64, chance.randint(1, 10**6)])
        middle = Fraction(2 * chance.randint(2**52, 2**53 - 1) + 1, 2) / 2 ** chance.randint(8, 60)
        units = int(middle * n * 10**18) + chance.choice([-1, 0, 0, 1])
        if units < 10**38:
            yield Decimal(units).scaleb(-18), n
    yield from ((Decimal("0.6"), 3), (Decimal("-0.6"), 3), (Decimal(0), 5))


def rows() -> list[tuple[int, str, Decimal, int]]:
    chance = random.Random(7)
    with localcontext(prec=60):
        pairs = list(totals(chance))
    texts = [*numbers(chance), *NASTY, *MOMENTS]
    size = max(len(pairs), len(texts))
    return [(i, texts[i % len(texts)], *pairs[i % len(pairs)]) for i in range(size)]


def evaluate(settings: Settings, sql: str, values: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Run the compiled statement over a table of the values."""
    table = "create table t (i bigint, x text, total decimal(38, 18), n bigint)"
    warehouse = open_warehouse(settings)
    if isinstance(warehouse, DuckDB):
        import duckdb

        with closing(duckdb.connect(str(warehouse.path))) as connection:
            connection.execute(table)
            connection.executemany("insert into t values (?, ?, ?, ?)", values)
            return connection.execute(sql).fetchall()
    with closing(warehouse.connect("test")) as connection:
        connection.execute(table)
        for row in values:
            connection.execute("insert into t values (%s, %s, %s, %s)", row)
        return list(connection.execute(sql).fetchall())


@pytest.fixture
def compiled(settings: Settings, tmp_path: Path) -> str:
    """One statement with every macro in it, as dbt compiles it for the target."""
    columns = ", ".join(f"{sql} as {name}" for name, sql in EXPRESSIONS.items())
    statement = f"select i, {columns} from t order by i"
    settings.data_dir.mkdir(parents=True)
    arguments = ["--quiet", "compile", "--inline", statement]
    done = dbt.invoke(settings, open_warehouse(settings), arguments, tmp_path / "logs")
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_every_macro_gives_the_value_that_python_gives(settings: Settings, compiled: str) -> None:
    values = rows()
    found = evaluate(settings, compiled, values)
    assert len(found) == len(values)
    for (_, text, total, n), (_, *cast) in zip(values, found, strict=True):
        expected = [number(text), day(text), whole(text), float(Fraction(total) / n)]
        assert [cast[0], cast[1], cast[2], cast[4]] == expected, (text, total, n)
        exact = number(text)
        assert cast[5] == (None if exact is None else float(exact)), text
        if text in MOMENTS:
            assert (str(cast[3]) if cast[3] else None) == MOMENTS[text]
