"""How many records an answer declares, against how many it held."""

from typing import Any

from loaders.errors import SourceError
from loaders.intake.documents.envelope import value_at


class Total:
    """Takes what the pages of an answer say at `path`, dotted keys."""

    def __init__(self, path: str, where: str) -> None:
        self._path, self._where = path, where
        self._declared: list[int] = []

    def add(self, envelope: Any) -> None:
        """Take a page.

        Raises:
            SourceError: it declares no number.
        """
        value = value_at(envelope, self._path)
        text = str(value)
        if isinstance(value, bool) or not (text.isascii() and text.isdecimal()):
            raise SourceError(f"{self._where}: there is no total at {self._path!r} of the answer")
        if int(text) not in self._declared[-1:]:
            self._declared.append(int(text))

    def check(self, count: int) -> str | None:
        """What has to be told of so many records; None where nothing has.

        Raises:
            SourceError: they are not as many as declared.
        """
        declared = ", then ".join(map(str, self._declared)) or "no total"
        is_right = self._declared[-1:] == [count]
        if is_right and len(self._declared) == 1:
            return None
        if is_right:
            return f"{self._where} declared {declared} records while it was read, and sent {count}"
        told = f"{self._where} declared {declared} records and sent {count}"
        if len(self._declared) > 1:
            raise SourceError(f"{told}: they changed while they were read; run again")
        raise SourceError(told)
