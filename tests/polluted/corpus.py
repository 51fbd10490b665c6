"""Polluted delimited files with their clean form, made by code, and how well a reader finds it.

`python -m tests.polluted.corpus FOLDER` writes the corpus and its clean forms for looking at;
`python -m tests.polluted.corpus score [FOLDER]` prints a table by kind, of the files that
`elt inspect … --rows --out FOLDER` wrote, or of what it says now.

A pollution is here only where a careful person, who sees nothing but the file, would arrive at the
clean form. Where several readings are defensible, the file has alternatives, and the best counts:

- rows that end in one separator more than the header: with and without an empty last field;
- a line of totals in the table's own width: a row, or a footer;
- a second line of header (groups above, units below): either line, the other a row or nothing;
- a row in another separator: cut by it, or by the table's;
- a line whose quote never closes: set aside, or one field, or the quote is data;
- blanks after `;` and `|`: part of the separator, or of the text.

A row with a separator too many or too few is printed in its own width: nobody can mend it.
"""

import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, product
from pathlib import Path
from typing import Literal

from tests.polluted import tables
from tests.polluted.readings import Polluted, Reading, report, score_folder, worst, write
from tests.polluted.tables import Row, Table

Make = Callable[..., Table]
Build = Iterator[Polluted]

SEPARATORS = {
    "comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "pipes": "||", "comma-space": ", ",
    "comma-tab": ",\t", "colons": "::", "tilde-pipe-tilde": "~|~", "caret": "^", "tilde": "~",
    "colon": ":", "space": " ", "x01": "\x01", "x1f": "\x1f", "hash": "#", "bang": "!",
    "star": "*", "percent": "%",
}  # fmt: skip
COMMON = ("comma", "semicolon", "tab", "pipe")
# kinds in which nothing is polluted that RFC 4180 and its common relatives do not allow
PLAIN = frozenset(
    {"plain", "quoting", "quote-character", "line-end", "end-of-file", "encoding", "escape"}
    | {"separator", "header-only", "one-row", "no-header", "empty", "leading-blank-lines"}
)


@dataclass(frozen=True)
class Style:
    """How a table is written: its dialect, line ends and encoding."""

    separator: str = ","
    quote: str = '"'
    escape: Literal["double", "backslash"] = "double"
    quoting: Literal["minimal", "all", "text", "none"] = "minimal"
    line_end: str = "\n"  # "mixed": by turns
    encoding: str = "utf-8"
    has_mark: bool = False
    last_ends: int = 1

    def cell(self, value: str | None) -> str:
        """A field as it is written."""
        if value is None:
            return self.quote * 2 if self.quoting == "all" else ""
        if self.quoting == "none" or not self._quotes(value):
            return value
        escaped = ("\\" if self.escape == "backslash" else self.quote) + self.quote
        return f"{self.quote}{value.replace(self.quote, escaped)}{self.quote}"

    def _quotes(self, value: str) -> bool:
        is_special = any(part in value for part in (*self._separating, self.quote, "\n", "\r"))
        is_text = not re.fullmatch(r"-?[\d.]+(e-?\d+)?", value)
        return (
            self.quoting == "all" or is_special or not value or (self.quoting == "text" and is_text)
        )

    @property
    def _separating(self) -> str:
        """The characters that a field must not show bare."""
        return self.separator.strip(" ") or self.separator

    def line(self, row: Sequence[str | None]) -> str:
        """A row as it is written, without its line end."""
        return self.separator.join(self.cell(value) for value in row)

    def lines(self, table: Table) -> list[str]:
        """The header and the rows."""
        return [self.line(row) for row in table.records]

    def content(self, lines: Sequence[str]) -> bytes:
        """The bytes of a file of these lines."""
        ends = cycle(["\n", "\r\n"] if self.line_end == "mixed" else [self.line_end])
        parts = [line + end for line, end in zip(lines, ends, strict=False)]
        if parts:
            end = next(ends)
            parts[-1] = lines[-1] + end * self.last_ends
        return self.encoded("".join(parts))

    def encoded(self, text: str) -> bytes:
        """Text in the encoding, with its mark where it has one."""
        return ("\ufeff" * self.has_mark + text).encode(self.encoding)

    def clean(self, rows: Iterable[Row]) -> list[Row]:
        """Rows as they read when written so: nothing in quotes is an empty text."""
        if self.quoting != "all":
            return [list(row) for row in rows]
        return [["" if cell is None else cell for cell in row] for row in rows]

    def fits(self, table: Table) -> bool:
        """Whether the table can be written without quotes where the style has none."""
        cells = [cell for row in table.records for cell in row]
        special = {*self._separating, self.quote, "\n", "\r"}
        return self.quoting != "none" or not any(set(cell or "") & special for cell in cells)


