"""A row leaves the bytes that it came in, and every other byte stays."""

from pathlib import Path
from typing import Any

import pytest

from loaders.batch import Column, Dialect, Layout
from loaders.erasure.masking import MaskingError, mask, rows_of
from loaders.intake.asides import Aside, line_of
from tests.loaders.conftest import BatchOf

DOCUMENT: dict[str, Any] = {
    "dialect": None,
    "layout": None,
    "columns": (Column("(the record)", "document"),),
}


@pytest.mark.parametrize(
    ("content", "numbers", "left", "read"),
    [
        (b"a,b\n1,x\n2,y\n3,z", {3}, b"a,b\n1,x\n2,y\n0,0", {}),
        (b'a,b\r\n1,"x\r\ny"\r\n2,z\r\n', {1}, b'a,b\r\n0,"0\r\n"\r\n2,z\r\n', {}),
        (b"\xef\xbb\xbfa,b\n1,x\n2,\xff\n", {1}, b"\xef\xbb\xbfa,b\n0,0\n2,\xff\n", {}),
        (b"a,b\n1,x,late\n2\n3,z\n", {1, 2}, b"a,b\n0,0\n0,0\n3,z\n", {}),
        (b"a;b\n1;x\n2;y\n", {2}, b"a;b\n1;x\n0;0\n", {"dialect": Dialect(";")}),
        (
            "\ufeffa,b\n1,x\n2,y\n".encode("utf-16-le"),
            {1},
            "\ufeffa,b\n0,0\n2,y\n".encode("utf-16-le"),
            {"encoding": "utf-16-le"},
        ),
        (
            b'[{"id": 1},\n {"id":\n 2}, null, {"id": 1}]',
            {2, 4},
            b'[{"id": 1},\n {\n}, null, {}]',
            {"format": "json", **DOCUMENT},
        ),
        (
            b'{"id": 1}\n\n {"id":2} \r\n[1]\n',
            {2},
            b'{"id": 1}\n\n {} \r\n[1]\n',
            {"format": "ndjson", **DOCUMENT},
        ),
        (
            b'\x1e{"id":1}\n\x1e\n\x1e\x1e{"id":2}\n',
            {2},
            b'\x1e{"id":1}\n\x1e\n\x1e\x1e{}\n',
            {"format": "json-seq", **DOCUMENT},
        ),
        (
            line_of(Aside(7, 8, b"Ada", "Ada", "why")) + line_of(Aside(9, 10, b"x", "x", "why")),
            {7},
            line_of(Aside(7, 8, b"", "", "why")) + line_of(Aside(9, 10, b"x", "x", "why")),
            {"format": "asides", **DOCUMENT},
        ),
    ],
)
def test_only_the_rows_that_are_named_are_emptied(
    batch_of: BatchOf,
    tmp_path: Path,
    content: bytes,
    numbers: set[int],
    left: bytes,
    read: dict[str, Any],
) -> None:
    batch = batch_of(content, **{"layout": Layout(1, 2), **read})
    target = tmp_path / "masked"
    mask(batch, numbers, target)
    assert target.read_bytes() == left


def test_parquet_keeps_every_other_value_and_nothing_of_the_row(
    batch_of: BatchOf, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = pa.array(["Ada Lovelace", "Bob", "Ada Lovelace"])
    table = pa.table({"a": [1, 2, 1], "b": names.dictionary_encode()})
    pq.write_table(table, tmp_path / "people.parquet", row_group_size=2)
    content = (tmp_path / "people.parquet").read_bytes()
    batch = batch_of(content, format="parquet", dialect=None)
    mask(batch, {1, 3}, tmp_path / "masked")
    masked = pq.read_table(tmp_path / "masked")
    assert masked.to_pydict() == {"a": [None, 2, None], "b": [None, "Bob", None]}
    assert b"Lovelace" in content
    assert b"Lovelace" not in (tmp_path / "masked").read_bytes()


def test_a_file_that_would_be_read_otherwise_is_refused(batch_of: BatchOf, tmp_path: Path) -> None:
    content = b"a,b\n1,x\n2,y\n\nkey,value,more\nx,y,z\n"  # a second table, by its header
    batch = batch_of(content, layout=Layout(1, 2))
    assert [row.number for row in rows_of(batch)] == [1, 2, 3, 4]
    with pytest.raises(MaskingError, match="row 4"):
        mask(batch, {3}, tmp_path / "masked")
