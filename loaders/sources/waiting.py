"""How long to wait before a server is asked again."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, wait_exponential_jitter

from loaders.errors import SourceError


class TransientError(SourceError):
    """What may be otherwise in a moment; `asked` is the wait that the server asks for: seconds."""

    def __init__(self, message: str, asked: float = 0.0) -> None:
        super().__init__(message)
        self.asked = asked


def wait_seconds(state: RetryCallState, first: float, longest: float) -> float:
    """Longer each time, by chance a little more, and at least what the server asks: seconds."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.asked if isinstance(error, TransientError) else 0.0
    backoff = wait_exponential_jitter(multiplier=first, max=longest, jitter=first)
    return max(backoff(state), min(asked, longest))


def asked_wait(header: str, now: datetime) -> float:
    """Seconds that `Retry-After` asks for (RFC 9110, 10.2.3): a number of them, or a date."""
    if header.strip().isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, math.ceil((until - now).total_seconds()))