def _named(kind: str, *details: str) -> str:
    return "__".join([kind, *details]) + ".csv"


def _file(
    table: Table, style: Style, kind: str, *details: str, lines: Sequence[str] | None = None
) -> Polluted:
    """The table in a style; `lines` where more was done to it."""
    written = style.lines(table) if lines is None else lines
    name = _named(kind, *details, table.name)
    return Polluted(name, style.content(written), table.header, style.clean(table.rows))


# Dialects


def _separators() -> Build:
    for name, separator in SEPARATORS.items():
        style = Style(separator)
        for table in (*tables.bases(), tables.sales(7)):
            # many blanks in a row could also be one separator
            sound = table.filled() if separator == " " else table
            yield _file(sound, style, "separator", name, f"{len(table.rows)}-rows")
    yield _file(tables.european(), Style(";"), "separator", "semicolon")
    yield _file(tables.european(6), Style(";"), "separator", "semicolon", "6-rows")


def _quotings() -> Build:
    choices: tuple[Literal["all", "text", "none"], ...] = ("all", "text", "none")
    for name, quoting in product(COMMON, choices):
        style = Style(SEPARATORS[name], quoting=quoting)
        for table in filter(style.fits, tables.bases()):
            yield _file(table, style, "quoting", quoting, name)
    for name in ("tab", "pipe"):  # quotes that are data, and nothing is quoted
        style = Style(SEPARATORS[name], quoting="none")
        yield _file(tables.sales(), style, "quoting", "none", "inches", name)


def _single_quotes() -> Build:
    choices: tuple[Literal["minimal", "all"], ...] = ("minimal", "all")
    for name, quoting in product(COMMON, choices):
        style = Style(SEPARATORS[name], "'", quoting=quoting)
        for table in (tables.sales(), tables.people(), tables.comments(), tables.remarks()):
            if quoting == "all" or table.name != "people":  # nothing to quote there
                yield _file(table, style, "quote-character", quoting, name)


def _escapes() -> Build:
    choices: tuple[Literal["minimal", "all"], ...] = ("minimal", "all")
    for name, quote, quoting in product(COMMON, ('"', "'"), choices):
        style = Style(SEPARATORS[name], quote, "backslash", quoting)
        spelled = "double" if quote == '"' else "single"
        for table in (tables.sales(), tables.comments(), tables.remarks()):
            if quote in table.text:
                yield _file(table, style, "escape", spelled, quoting, name)
    for name in ("comma", "pipe"):  # without quotes: the separator itself is escaped
        separator = SEPARATORS[name]
        table = tables.people()
        for at in range(0, 40, 3):
            table.rows[at][1] = f"baker{separator} retired"
        style = Style("\0", quoting="none")
        lines = [
            line.replace(separator, f"\\{separator}").replace("\0", separator)
            for line in style.lines(table)
        ]
        yield _file(table, style, "escaped-separator", name, lines=lines)


def _line_ends() -> Build:
    ends = {"lf": "\n", "crlf": "\r\n", "cr": "\r", "mixed": "mixed"}
    for (name, end), separator in product(ends.items(), ("comma", "tab")):
        for table in tables.bases():
            style = Style(SEPARATORS[separator], line_end=end)
            yield _file(table, style, "line-end", name, separator)


def _ends_of_file() -> Build:
    for ends, table in product((0, 2, 3), tables.bases()):
        line_end = "\r\n" if len(table.rows) % 20 else "\n"
        style = Style(last_ends=ends, line_end=line_end)
        yield _file(table, style, "end-of-file", f"{ends}-line-ends")


# Encodings


