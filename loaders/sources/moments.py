"""Moments that a cursor may go to: one far ahead would pass over all that comes before it."""

from datetime import UTC, datetime, timedelta

FARTHEST = timedelta(days=1)  # clocks differ, and so do time zones that nobody wrote down


def now() -> datetime:
    """The moment that others are compared with."""
    return datetime.now(UTC)


def moment_of(text: str) -> datetime | None:
    """A moment as ISO 8601 writes it, in UTC where it has no offset; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_ahead(moment: datetime) -> bool:
    """Whether a moment lies so far in the future that no cursor goes there."""
    return moment > now() + FARTHEST


def told_ahead(table: str, field: str, value: str) -> str:
    """What a summary says of such a moment."""
    return f"table {table}: the cursor {field!r} does not go to {value!r}, which is in the future"
