"""FAULTS 30: encodings, line ends, layouts and wrappings are read, and the ledger says how."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from string import ascii_lowercase
from typing import Any

import pytest
import zstandard

from loaders.batch import Books
from tests.conftest import SECOND_AT_LENGTH
from tests.faults.conftest import Shop
from tests.polluted import tables
from tests.polluted.corpus import LEGACY, UNICODE, Style
from tests.polluted.tables import Row, Table

# what a file says is read before a warehouse is asked
pytestmark = pytest.mark.parametrize("target", SECOND_AT_LENGTH)

COLUMNS = ("id", "place", "remark", "date")


def with_plain_header(table: Table, count: int = 40) -> Table:
    """The table with a header that every encoding writes alike."""
    return Table(table.name, list(COLUMNS), table.rows[:count])


def as_tuples(rows: list[Row]) -> list[tuple[str | None, ...]]:
    return [tuple(row) for row in rows]


CASES = {
    f"{encoding} {'marked' if has_mark else 'bare'} {language}": (
        Style(encoding=encoding, has_mark=has_mark),
        with_plain_header(tables.written_in(language)),
    )
    for encoding, has_mark in UNICODE
    for language in ("german", "russian", "chinese")
} | {
    f"{encoding} {language}": (
        Style(encoding=encoding, line_end="\r\n"),
        # a row fewer: the same bytes in two files are one batch
        with_plain_header(tables.written_in(language), 39 if encoding == "latin-1" else 40),
    )
    for encoding, languages in LEGACY.items()
    for language in languages
}


def test_every_encoding_is_read_and_the_ledger_names_it(shop: Shop) -> None:
    paths = {
        what: shop.write(f"city {number:02}.csv", style.content(style.lines(table)))
        for number, (what, (style, table)) in enumerate(CASES.items())
    }
    outcome = shop.land("city")
    assert outcome.problems == ()
    ledger = {what: shop.ledger(path) for what, path in paths.items()}
    # several names are true where they read these bytes alike: cp1255 and ISO 8859-8, say
    wrong = {
        what: ledger[what]["encoding"]
        for what, (style, _) in CASES.items()
        if paths[what].read_bytes().decode(ledger[what]["encoding"]).removeprefix("\ufeff")
        != paths[what].read_bytes().decode(style.encoding).removeprefix("\ufeff")
    }
    assert wrong == {}
    for what, (_, table) in CASES.items():
        rows = shop.rows("city", *COLUMNS, batch=ledger[what]["_batch_id"])
        assert rows == as_tuples(table.rows), what
    shop.check_books()
    shop.lands_clean("city", columns=COLUMNS)


def test_bytes_that_the_encoding_has_not_stand_aside(shop: Shop) -> None:
    text = "id,name\n1,größer\n2,schön\n3,früh\n4,süß\n5,Öl\n"
    shop.write("stray8.csv", text.encode().replace(b"2,sch", b"2,\xff\xc3sch"))
    wide = text.encode("utf-16")
    lone = b"\x00\xd8"  # half of a surrogate pair
    at = wide.index("2,sch".encode("utf-16-le")) + 4
    shop.write("stray16.csv", wide[:at] + lone + wide[at:])
    assert shop.land("stray8", "stray16").new == Books(10, 8, 2)
    (narrow,), (broad,) = shop.aside("stray8"), shop.aside("stray16")
    assert narrow.raw.rstrip() == b"2,\xff\xc3sch\xc3\xb6n"
    assert broad.raw.startswith("2,".encode("utf-16-le") + lone + "schön".encode("utf-16-le"))
    assert [(each.row, each.line) for each in (narrow, broad)] == [(2, 3), (2, 3)]


LINE_ENDS: dict[str, bytes] = {
    "LF": b'a,b\n1,x\n2,"y\nz"\n',
    "CRLF": b'a,b\r\n1,x\r\n2,"y\nz"\r\n',
    "CR": b'a,b\r1,x\r2,"y\nz"\r',
    "LF and CRLF": b'a,b\n1,x\r\n2,"y\nz"\n',
    "no end": b'a,b\n1,x\n2,"y\nz"',
    "two ends": b'a,b\n1,x\n2,"y\nz"\n\n',
    "leading blank lines": b'\n\r\n\n\na,b\n1,x\n2,"y\nz"\n',
    "lines of blanks first": b'  \n\t\na,b\n1,x\n2,"y\nz"\n',
    "a mark and a blank line": b'\xef\xbb\xbf\na,b\n1,x\n2,"y\nz"\n',
    "blank lines between": b'a,b\n\n1,x\n\n\n2,"y\nz"\n',
}


def test_every_line_end_is_read(shop: Shop) -> None:
    names = [f"end_{letter}" for letter, _ in zip(ascii_lowercase, LINE_ENDS, strict=False)]
    for name, content in zip(names, LINE_ENDS.values(), strict=True):
        shop.write(f"{name}.csv", content)
    outcome = shop.land(*names)
    assert outcome.problems == ()
    found = [shop.rows(name, "a", "b") for name in names]
    wrong = {
        what: rows
        for what, rows in zip(LINE_ENDS, found, strict=True)
        if rows != [("1", "x"), ("2", "y\nz")]
    }
    assert wrong == {}
    assert shop.check_books() == Books(2 * len(LINE_ENDS), 2 * len(LINE_ENDS), 0)


# Layouts


BODY = "id,name,amount\n1,Ada,2.50\n2,Bob,3.75\n3,Cem,4.00\n4,Dan,5.25\n5,Eve,6.10\n6,Fay,7.95\n"
NAMES = ("id", "name", "amount")
ROWS = [tuple(line.split(",")) for line in BODY.splitlines()[1:]]
LAYOUTS: dict[str, tuple[str, list[str]]] = {
    "prose_before": (f"Quarterly report\nmade by the warehouse\n{BODY}", ["Quarterly", "made by"]),
    "blank_before": (f"Quarterly report\n\n{BODY}", ["Quarterly report"]),
    "padded_before": (f"Quarterly report,,\n{BODY}", ["Quarterly report,,"]),
    "prose_after": (f"{BODY}Source: the warehouse\n", ["Source: the warehouse"]),
    "blank_after": (f"{BODY}\n(6 rows)\n", ["(6 rows)"]),
    "header_again": (BODY.replace("4,Dan", "id,name,amount\n4,Dan"), ["id,name,amount"]),
    "narrower_table": (
        f"{BODY}\nregion,share\nnorth,40\nsouth,60\n",
        ["region,share", "north,40", "south,60"],
    ),
    "wider_table": (
        f"{BODY}\nregion,share,from,to\nnorth,40,1,2\nsouth,60,3,4\n",
        ["region,share,from,to", "north,40,1,2", "south,60,3,4"],
    ),
}


def test_what_is_not_a_row_of_the_table_stands_aside_with_its_reason(shop: Shop) -> None:
    paths = {name: shop.write(f"{name}.csv", text) for name, (text, _) in LAYOUTS.items()}
    outcome = shop.land(*LAYOUTS)
    assert outcome.problems == ()
    for name, (text, not_rows) in LAYOUTS.items():
        assert shop.rows(name, *NAMES) == ROWS, name
        aside = shop.aside(name)
        assert len(aside) == len(not_rows), (name, aside)
        for each, begins in zip(aside, not_rows, strict=True):
            assert each.text.startswith(begins), name
            assert text.splitlines()[each.line - 1] == each.raw.decode().rstrip(), name
            assert each.reason, name
        assert shop.ledger(paths[name])["layout"], name
    shop.check_books()
    shop.lands_clean(*LAYOUTS, columns=NAMES)


def test_a_file_without_a_header_lands_every_row(shop: Shop) -> None:
    path = shop.write("bare.csv", BODY.partition("\n")[2])
    outcome = shop.land("bare")
    assert outcome.new == Books(6, 6, 0)
    columns = list(shop.header(path))
    assert len(columns) == 3
    assert shop.rows("bare", *columns) == ROWS
    assert json.loads(shop.ledger(path)["layout"])["header"] is None


def test_a_file_with_a_header_only_is_an_empty_batch(shop: Shop) -> None:
    path = shop.write("header.csv", "id,name,amount\n")
    outcome = shop.land("header")
    assert (outcome.problems, outcome.books) == ((), Books())
    assert list(shop.header(path).values()) == list(NAMES)
    shop.lands_clean("header", columns=NAMES)


EMPTY = {
    "nothing": b"",
    "mark": b"\xef\xbb\xbf",
    "blank_lines": b"\n\n\r\n",
    "utf16_mark": b"\xff\xfe",
}


def test_an_empty_file_is_refused_with_the_reason(shop: Shop) -> None:
    paths = [shop.write(f"{name}.csv", content) for name, content in EMPTY.items()]
    outcome = shop.land(*EMPTY)
    assert len(outcome.problems) == len(paths)
    for path in paths:
        (problem,) = [each for each in outcome.problems if str(path) in each]
        assert "empty" in problem
    assert outcome.books == Books()
    shop.lands_clean(*EMPTY)


# Wrappings


def zipped(**members: bytes) -> bytes:
    """An archive of these members."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return written.getvalue()


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd}
SUFFIXES = {"gzip": "gz", "zstd": "zst", "zip": "zip"}
RECORDS = '{"id": 1}\n{"id":  2}\n'