UNICODE = (
    ("utf-8", True), ("utf-8", False), ("utf-16-le", True), ("utf-16-be", True),
    ("utf-16-le", False), ("utf-16-be", False), ("utf-32-le", True), ("utf-32-be", True),
    ("utf-32-le", False), ("utf-32-be", False),
)  # fmt: skip
LEGACY = {
    "gbk": ("chinese",), "shift_jis": ("japanese",), "cp1250": ("polish",),
    "cp1251": ("russian",), "koi8-r": ("russian",), "cp1252": ("german", "french"),
    "latin-1": ("german", "french"), "cp1253": ("greek",), "cp1254": ("turkish",),
    "cp1255": ("hebrew",), "cp1256": ("arabic",),
}  # fmt: skip


def _encodings() -> Build:
    for (encoding, has_mark), language in product(UNICODE, ("german", "russian", "chinese")):
        table = tables.written_in(language)
        style = Style(",", encoding=encoding, has_mark=has_mark)
        told = "marked" if has_mark else "bare"
        yield _file(table, style, "encoding", encoding, told)
    for encoding, languages in LEGACY.items():
        for language, name in product(languages, ("comma", "tab")):
            style = Style(SEPARATORS[name], encoding=encoding, line_end="\r\n")
            yield _file(tables.written_in(language), style, "encoding", encoding, name)
    for encoding, has_mark in (("utf-8", True), ("utf-16-le", True), ("utf-16-be", False)):
        for table in (tables.sales(), tables.measurements(), tables.comments()):
            style = Style(";", encoding=encoding, has_mark=has_mark, line_end="\r\n")
            yield _file(table, style, "encoding", encoding, "semicolon")


# Layout


def _padded(style: Style, text: str, width: int) -> str:
    return style.line([text, *([None] * (width - 1))])


PREAMBLES: dict[str, tuple[str, ...]] = {
    "title": ("Quarterly report",),
    "two": ("Quarterly report", "Generated on 3 May 2021 by the warehouse"),
    "three": ("ACME Ltd", "Quarterly report", "Confidential"),
    "prose": (
        "This extract was made for the auditors, who asked for it in March, and again in April.",
        "Please note, as ever, that figures are preliminary.",
    ),
    "comment": ("# exported by station 12", "# times are local"),
}
FOOTERS: dict[str, tuple[str, ...]] = {
    "source": ("Source: regional office",),
    "count": ("(all rows shown)",),
    "prose": ("Figures are preliminary, as agreed, and will be revised in the autumn.",),
    "three": ("Notes", "1) preliminary", "2) subject to change"),
}
LAID_OUT: tuple[Make, ...] = (
    tables.sales,
    tables.people,
    tables.measurements,
    tables.wide,
    tables.remarks,
)

HEADED: tuple[Make, ...] = (tables.comments, *LAID_OUT, tables.pairs)


def _is_fair(texts: Iterable[str], style: Style, width: int) -> bool:
    """Whether no line of text has as many separators as a row: then it would look like one."""
    return all(text.count(style.separator) + 1 not in {width, width - 1} for text in texts)


def _preambles() -> Build:
    names = cycle(COMMON)
    for (told, texts), make in product(PREAMBLES.items(), LAID_OUT):
        table = make()
        for blanks, name in ((0, next(names)), (1, next(names))):
            style = Style(SEPARATORS[name])
            if _is_fair(texts, style, len(table.header)):
                lines = [*texts, *[""] * blanks, *style.lines(table)]
                spelled = "then-blank" if blanks else "at-once"
                yield _file(table, style, "preamble", told, spelled, name, lines=lines)
        if told in {"title", "two", "three"}:
            style = Style(SEPARATORS[next(names)])
            width = len(table.header)
            padded = [_padded(style, text, width) for text in texts]
            yield _file(table, style, "preamble", told, "padded", lines=padded + style.lines(table))
    table = tables.measurements()
    style = Style(",")
    lines = ["Station,Berlin", "Height,34 m", "Operator,K. Lund", *style.lines(table)]
    yield _file(table, style, "preamble", "keys", "at-once", lines=lines)
    yield _file(table, style, "preamble", "keys", "then-blank", lines=[*lines[:3], "", *lines[3:]])
    for name in ("comma", "semicolon"):  # as spreadsheets are told the separator
        style = Style(SEPARATORS[name])
        lines = [f"sep={style.separator}", *style.lines(table)]
        yield _file(table, style, "preamble", "sep", name, lines=lines)
    pairs, style = tables.pairs(), Style()
    yield _file(
        pairs, style, "preamble", "title", "then-blank", lines=["Stock", "", *style.lines(pairs)]
    )


