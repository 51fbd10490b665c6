"""Dates, times, timestamps and durations of Arrow → ISO 8601, with all digits of their unit.

`2024-03-31`, `01:02:03.000`, `2024-03-31T01:02:03.000000001`; with a `Z` where the column has a
zone, because then what it holds is UTC. Years before 1 and after 9999 are written as they count:
`-0001-12-31`, `12024-01-01`. Durations are `PT90.500S`, `PT-0.001S`.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}
DAY = 86_400
DAYS_OF_400_YEARS = 146_097
DAYS_TO_1970 = 719_468  # from 0000-03-01, where a count by years that begin in March begins
UNTOLD = "out of range"  # what Arrow writes beyond the year 32767


def is_moment(kind: pa.DataType) -> bool:
    """Whether it is a type of dates, times or timestamps."""
    return bool(types.is_date(kind) or types.is_time(kind) or types.is_timestamp(kind))


def moment_text(array: pa.Array, precise: pa.Array) -> pa.Array:
    """Dates, times or timestamps as strings; `precise` has the nanoseconds of INT96."""
    kind = array.type
    naive = array
    if types.is_timestamp(kind):
        naive = array.view(pa.timestamp(kind.unit))
    elif types.is_date64(kind):
        naive = array.cast(pa.date32())
    text = naive.cast(pa.string())
    if pc.any(pc.match_substring(text, UNTOLD)).as_py():
        text = _beyond(naive)
    if not types.is_timestamp(kind):
        return text
    text = pc.replace_substring(text, " ", "T", max_replacements=1)
    ends = _nanoseconds(array, precise) if precise.type != kind else ""
    return pc.binary_join_element_wise(text, ends, "Z" if kind.tz else "", "")


def _nanoseconds(array: pa.Array, precise: pa.Array) -> pa.Array:
    """The last three digits: what is left of nanoseconds, which may have overflowed."""
    micro, nano = (
        a.view(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False).astype(np.uint64)
        for a in (array, precise)
    )
    return pa.array([f"{rest:03}" for rest in (nano - micro * np.uint64(1000)).tolist()])


def _beyond(array: pa.Array) -> pa.Array:
    is_date = types.is_date(array.type)
    counts = array.view(pa.int32() if is_date else pa.int64()).to_pylist()
    if is_date:
        return pa.array([None if days is None else _date(days) for days in counts], pa.string())
    digits = DIGITS[array.type.unit]
    return pa.array([None if n is None else _timestamp(n, digits) for n in counts], pa.string())


def _timestamp(count: int, digits: int) -> str:
    seconds, rest = divmod(count, 10**digits)
    days, second = divmod(seconds, DAY)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{_date(days)} {clock}{_fraction(rest, digits)}"


def _fraction(rest: int, digits: int) -> str:
    return f".{rest:0{digits}}" if digits else ""


def _date(days: int) -> str:
    """A day of the proleptic Gregorian calendar, counted from 1970-01-01.

    Years begin in March here, so that a leap day is the last of its year; after H. Hinnant,
    "chrono-Compatible Low-Level Date Algorithms".
    """
    era, day = divmod(days + DAYS_TO_1970, DAYS_OF_400_YEARS)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    year += 400 * era + (month >= 10)
    sign = "-" if year < 0 else ""
    return f"{sign}{abs(year):04}-{(month + 2) % 12 + 1:02}-{day + 1:02}"


def duration_text(count: int | None, unit: str) -> str | None:
    """A duration, as ISO 8601 and PostgreSQL's intervals write it."""
    if count is None:
        return None
    seconds, rest = divmod(abs(count), 10 ** DIGITS[unit])
    return f"PT{'-' if count < 0 else ''}{seconds}{_fraction(rest, DIGITS[unit])}S"
