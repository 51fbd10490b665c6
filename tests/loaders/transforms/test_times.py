import warnings
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.errors import BadFormatError, TimeZoneWarning
from loaders.transforms.times import to_utc, written

ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.contract("S2-23")
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T17:15:00Z", "2026-11-20T17:15:00Z"),
        ("2026-11-20T17:15:00+01:30", "2026-11-20T15:45:00Z"),
        ("20261120T171500.25-0500", "2026-11-20T22:15:00.250000Z"),
        ("2026-01-01T00:30+01:00", "2025-12-31T23:30:00Z"),
    ],
)
def test_iso_8601_comes_out_in_utc(text: str, moment: str) -> None:
    assert written(to_utc(text)) == moment


@pytest.mark.contract("S2-23")
@settings(max_examples=50)
@given(st.datetimes(timezones=ZONES).filter(lambda moment: 1 < moment.year < 9999))
def test_a_moment_stays_the_same_moment(moment: datetime) -> None:
    assert to_utc(moment.isoformat()) == moment
    assert to_utc(written(moment)) == moment


@pytest.mark.contract("S2-23")
def test_the_policy_says_what_a_missing_zone_is() -> None:
    bare, meant = "2026-11-20T17:15:00", datetime(2026, 11, 20, 17, 15, tzinfo=UTC)
    with pytest.raises(BadFormatError, match="has no time zone, such as Z"):
        to_utc(bare, "error")
    with pytest.warns(TimeZoneWarning, match="taken for UTC"):
        assert to_utc(bare, "warn") == meant
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert to_utc(bare, "ignore") == meant


@pytest.mark.contract("S2-22", "S2-23")
@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-02-30", "0001-01-01T00:00+01:00", "2026-11-20T17:15:60Z"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadFormatError, match="is no moment in ISO 8601"):
        to_utc(text, "ignore")


def test_what_could_not_be_held_exactly_is_refused() -> None:
    assert to_utc("2026-11-20T17:15:00.123456000Z").microsecond == 123456
    with pytest.raises(BadFormatError, match="finer than a microsecond"):
        to_utc("2026-11-20T17:15:00.123456789Z")