@pytest.mark.parametrize("compression", COMPRESSED)
def test_a_compressed_file_is_read_as_what_it_holds(shop: Shop, compression: str) -> None:
    compress, suffix = COMPRESSED[compression], SUFFIXES[compression]
    contents = {
        "narrow.csv": BODY.encode(),
        "wide.tsv": BODY.replace(",", "\t").encode("utf-16"),
        "lines.ndjson": RECORDS.encode(),
        "listed.json": b'[{"id": 1}, {"id":  2}]',
    }
    paths = {
        name.partition(".")[0]: shop.write(f"{name}.{suffix}", compress(content))
        for name, content in contents.items()
    }
    unnamed = shop.write("unnamed.csv", compress(BODY.encode()))  # known by its bytes
    outcome = shop.land(*paths, "unnamed")
    assert outcome.problems == ()
    for table in ("narrow", "wide", "unnamed"):
        assert shop.rows(table, *NAMES) == ROWS, table
    for table in ("lines", "listed"):
        assert shop.rows(table, "document") == [('{"id": 1}',), ('{"id":  2}',)]
    told: dict[str, Any] = {name: shop.ledger(path) for name, path in paths.items()}
    assert {row["compression"] for row in told.values()} == {compression}
    assert shop.ledger(unnamed)["compression"] == compression
    assert told["wide"]["encoding"].lower().startswith("utf-16")
    assert json.loads(told["wide"]["dialect"])["delimiter"] == "\t"
    assert {name: row["format"] for name, row in told.items()} == {
        "narrow": "csv",
        "wide": "csv",
        "lines": "ndjson",
        "listed": "json",
    }
    shop.check_books()
    shop.lands_clean("narrow", columns=NAMES)


