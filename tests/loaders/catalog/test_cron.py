"""Cron expressions mean what crontab(5) says, or are refused."""

from datetime import datetime

import pytest

from loaders.catalog.cron import trigger_of

NOW = datetime(2026, 11, 21, 12, 0, 30).astimezone()  # a Saturday, in local time


@pytest.mark.contract("S2-25")
@pytest.mark.parametrize(
    ("expression", "next_times"),
    [
        ("15 2 * * *", ["11-22 02:15", "11-23 02:15"]),
        ("*/20 * * * *", ["11-21 12:20", "11-21 12:40"]),
        ("0 9-17/4 1 jan,jul *", ["01-01 09:00", "01-01 13:00"]),
        ("0 0 * * 0", ["11-22 00:00", "11-29 00:00"]),  # Sunday, by each of its numbers
        ("0 0 * * 7", ["11-22 00:00", "11-29 00:00"]),
        ("0 0 * * 1-5", ["11-23 00:00", "11-24 00:00"]),
        ("0 0 * * 5-7", ["11-22 00:00", "11-27 00:00"]),
        ("0 0 * * MON,wed", ["11-23 00:00", "11-25 00:00"]),
        ("0 0 * * */3", ["11-22 00:00", "11-25 00:00"]),
        ("0 0 * * 4/1", ["11-26 00:00", "11-27 00:00"]),
        ("0 0 24 * mon", ["11-23 00:00", "11-24 00:00"]),  # both are named: either
        ("0 0 */2 * mon", ["11-23 00:00", "12-07 00:00"]),  # * is no day that is named: both
    ],
)
def test_times_come_as_crontab_has_them(expression: str, next_times: list[str]) -> None:
    trigger = trigger_of(expression)
    first = trigger.get_next_fire_time(None, NOW)
    second = trigger.get_next_fire_time(first, first)
    assert [f"{time:%m-%d %H:%M}" for time in (first, second)] == next_times


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("* * * *", "has five fields: minute, hour, day of the month, month, weekday"),
        ("@daily", "has five fields"),
        ("61 * * * *", "higher than the maximum"),
        ("a * * * *", "Unrecognized expression"),
        ("0 0 * * 8", "'8' is no weekday: write 0 to 7, or sun, mon"),
        ("0 0 * * 5-1", "a range goes up"),
        ("0 0 * * 1/0", "'1/0' is no weekday"),
        ("0 0 * * mon-", "'mon-' is no weekday"),
        ("0 0 30 2 *", "that time never comes"),
    ],
)
def test_what_is_no_expression_is_refused(expression: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        trigger_of(expression)