def _footers() -> Build:
    names = cycle(COMMON)
    for (told, texts), make in product(FOOTERS.items(), LAID_OUT):
        table = make()
        for blanks, name in ((0, next(names)), (1, next(names))):
            style = Style(SEPARATORS[name])
            if _is_fair(texts, style, len(table.header)):
                lines = [*style.lines(table), *[""] * blanks, *texts]
                spelled = "after-blank" if blanks else "at-once"
                yield _file(table, style, "footer", told, spelled, name, lines=lines)
    makes: tuple[Make, ...] = (tables.sales, tables.measurements, tables.wide)
    for make in makes:
        table, style = make(), Style(SEPARATORS[next(names)])
        width = len(table.header)
        total: Row = ["Total", *([None] * (width - 3)), "1234.5", None]
        for blanks in (0, 1):
            lines = [*style.lines(table), *[""] * blanks, style.line(total)]
            made = _file(table, style, "footer", "total", f"{blanks}-blank", lines=lines)
            yield replace(made, alternatives=((table.header, [*table.rows, total]),))


def _headers() -> Build:
    for name, make in product(("comma", "tab"), HEADED):
        table, style = make(), Style(SEPARATORS[name])
        bare = _file(table, style, "no-header", name, lines=style.lines(table)[1:])
        yield replace(bare, header=None)
        yield _file(table.head(0), style, "header-only", name)
        yield _file(table.head(1), style, "one-row", name)
    bare = _file(
        tables.european(), Style(";"), "no-header", "semicolon",
        lines=Style(";").lines(tables.european())[1:],
    )  # fmt: skip
    yield replace(bare, header=None)


