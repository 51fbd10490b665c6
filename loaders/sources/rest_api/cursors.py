"""How far a table has come: the greatest value of a field, by which the next run asks.

Values are compared as numbers where all are numbers, and as moments where all are such (ISO 8601;
one without an offset is in UTC); text of any other kind has no order that an API would share.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any, Literal, NamedTuple

import msgspec

from loaders.catalog.rest_api import Since
from loaders.errors import SourceError
from loaders.intake.documents.answers import DECODER
from loaders.intake.documents.envelope import value_at
from loaders.sources.moments import is_ahead, moment_of

Kind = Literal["numbers", "moments"]


class Point(NamedTuple):
    """A value of a cursor: how it compares, and as the source wrote it."""

    kind: Kind
    order: Decimal | datetime
    text: str


class Cursor:
    """Takes records; `greatest` is how far they go, with what came before.

    `ahead` is a value that it does not go to, as it lies in the future.
    """

    def __init__(self, since: Since, last: str | None, where: str) -> None:
        self._since, self._where = since, where
        self.ahead: str | None = None
        self.greatest = self._unless_ahead(point_of(last)) if last is not None else None
        self.without = 0  # records that have no such field

    def asked_from(self) -> Any:
        """The value to ask from; None where everything is asked for.

        Raises:
            SourceError: the lag cannot be taken from it.
        """
        if self.greatest is None:
            return self._since.initial
        return _before(self.greatest, self._since.lag)

    def add(self, records: Iterable[bytes]) -> None:
        """Take records.

        Raises:
            SourceError: a value is no number and no moment, or they are of both kinds.
        """
        for record in records:
            value = value_at(_decode(record), self._since.field)
            if value is None:
                self.without += 1
                continue
            point = point_of(value)
            if point is None or (self.greatest and point.kind != self.greatest.kind):
                raise SourceError(f"{self._where}: {self._problem(value, point)}")
            if self.greatest is None or point.order >= self.greatest.order:  # type: ignore[operator]
                self.greatest = self._unless_ahead(point) or self.greatest

    def _unless_ahead(self, point: Point | None) -> Point | None:
        if point and isinstance(point.order, datetime) and is_ahead(point.order):
            self.ahead = point.text
            return None
        return point

    def _problem(self, value: Any, point: Point | None) -> str:
        field = self._since.field
        if point is None:
            return f"the cursor {field!r} is {value!r}, which is no number and no ISO 8601 time"
        return f"the cursor {field!r} has numbers and moments, which cannot be compared"


def point_of(value: Any) -> Point | None:
    """A value as a cursor; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    text = str(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _moment_of(text)
    return Point("numbers", number, text) if number.is_finite() else None


def _moment_of(text: str) -> Point | None:
    moment = moment_of(text)
    return Point("moments", moment, text) if moment else None


def _before(point: Point, lag: float) -> str:
    if not lag:
        return point.text
    if isinstance(point.order, Decimal):
        with localcontext(prec=max(28, len(point.text) + 28)):
            number = f"{point.order - Decimal(str(lag)):f}"
        return number.rstrip("0").rstrip(".") if "." in number else number
    try:
        moment = point.order - timedelta(seconds=lag)
    except OverflowError:
        moment = datetime.min.replace(tzinfo=UTC)
    return _like(point.text, moment)


def _like(text: str, moment: datetime) -> str:
    """A moment as a text has it: date alone, fractions, `T` or a blank, `Z` or an offset."""
    if "T" not in text and " " not in text:
        return moment.date().isoformat()
    fraction = text.partition(".")[2]
    digits = len(fraction) - len(fraction.lstrip("0123456789"))
    spec = "seconds" if not digits else "milliseconds" if digits <= 3 else "microseconds"
    has_offset = datetime.fromisoformat(text).tzinfo is not None
    shown = (moment if has_offset else moment.replace(tzinfo=None)).isoformat(
        "T" if "T" in text else " ", spec
    )
    return shown.replace("+00:00", "Z") if text.endswith(("Z", "z")) else shown


_NUMBERS = msgspec.json.Decoder(float_hook=Decimal)


def _decode(record: bytes) -> Any:
    """A record as Python values, its numbers exact; None where it is none."""
    try:
        return _NUMBERS.decode(record)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        try:
            return DECODER.decode(record.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None
