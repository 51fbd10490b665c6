"""A dialect as regular expressions: how a line is cut into fields (after RFC 4180, section 2)."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from loaders.batch import Dialect
from loaders.intake.record import Fields

MOST_AT_ONCE = 100  # fields that one expression cuts; a longer one gains nothing
NEVER = "\udfff"  # in place of a quote where nothing quotes: no text that was decoded holds it


class Cut(NamedTuple):
    """The fields of a line; `rest` is where a quote opens that this line does not close."""

    fields: Fields
    rest: int | None = None


@lru_cache(maxsize=256)
def grammar_of(dialect: Dialect) -> "Grammar":
    """The grammar of a dialect, compiled once."""
    return Grammar(dialect)


class Grammar:
    """Cuts the body of a line: its text without the line end."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        quote, escape = re.escape(dialect.quote or NEVER), re.escape(dialect.escape)
        delimiter = re.escape(dialect.delimiter)
        stop = f"({delimiter}|\\Z)" if delimiter else "(\\Z)"
        blanks = "".join(c for c in " \t" if c not in dialect.delimiter + dialect.quote)
        blank = f"[{blanks}]*+" if blanks else ""
        content = f"[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+"
        separates = f"(?!{delimiter})" if delimiter else ""
        plain = f"(?:{separates}.)*+"
        if len(dialect.delimiter) == 1:
            plain = f"[^{delimiter}]*+"
        if escape:
            content = f"(?:[^{quote}{escape}]++|{escape}.|{quote}{quote})*+"
            plain = f"(?:{escape}.|{separates}.)*+"
            if len(dialect.delimiter) == 1:
                plain = f"(?:[^{delimiter}{escape}]++|{escape}.|{escape})*+"
        quoted = f"{blank}{quote}({content}){quote}{blank}{stop}"
        loose = f"{blank}{quote}(.*?){quote}{blank}{stop}"
        bare = f"(?!{blank}{quote})({plain}){stop}"
        self._one = f"(?:{blank}{quote}({content}){quote}{blank}|(?!{blank}{quote})({plain}))"
        self._delimiter = delimiter
        self._field = re.compile(f"(?:{quoted}|{bare})", re.DOTALL)
        self._loose_field = re.compile(f"(?:{loose}|{bare})", re.DOTALL)
        self._opening = re.compile(f"{blank}{quote}", re.DOTALL)
        self._content = re.compile(content, re.DOTALL)
        self._closing = re.compile(f"{quote}{blank}{stop}", re.DOTALL)
        escaped = f"{escape}([{escape}{quote}{delimiter}])"
        self._escaped = re.compile(f"{escaped}|{quote}{quote}") if escape else None
        self._escaped_plain = re.compile(escaped) if escape else None

    def body(self, line: str) -> str:
        """The line without its end."""
        if self._dialect.line_end == "any":
            return line.rstrip("\r\n")
        return line[:-1].removesuffix("\r") if line.endswith("\n") else line

    @lru_cache(maxsize=64)  # noqa: B019 - grammars are kept anyway: see grammar_of
    def cutter(self, width: int | None) -> Callable[[str], Fields | None]:
        """A function that cuts the body of a record of so many fields at once.

        It gives None for any other record, to be cut by `cut`.
        """
        if width is None or not 0 < width <= MOST_AT_ONCE or not self._delimiter:
            return lambda _: None
        match = re.compile(self._delimiter.join([self._one] * width) + r"\Z", re.DOTALL).match
        quote, escape = self._dialect.quote, self._dialect.escape
        unescape = self._escaped_plain.sub if self._escaped_plain else None

        def cut(body: str) -> Fields | None:
            found = match(body)
            if found is None:
                return None
            groups = found.groups()
            pairs = zip(groups[::2], groups[1::2], strict=True)
            if unescape and escape in body:
                return [
                    (unescape(r"\1", plain) if escape in plain else plain) or None
                    if quoted is None
                    else self.value(quoted)
                    for quoted, plain in pairs
                ]
            if quote and quote * 2 in body:
                return [
                    plain or None if quoted is None else quoted.replace(quote * 2, quote)
                    for quoted, plain in pairs
                ]
            return [plain or None if quoted is None else quoted for quoted, plain in pairs]

        return cut

    def cut(self, body: str, at: int = 0) -> Cut:
        """The fields from a place on, by the strict rules."""
        fields, rest, _ = self._cut(self._field, body, at)
        return Cut(fields, rest)

    def cut_tolerantly(self, body: str) -> Fields | None:
        """The fields where quotes within a quoted field are data; None if a quote stays open."""
        fields, rest, _ = self._cut(self._loose_field, body, 0)
        return fields if rest is None else None

    def plain_fields(self, body: str) -> list[str]:
        """The fields of a record that are not quoted, nor empty."""
        fields, _, quoted = self._cut(self._field, body, 0)
        return [field for i, field in enumerate(fields) if field and i not in quoted]

    def opened(self, line: str, at: int) -> int | None:
        """Where the content begins of a quoted field that this line leaves open, if it does."""
        opening = self._opening.match(line, at)
        if opening is None or self.inside(line, opening.end()) < len(line):
            return None
        return opening.end()

    def inside(self, line: str, at: int = 0) -> int:
        """Where the content of a quoted field ends in this line: at its quote, or with the line."""
        found = self._content.match(line, at)
        return found.end() if found else at

    def closed(self, body: str, at: int) -> int | None:
        """Where the next field begins behind the quote at a place; -1 where the record ends.

        None where other text follows the quote.
        """
        found = self._closing.match(body, at)
        if found is None:
            return None
        return found.end() if found[1] else -1

    def value(self, content: str) -> str:
        """What the content of a quoted field stands for."""
        quote = self._dialect.quote
        if self._escaped:
            return self._escaped.sub(lambda found: found[1] or quote, content)
        return content.replace(quote * 2, quote) if quote else content

    def _cut(
        self, pattern: re.Pattern[str], body: str, at: int
    ) -> tuple[Fields, int | None, set[int]]:
        fields: Fields = []
        quoted_places: set[int] = set()
        match = pattern.match
        quote = self._dialect.quote
        while found := match(body, at):
            quoted, stop, plain, plain_stop = found.groups()
            if quoted is None:
                if plain and self._escaped_plain:
                    plain = self._escaped_plain.sub(r"\1", plain)
                fields.append(plain or None)
                stop = plain_stop
            else:
                quoted_places.add(len(fields))
                if quote in quoted or self._escaped:
                    quoted = self.value(quoted)
                fields.append(quoted)
            if not stop:
                return fields, None, quoted_places
            at = found.end()
        return fields, at, quoted_places