def _repeated_headers() -> Build:
    for name, make in product(("comma", "tab"), HEADED[:-1]):
        table, style = make(), Style(SEPARATORS[name])
        header, *rows = style.lines(table)
        middle = len(rows) // 2
        once = [header, *rows[:middle], header, *rows[middle:]]
        yield _file(table, style, "repeated-header", "once", name, lines=once)
        step = max(2, len(rows) // 4)
        often = [
            line for at in range(0, len(rows), step) for line in (header, *rows[at : at + step])
        ]
        yield _file(table, style, "repeated-header", "by-page", name, lines=often)


def _headers_of_two_lines() -> Build:
    for name in ("comma", "semicolon"):
        style = Style(SEPARATORS[name])
        table = tables.measurements()
        units: Row = [None, None, "°C", "mm", "V", "hPa"]
        lines = style.lines(table)
        below = _file(
            table, style, "two-line-header", "units", name,
            lines=[lines[0], style.line(units), *lines[1:]],
        )  # fmt: skip
        yield replace(below, alternatives=((table.header, [units, *table.rows]),))
        groups: list[str | None] = ["Run", None, "Climate", None, None, None]
        above = _file(
            table, style, "two-line-header", "groups", name, lines=[style.line(groups), *lines]
        )
        named = [group or "" for group in groups]
        header_row: Row = list(table.header)
        yield replace(above, alternatives=((named, [header_row, *table.rows]), (named, table.rows)))
        broken = replace(table, header=[*table.header[:2], "temperature\n(°C)", *table.header[3:]])
        yield _file(broken, style, "two-line-header", "in-quotes", name)


def _second_tables() -> Build:
    for name, make in product(("comma", "semicolon"), HEADED[1:]):
        table, other, style = make(), tables.second(), Style(SEPARATORS[name])
        lines = [*style.lines(table), "", *style.lines(other)]
        told = "fewer" if len(table.header) > 3 else "more"
        yield _file(table, style, "second-table", told, name, lines=lines)
    for name in ("comma", "semicolon"):
        style = Style(SEPARATORS[name])
        for table, other in (
            (tables.measurements(), tables.sales(4)),
            (tables.people(), tables.measurements(5)),
        ):
            lines = [*style.lines(table), "", *style.lines(other)]
            yield _file(table, style, "second-table", "more", name, lines=lines)
        for table in (tables.measurements(), tables.sales(), tables.remarks()):
            other = _of_width(len(table.header))
            lines = [*style.lines(table), "", *style.lines(other)]
            yield _file(table, style, "second-table", "same", name, lines=lines)


def _of_width(width: int) -> Table:
    """Another table of this width: words, then numbers."""
    header = ["depot", "manager", *(f"week_{n}" for n in range(1, width - 1))]
    rows: list[Row] = [
        [depot, manager, *(str(n * 7 + len(depot)) for n in range(width - 2))]
        for depot, manager in (("Leeds", "Ada Berg"), ("Hull", "Hugo Ibsen"), ("York", "Kira Lund"))
    ]
    return Table("other", header, rows)


def _blank_lines() -> Build:
    written = [(table, name) for table in tables.bases() for name in ("comma", "tab")] + [
        (tables.european(), "semicolon")
    ]
    for table, name in written:
        style = Style(SEPARATORS[name], line_end="\r\n" if name == "tab" else "\n")
        lines = style.lines(table)
        middle = len(lines) // 2
        layouts = {
            ("leading-blank-lines", "1"): ["", *lines],
            ("leading-blank-lines", "3"): ["", "", "", *lines],
            ("blank-lines", "once"): [*lines[:middle], "", *lines[middle:]],
            ("blank-lines", "every-other"): [part for line in lines for part in (line, "")],
            ("blank-lines", "after-header"): [lines[0], "", *lines[1:]],
        }
        for (kind, told), laid_out in layouts.items():
            yield _file(table, style, kind, told, name, lines=laid_out)


def _empty_files() -> Build:
    contents = {"nothing": b"", "mark": b"\xef\xbb\xbf", "line-ends": b"\n\r\n\n"}
    for told, content in contents.items():
        yield Polluted(_named("empty", told), content, None, [])


# Rows


def _ragged_rows() -> Build:
    makes: tuple[Make, ...] = (tables.sales, tables.people, tables.measurements, tables.remarks)
    for name, make in product(("comma", "tab"), makes):
        style, count = Style(SEPARATORS[name]), len(make().rows)
        for told, at in (("first", 0), ("middle", count // 2), ("last", count - 1)):
            for place in (0, len(make().header) - 2):
                yield from _ragged(make(), style, at, place, (name, told, f"column-{place + 1}"))


def _ragged(table: Table, style: Style, at: int, place: int, told: tuple[str, ...]) -> Build:
    """The row at `at` with a separator too few, and one too many, after the field at `place`."""
    row = table.rows[at]
    left, right = row[place : place + 2]
    rows = list(table.rows)
    if left and right and style.cell(left) == left and style.cell(right) == right:
        rows[at] = [*row[:place], left + right, *row[place + 2 :]]
        yield _file(replace(table, rows=rows), style, "row-less-separators", *told)
    rows[at] = [*row[: place + 1], None, *row[place + 1 :]]
    yield _file(replace(table, rows=rows), style, "row-more-separators", *told)


def _stray_quotes() -> Build:
    places = {"inside": lambda text: f'{text[:2]}"{text[2:]}', "at-end": lambda text: f'{text}"'}
    makes: tuple[Make, ...] = (tables.people, tables.remarks)
    for (told, change), make in product(places.items(), makes):
        for name, at in product(COMMON, (0, 7)):
            table, style = make(), Style(SEPARATORS[name])
            plain = style.lines(table)
            table.rows[at][0] = change(table.rows[at][0] or "")
            lines = list(plain)
            lines[at + 1] = style.separator.join(cell or "" for cell in table.rows[at])
            yield _file(table, style, "stray-quote", told, name, f"row-{at + 1}", lines=lines)
    for name, at in product(COMMON, (0, 3, 17)):
        table, style = tables.people(), Style(SEPARATORS[name])
        lines = style.lines(table)
        lines[at + 1] = '"' + lines[at + 1]
        made = _file(table, style, "unterminated-quote", name, f"row-{at + 1}", lines=lines)
        yield replace(made, alternatives=tuple(_of_line(table, at, lines[at + 1])), rows=[
            row for number, row in enumerate(table.rows) if number != at
        ])  # fmt: skip


def _of_line(table: Table, at: int, line: str) -> Iterator[Reading]:
    """A line whose quote never closes as one field, with the quote and without, or as cut."""
    row = table.rows[at]
    cut: Row = [f'"{row[0]}', *row[1:]]
    for other in ([line], [line[1:]], cut):
        yield table.header, [*table.rows[:at], list(other), *table.rows[at + 1 :]]


def _unescaped_quotes() -> Build:
    """`"say "hi" there"`: quotes within a quoted field that nothing escapes, on one line."""
    for name, rows in product(COMMON, ("one", "every-third", "all")):
        table, style = tables.people(), Style(SEPARATORS[name], quoting="all")
        lines = style.lines(table)
        step = {"one": 100, "every-third": 3, "all": 1}[rows]
        for at in range(4 if step == 100 else 0, len(table.rows), step):
            first, _, last = (table.rows[at][0] or "").partition(" ")
            table.rows[at][0] = f'{first} "the fox" {last}'
            lines[at + 1] = style.separator.join(f'"{cell or ""}"' for cell in table.rows[at])
        yield _file(table, style, "unescaped-quotes", rows, name, lines=lines)
    for name in COMMON:
        table, style = tables.sales(), Style(SEPARATORS[name])
        lines = [style.line(table.header)]
        for number, row in enumerate(table.rows):
            row[6] = f'Frame "size {number % 3 + 50}" alloy, black'
            cells = [f'"{cell}"' if at == 6 else style.cell(cell) for at, cell in enumerate(row)]
            lines.append(style.separator.join(cells))
        yield _file(table, style, "unescaped-quotes", "one-column", name, lines=lines)


def _rows_in_another_separator() -> Build:
    makes: tuple[Make, ...] = (tables.measurements, tables.people, tables.wide)
    swaps = (
        ("comma", "semicolon"),
        ("semicolon", "comma"),
        ("tab", "comma"),
        ("pipe", "semicolon"),
    )
    for (name, other), make, at in product(swaps, makes, (3, 9)):
        table, style = make().filled(), Style(SEPARATORS[name])
        lines = style.lines(table)
        lines[at + 1] = Style(SEPARATORS[other]).line(table.rows[at])
        whole: list[Row] = [*table.rows[:at], [lines[at + 1]], *table.rows[at + 1 :]]
        told = (name, f"row-{at + 1}-by-{other}")
        made = _file(table, style, "row-other-separator", *told, lines=lines)
        yield replace(made, alternatives=((table.header, whole),))


def _trailing_separators() -> Build:
    for name, make in product(COMMON, LAID_OUT):
        table, style = make(), Style(SEPARATORS[name])
        lines = [line + style.separator for line in style.lines(table)]
        ending = [[*row, None] for row in table.rows]
        made = _file(table, style, "trailing-separator", "every-line", name, lines=lines)
        yield replace(made, alternatives=(([*table.header, ""], ending),))
        header = style.line(table.header)
        made = _file(
            table, style, "trailing-separator", "every-row", name, lines=[header, *lines[1:]]
        )
        yield replace(made, alternatives=((table.header, ending), ([*table.header, ""], ending)))


def _blanks_after_separators() -> Build:
    choices: tuple[Literal["minimal", "all"], ...] = ("minimal", "all")
    for name, quoting, table in product(
        ("comma", "semicolon", "pipe"), choices, (tables.sales(), tables.people(), tables.pairs())
    ):
        style = Style(SEPARATORS[name] + " ", quoting=quoting)
        made = _file(table, style, "space-after-separator", quoting, name)
        kept: Reading = (
            _spaced(table.header),
            [list[str | None](_spaced(row)) for row in table.rows],
        )
        is_open = name != "comma" and quoting == "minimal" and not set(table.text) & set('",;|')
        yield replace(made, alternatives=(kept,) if is_open else ())


def _spaced(row: Sequence[str | None]) -> list[str]:
    return [cell or "" if at == 0 else f" {cell or ''}" for at, cell in enumerate(row)]


# Several at once


def _combined(count: int = 140) -> Build:
    chance = random.Random("combined")
    for number in range(count):
        name = chance.choice([*COMMON, *COMMON, *SEPARATORS])
        style = Style(
            SEPARATORS[name],
            quote=chance.choice(['"', '"', "'"]),
            escape=chance.choice(["double", "double", "backslash"]),
            quoting=chance.choice(["minimal", "all"]),
            line_end=chance.choice(["\n", "\r\n", "\r", "mixed"]),
            last_ends=chance.choice([0, 1, 1, 2]),
        )
        encoding, has_mark = chance.choice([*UNICODE[:2], *UNICODE[:2], *UNICODE])
        style = replace(style, encoding=encoding, has_mark=has_mark)
        table = chance.choice(tables.bases())
        if name == "space":
            table = table.filled()
        if style.quote == "'" and "'" not in table.text:  # who could tell that it quotes?
            style = replace(style, quoting="all")
        lines = style.lines(table)
        told = [f"{number:03}", name]
        if len(table.header) > 2:
            lines, more = _laid_out(lines, style, len(table.header), chance)
            told += more
        yield _file(table, style, "combined", *told, lines=lines)


def _laid_out(
    lines: list[str], style: Style, width: int, chance: random.Random
) -> tuple[list[str], list[str]]:
    told = []
    if chance.random() < 0.3:
        texts = chance.choice([PREAMBLES["title"], PREAMBLES["three"]])
        if _is_fair(texts, style, width):
            lines = [*texts, "", *lines]
            told.append("preamble")
    elif chance.random() < 0.3:
        lines = ["", *lines]
        told.append("leading-blank")
    if chance.random() < 0.3 and _is_fair(FOOTERS["source"], style, width):
        lines = [*lines, "", *FOOTERS["source"]]
        told.append("footer")
    return lines, told


def _plain() -> Build:
    for table in (*tables.bases(), tables.measurements(200), tables.sales(5), tables.wide(5, 120)):
        yield _file(table, Style(), "plain", f"{len(table.rows)}-rows", str(len(table.header)))


# Harder: little to go by, or much that misleads


def _one_columns() -> Build:
    """Lists: what their fields have in common is no separator, for the header does not have it."""
    people = tables.people()
    lists: dict[str, tuple[str, Row]] = {
        "names": ("name", [row[0] for row in people.rows]),  # a blank in every row
        "emails": ("email", [f"a{n}.b@example.org" for n in range(30)]),
        "numbers": ("reading", [f"{n * 7 % 31}.5" for n in range(30)]),
        "times": ("departure", [f"{n % 24:02}:{n * 13 % 60:02}:00" for n in range(40)]),
        "days": ("day", [row[1] for row in tables.remarks().rows]),
        "sentences": ("remark", [row[2] for row in tables.remarks().rows]),
    }
    for told, (title, values) in lists.items():
        table = Table("list", [title], [[value] for value in values])
        yield _file(table, Style("\0"), "one-column", told)


def _misleading_fields() -> Build:
    """Another separator stands in every row as often, but not in the header."""
    fillings: dict[str, Callable[[int], str]] = {
        "lists": lambda n: f"{n % 7};{n % 5};{n % 3}",
        "decimal-commas": lambda n: f"{n},{n * 37 % 100:02}",
        "times": lambda n: f"{n % 24:02}:{n * 7 % 60:02}:{n * 11 % 60:02}",
        "paths": lambda n: f"a|b{n % 4}|c",
        "sentences": lambda n: f"well, no; {n} is it, then",
    }
    for told, fill in fillings.items():
        for name in ("comma", "semicolon", "tab", "pipe", "caret"):
            rows: list[Row] = [[f"K{n}", fill(n), fill(n + 3), str(n * 3)] for n in range(25)]
            table = Table("misleading", ["key", "first", "second", "total"], rows)
            style = Style(SEPARATORS[name])
            is_bare = style.line(rows[0]) == style.separator.join(cell or "" for cell in rows[0])
            yield _file(table, style, "misleading", told, name, "bare" if is_bare else "quoted")


def _short_files() -> Build:
    """Five to eight rows, with something before, after or among them."""
    makes: tuple[Make, ...] = (tables.sales, tables.measurements, tables.remarks)
    for name, make, count in product(("comma", "semicolon", "tab"), makes, (5, 8)):
        style, table = Style(SEPARATORS[name]), make(count)
        header, *rows = style.lines(table)
        layouts = {
            "preamble": ["Quarterly report", "", header, *rows],
            "footer": [header, *rows, "", "Source: regional office"],
            "both": ["ACME Ltd", "Quarterly report", "", header, *rows, "", "(all rows shown)"],
            "repeated-header": [header, *rows[:3], header, *rows[3:]],
            "second-table": [header, *rows, "", *style.lines(tables.second())[:4]],
        }
        for told, lines in layouts.items():
            yield _file(table, style, "short", told, name, str(count), lines=lines)
    for encoding, languages in LEGACY.items():
        for language in languages:
            table = tables.written_in(language, 8)
            yield _file(table, Style(";", encoding=encoding), "short", "encoding", encoding)


def _many_bad_rows() -> Build:
    """A tenth of the rows ragged, either way, between a preamble and a footer."""
    makes: tuple[Make, ...] = (tables.sales, tables.measurements, tables.remarks)
    for name, make in product((*COMMON, "caret", "pipes", "x1f"), makes):
        chance = random.Random(f"{name} many")
        table, style = make(), Style(SEPARATORS[name], line_end="\r\n")
        for at in chance.sample(range(1, len(table.rows) - 1), len(table.rows) // 10):
            row = table.rows[at]
            table.rows[at] = [*row, "x"] if chance.random() < 0.5 else row[:-1]
        told = ("bare", name)
        yield _file(table, style, "many-ragged", *told)
        lines = [*PREAMBLES["title"], "", *style.lines(table), "", *FOOTERS["count"]]
        yield _file(table, style, "many-ragged", "between", name, lines=lines)


def _combined_legacy(count: int = 60) -> Build:
    """Code pages with everything else at once."""
    chance = random.Random("legacy")
    for number in range(count):
        encoding = chance.choice(list(LEGACY))
        table = tables.written_in(chance.choice(LEGACY[encoding]), chance.choice([12, 25, 40]))
        name = chance.choice(COMMON)
        quoting = chance.choice(["minimal", "all"])
        style = Style(
            SEPARATORS[name],
            escape=chance.choice(["double", "backslash"]),
            quoting="all" if quoting == "all" else "minimal",
            line_end=chance.choice(["\n", "\r\n", "\r", "mixed"]),
            encoding=encoding,
            last_ends=chance.choice([0, 1, 2]),
        )
        lines, more = _laid_out(style.lines(table), style, len(table.header), chance)
        told = (f"{number:02}", encoding, name, *more)
        yield _file(table, style, "combined-legacy", *told, lines=lines)


POLLUTIONS: tuple[Callable[[], Build], ...] = (
    _plain, _separators, _quotings, _single_quotes, _escapes, _line_ends, _ends_of_file,
    _encodings, _preambles, _footers, _headers, _repeated_headers, _headers_of_two_lines,
    _second_tables, _blank_lines, _empty_files, _ragged_rows, _stray_quotes, _unescaped_quotes,
    _rows_in_another_separator, _trailing_separators, _blanks_after_separators, _combined,
    _one_columns, _misleading_fields, _short_files, _many_bad_rows, _combined_legacy,
)  # fmt: skip


def corpus() -> list[Polluted]:
    """Every file; the same in every run."""
    files = [made for pollution in POLLUTIONS for made in pollution()]
    names = Counter(made.name for made in files)
    assert max(names.values()) == 1, names.most_common(3)
    return files


# The command line


def write_corpus(folder: Path, files: Sequence[Polluted]) -> Path:
    """Write the files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for made in files:
        (folder / made.name).write_bytes(made.content)
    return folder


def main(arguments: Sequence[str]) -> int:
    """Write the corpus, or score a reading of it."""
    if not arguments or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    files = corpus()
    if arguments[0] != "score":
        folder = write_corpus(Path(arguments[0]) / "polluted", files).parent
        for told, readings in (("clean", 0), ("also", 1)):
            (folder / told).mkdir(exist_ok=True)
            for made in files:
                for header, rows in made.readings[readings : readings + 1]:
                    text = write([*([header] if header else []), *rows])
                    (folder / told / made.name).write_text(text, encoding="utf-8", newline="")
        print(f"{len(files)} files in {folder}/polluted, clean forms in {folder}/clean")
        return 0
    with tempfile.TemporaryDirectory() as made_here:
        if len(arguments) > 1:
            printed = Path(arguments[1])
        else:
            printed = Path(made_here) / "printed"
            exit_code, told = inspect(write_corpus(Path(made_here) / "polluted", files), printed)
            if exit_code:
                print(f"elt inspect exited with {exit_code}\n{told}", file=sys.stderr)
        scores = score_folder(files, printed)
    print(report(scores), worst(scores), sep="\n\n")
    return 0


def inspect(folder: Path, printed: Path) -> tuple[int, str]:
    """`elt inspect FOLDER --rows --out PRINTED` in this process; its exit code and what it says."""
    from click.testing import CliRunner

    from orchestration.cli import main as elt

    done = CliRunner().invoke(elt, ["inspect", str(folder), "--rows", "--out", str(printed)])
    return done.exit_code, done.stderr


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
