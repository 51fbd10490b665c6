"""FAULTS 13 and 27: bad rows in a file stand aside, the rest lands, and so does the next file."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from loaders.batch import Books
from loaders.catalog import load_catalog
from tests.conftest import Elt
from tests.faults.conftest import Landings, Shop
from tests.orchestration.conftest import elt

__all__ = ["elt"]


class Line(NamedTuple):
    """A row of the file: how it is written, and its fields when it lands."""

    what: str
    written: bytes
    fields: tuple[str | None, ...] | None = None


UMLAUTS = "7,Gül Öztürk,süßer Käse für später"
LINES = (
    Line("good", b"1,Ada,first", ("1", "Ada", "first")),
    Line("a field too few", b"2,Bob"),
    Line("good", b"3,Cem,third", ("3", "Cem", "third")),
    Line("a field too many", b"4,Dan,fourth,more"),
    Line("bytes that are not UTF-8", b"5,E\xff\xfeve,fifth"),
    Line("a NUL", b"6,Fa\0y,sixth"),
    Line("umlauts, so that the file is UTF-8", UMLAUTS.encode(), tuple(UMLAUTS.split(","))),
    Line("a quote that never closes", b'8,"Hal,eighth'),
    Line("good after it", b"9,Ida,ninth", ("9", "Ida", "ninth")),
    Line("a stray quote is data", b'10,5" pipe,tenth', ("10", '5" pipe', "tenth")),
    Line("a quoted field of two lines", b'11,"Jo\nLi",""', ("11", "Jo\nLi", "")),
    Line("quotes in a quoted field", b'12,"say "hi" there",x', ("12", 'say "hi" there', "x")),
    Line("an empty field", b"13,,last", ("13", None, "last")),
)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_bad_rows_are_accounted_for_and_the_rest_lands(shop: Shop, end: bytes) -> None:
    content = end.join([b"id,name,note", *(line.written for line in LINES)]) + end
    path = shop.write("bad.csv", content)
    outcome = shop.land("bad")
    assert outcome.problems == ()
    good = [line.fields for line in LINES if line.fields]
    bad = [line for line in LINES if not line.fields]
    assert outcome.new == Books(len(LINES), len(good), len(bad))
    assert shop.rows("bad", "id", "name", "note") == good
    assert shop.check_books() == outcome.new

    aside = shop.aside("bad")
    assert [each.raw.rstrip(b"\r\n") for each in aside] == [line.written for line in bad]
    assert all(each.raw in content for each in aside)
    assert {each.uri for each in aside} == {path.as_uri()}
    numbers = [number for number, line in enumerate(LINES, start=1) if not line.fields]
    assert [each.row for each in aside] == numbers
    before = [content[: content.index(line.written)] for line in bad]
    assert [each.line for each in aside] == [text.count(b"\n") + 1 for text in before]
    assert len({each.reason for each in aside}) >= 4
    landed = [number for (number,) in shop.rows("bad", "_row")]
    assert sorted([*numbers, *landed]) == list(range(1, len(LINES) + 1))

    shop.lands_clean("bad", columns=("id", "name", "note"))


@pytest.mark.parametrize("target", ["duckdb"])
def test_a_run_that_sets_rows_aside_exits_with_3(elt: Elt, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "users.csv").write_bytes(b"user_id,name,email,signup_date\n1,Ada,,\n2,B\0b,,\n3\n")
    (folder / "user_experiments.csv").write_bytes(
        b"experiment_id,user_id,experiment_compound_ids,experiment_run_time\n1,1,1,2.5\n"
    )
    (folder / "compounds.csv").write_bytes(
        b"compound_id,compound_name,compound_structure\n1,Water,O\n"
    )
    assert elt("land", "lab", CSV_DATA_PATH=str(folder)).returncode == 3
    (folder / "users.csv").write_bytes(b"user_id,name,email,signup_date\n1,Ada,,\n2,Bob,,\n")
    assert elt("land", "lab", CSV_DATA_PATH=str(folder)).returncode == 0


def test_a_quote_that_never_closes_swallows_nothing_of_a_long_file(shop: Shop) -> None:
    rows = [f"{number},name {number},{number * 7}" for number in range(3000)]
    rows[1500] = '1500,"name 1500,10500'
    rows[2500] = '2500,"two\nlines",17500'
    shop.write("long.csv", "\n".join(["id,name,value", *rows, ""]))
    assert shop.land("long").new == Books(3000, 2999, 1)
    assert [each.raw.rstrip() for each in shop.aside("long")] == [b'1500,"name 1500,10500']
    assert shop.landings.value("select name from raw.long where id = '2500'") == "two\nlines"


CATALOG = """
sources:
  shop:
    kind: files
    path: {folder}
    tables:
      things: {{file: things.csv, ragged: extra, modelled: false}}
"""


def test_where_the_table_says_so_long_rows_land_with_their_surplus_in_extra(
    shop: Shop, landings: Landings, tmp_path: Path
) -> None:
    shop.write("things.csv", 'a,b\n1,x\n2,y,more,,""\n3\n4,z\n')
    catalog = tmp_path / "sources.yml"
    catalog.write_text(CATALOG.format(folder=shop.folder), encoding="utf-8")
    outcome = landings.land(load_catalog(landings.settings, catalog)["shop"], "shop")
    assert outcome.new == Books(4, 3, 1)
    first, second, last = shop.rows("things", "a", "b", "_extra")
    assert (first, last) == (("1", "x", None), ("4", "z", None))
    assert second[:2] == ("2", "y")
    extra = json.loads(second[2])
    assert list(extra.values() if isinstance(extra, dict) else extra) == ["more", None, ""]
    assert [each.raw.rstrip() for each in shop.aside("things")] == [b"3"]
    shop.check_books()


HOPELESS = {
    "empty": b"",
    "blank": b"\n\n\r\n",
    "nuls": bytes(4096),
    "noise": bytes(range(256)) * 16,
    "picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\x08\6\0\0\0",
    "quote": b'"',
    "half_quoted": b'"a,b\n1,2\n',
    "no_gzip.csv.gz": b"\x1f\x8b\x08\0not gzip at all",
    "no_zip.zip": b"PK\3\4not zip at all",
    "no_zstd.csv.zst": b"\x28\xb5\x2f\xfdnot zstd at all",
    "no_parquet.parquet": b"PAR1not parquet at allPAR1",
    "no_json.json": b'[{"a": 1}, {"a"',
}


def test_after_any_file_that_cannot_be_read_a_clean_one_lands(shop: Shop) -> None:
    for name, content in HOPELESS.items():
        shop.write(name if "." in name else f"{name}.csv", content)
    shop.write("sound.csv", "a,b\n1,2\n")
    tables = [name.partition(".")[0] for name in HOPELESS]
    outcome = shop.land(*tables, "sound")
    assert shop.rows("sound", "a", "b") == [("1", "2")]
    shop.check_books()
    assert [each.raw for each in shop.aside("no_json")] == [b'{"a"', b"["]
    for name in ("empty", "no_gzip", "no_zip", "no_zstd", "no_parquet"):
        assert any(f"{name}." in problem for problem in outcome.problems), name
    assert not [problem for problem in outcome.problems if "Traceback" in problem]
    shop.lands_clean(*tables, "sound")
