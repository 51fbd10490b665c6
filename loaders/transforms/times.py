"""ISO 8601 in, UTC out; what to do about a moment without a time zone is a policy."""

import re
import warnings
from datetime import UTC, datetime
from typing import Literal

from loaders.errors import BadFormatError, TimeZoneWarning

ZonePolicy = Literal["error", "warn", "ignore"]
_PAST_MICROSECONDS = re.compile(r"[.,]\d{6}\d*[1-9]")


def to_utc(text: str, zones: ZonePolicy = "error") -> datetime:
    """The moment that an ISO 8601 text names, in UTC; a date is its midnight.

    One without a time zone is refused, or taken for UTC with a warning, or without (`ignore`).

    Raises:
        BadFormatError: it names no moment that can be held to the microsecond, or no zone.
    """
    written = text.strip()
    try:
        moment = datetime.fromisoformat(written)
        if _PAST_MICROSECONDS.search(written):
            raise BadFormatError(f"{text!r} is finer than a microsecond")
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadFormatError(f"{text!r} is no moment in ISO 8601") from None
    if zones == "error":
        raise BadFormatError(f"{text!r} has no time zone, such as Z or +01:00")
    if zones == "warn":
        warnings.warn("a moment has no time zone and is taken for UTC", TimeZoneWarning, 2)
    return moment.replace(tzinfo=UTC)


def written(moment: datetime) -> str:
    """A moment in ISO 8601, in UTC: `2026-11-20T17:15:00Z`, with microseconds where it has any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
