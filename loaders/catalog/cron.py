"""Cron expressions as crontab(5) reads them, as triggers of APScheduler.

Two things differ there, and are made right here: it counts weekdays from Monday, crontab from
Sunday; and where both a day of the month and a weekday are named, crontab means either of them.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS = ("minute", "hour", "day of the month", "month", "weekday")


def trigger_of(expression: str) -> Any:
    """The APScheduler trigger of five fields, in the local time of the machine.

    Raises:
        ValueError: it is no such expression, or its time never comes.
    """
    from apscheduler.triggers.combining import OrTrigger
    from apscheduler.triggers.cron import CronTrigger

    fields = expression.split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"a cron expression has five fields: {', '.join(FIELDS)}")
    *time, day, month, weekday = fields
    weekday = weekday if weekday == "*" else ",".join(_weekdays(weekday))
    ways = [(day, weekday)]
    if not day.startswith("*") and not weekday.startswith("*"):
        ways = [(day, "*"), ("*", weekday)]
    parts = [CronTrigger.from_crontab(" ".join([*time, d, month, w])) for d, w in ways]
    if all(part.get_next_fire_time(None, datetime.now(part.timezone)) is None for part in parts):
        raise ValueError("that time never comes")
    return parts[0] if len(parts) == 1 else OrTrigger(parts)


def _weekdays(field: str) -> list[str]:
    """The names of the weekdays of a field, such as `1-5`, `sat,sun` or `*/2`."""
    numbers = {number % 7 for item in field.split(",") for number in _numbers(item)}
    return [WEEKDAYS[number] for number in sorted(numbers)]


def _numbers(item: str) -> Iterator[int]:
    span, has_step, step = item.partition("/")
    if has_step and not (step.isdecimal() and int(step)):
        raise ValueError(f"{item!r} is no weekday")
    first, has_last, last = ("0", "-", "6") if span == "*" else span.partition("-")
    begin = _number(first, item)
    end = _number(last, item) if has_last else 6 if has_step else begin
    if end < begin:
        raise ValueError(f"{item!r} is no weekday: a range goes up")
    yield from range(begin, end + 1, int(step or 1))


def _number(text: str, item: str) -> int:
    """From 0 or 7, Sunday, on; by its number or by its English name's first three letters."""
    if text.lower() in WEEKDAYS:
        return WEEKDAYS.index(text.lower())
    if text.isascii() and text.isdigit() and int(text) <= 7:
        return int(text)
    raise ValueError(f"{item!r} is no weekday: write 0 to 7, or {', '.join(WEEKDAYS)}")