def test_each_member_of_a_zip_is_a_file_of_its_own(shop: Shop) -> None:
    first, *others = BODY.splitlines()
    halves = ["\n".join([first, *part, ""]) for part in (others[:2], others[2:])]
    path = shop.write(
        "parts.zip",
        zipped(
            part1_csv=halves[0].encode(), part2_csv=halves[1].replace(",", ";").encode("utf-16")
        ),
    )
    shop.write("other.zip", zipped(only_ndjson=RECORDS.encode()))
    outcome = shop.land("parts", "other")
    assert outcome.problems == ()
    members = shop.members(path)
    assert [row["rows_landed"] for row in members] == [2, 4]
    assert {row["compression"] for row in members} == {"zip"}
    assert len({row["uri"] for row in members}) == 2
    assert ["part1.csv" in row["uri"] for row in members] == [True, False]
    assert sorted(shop.rows("parts", *NAMES)) == ROWS
    assert shop.rows("other", "document") == [('{"id": 1}',), ('{"id":  2}',)]
    shop.check_books()
    shop.lands_clean("parts", columns=NAMES)


def test_a_bad_row_of_a_compressed_file_names_the_file_and_the_line(shop: Shop) -> None:
    path = shop.write("packed.csv.gz", gzip.compress(BODY.replace("2,Bob", "2,B\0b").encode()))
    assert shop.land("packed").new == Books(6, 5, 1)
    (aside,) = shop.aside("packed")
    assert aside.uri.startswith(path.as_uri())
    assert (aside.row, aside.line, aside.raw.rstrip()) == (2, 3, b"2,B\0b,3.75")


def test_the_same_content_packed_otherwise_lands_once(shop: Shop) -> None:
    shop.write("same.csv.gz", gzip.compress(BODY.encode(), 1))
    assert shop.land("same").new == Books(6, 6, 0)
    (shop.folder / "same.csv.gz").unlink()
    shop.write("same.csv", BODY)
    assert shop.land("same").new == Books()
    assert shop.rows("same", *NAMES) == ROWS
