import io

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.errors import BadFormatError, EmptyValueError
from loaders.transforms import record_of, value_at
from loaders.transforms.tsv import Fields, read_rows, rows_of, write_row

HARD = (
    None,
    "",
    "NULL",
    "null",
    r"\N",
    "\\",
    "\\\\N",
    "a\tb",
    "a\nb",
    "a\r\nb",
    r"\t",
    "\\.",
    "é\x0b",
)
VALUES = st.none() | st.sampled_from(HARD) | st.text(st.characters(codec="utf-8"))
ROWS = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(VALUES, min_size=n, max_size=n)))


@pytest.mark.contract("S2-17", "S2-18")
@settings(max_examples=100)
@given(ROWS)
def test_there_and_back_again_changes_nothing(rows: list[list[str | None]]) -> None:
    file = io.BytesIO(b"".join(map(write_row, rows)))
    assert list(read_rows(file)) == rows


@pytest.mark.contract("S2-18")
def test_each_of_what_looks_alike_is_written_as_itself() -> None:
    assert (
        write_row([None, "", "NULL", r"\N", "\t\n\r\\"]) == b"\\N\t\tNULL\t\\\\N\t\\t\\n\\r\\\\\n"
    )


@pytest.mark.contract("S2-17", "S2-18")
def test_postgresql_reads_and_writes_the_same(postgres_url: str) -> None:
    file = b"".join(write_row([str(n), value]) for n, value in enumerate(HARD))
    with psycopg.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute("create temporary table t (n integer, value text)")
        with cursor.copy("copy t from stdin") as copy:
            copy.write(file)
        cursor.execute("select value from t order by n")
        assert tuple(value for (value,) in cursor.fetchall()) == HARD
        with cursor.copy("copy (select * from t order by n) to stdout") as copy:
            written = b"".join(bytes(part) for part in copy)
    assert [row[1] for row in read_rows(io.BytesIO(written))] == list(HARD)


@pytest.mark.contract("S2-17")
def test_nested_paths_become_columns() -> None:
    record = record_of(
        b'{"id": 12345678901234567890, "a": {"b": [{"c": "x"}, null]}, "a.d": 1.0, "n": null}'
    )
    fields = Fields({"id": "id", "c": "a.b.0.c", "second": "a.b.1", "whole": "a.b", "d": "a.d"})
    expected = ["12345678901234567890", "x", None, '[{"c": "x"}, null]', "1.0"]
    assert list(rows_of([record], fields)) == [expected]
    assert [value_at(record, path) for path in ("a.b.2", "a.b.x", "id.x", "none")] == [None] * 4


@pytest.mark.contract("S2-17", "S2-22")
def test_a_column_that_must_have_a_value_has_one() -> None:
    fields = Fields({"id": "id", "name": "name"}, not_null=("id",))
    sound, bad = record_of(b'{"id": ""}'), record_of(b'{"name": "x"}')
    assert list(rows_of([sound], fields)) == [["", None]]
    with pytest.raises(EmptyValueError, match="record 2 has no value for id"):
        list(rows_of([sound, bad], fields))


@pytest.mark.contract("S2-22")
@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([b"a\tb\n", b"a\n"], "line 2 of the TSV cannot be read: 1 field, the header has 2"),
        ([b"\\x41\n"], r"line 1 of the TSV cannot be read: the escape .* is not known"),
        ([b"\xff\n"], "line 1 of the TSV cannot be read"),
    ],
)
def test_a_line_that_is_no_row_is_refused(lines: list[bytes], problem: str) -> None:
    with pytest.raises(BadFormatError, match=problem):
        list(read_rows(lines))
