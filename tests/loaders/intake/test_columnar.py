from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from loaders.batch import Batch, Column, Dialect, Layout, Ragged
from loaders.intake import chunks
from loaders.intake.columnar import read_chunks
from loaders.intake.columns import column_name
from loaders.intake.delimited import runs
from loaders.intake.examine import columns_of, examine
from loaders.intake.records import FOOTER, Rejected, Row, read_rows
from tests.loaders.conftest import BatchOf

one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def examined(batch_of: BatchOf, content: bytes, header: Sequence[str] = ()) -> Batch:
    """The batch of a file that was looked at."""
    reading = examine(Path(batch_of(content).path), [column_name(title) for title in header])
    return batch_of(
        content,
        format=reading.format,
        encoding=reading.encoding,
        dialect=reading.dialect,
        layout=reading.layout,
        regular_rows=reading.regular_rows,
        columns=columns_of(reading),
        problem=reading.problem,
    )


def read(batch: Batch) -> list[Row | Rejected]:
    """All that a batch gives, in the order of its rows."""
    found: list[Row | Rejected] = []
    for chunk in read_chunks(batch):
        *columns, numbers = chunk.rows.columns
        rows: Sequence[tuple[str | None, ...]] = list(
            zip(*(column.to_pylist() for column in columns), strict=True)
        ) or [()] * len(numbers)
        found += [Row(n, list(row)) for n, row in zip(numbers.to_pylist(), rows, strict=True)]
        found += chunk.rejected
    return sorted(found, key=lambda row: row.number)


def careful(batch: Batch) -> list[Row | Rejected]:
    return read(msgspec.structs.replace(batch, regular_rows=None))


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"a,b\n1,x\n2,\n", [["1", "x"], ["2", None]]),
        (b'a;b\r\n"1";""\r\n', [["1", ""]]),
        (b'a\tb\n1\t"two\nlines ""quoted"""\n', [["1", 'two\nlines "quoted"']]),
        ("a|b\n1|é\n2|ü".encode("cp1252"), [["1", "é"], ["2", "ü"]]),
        ("\ufeffa,b\n1,é\n".encode("utf-16-le"), [["1", "é"]]),
        ("\ufeffa,b\n1,é\n".encode(), [["1", "é"]]),
        (b"1,x,2024-01-01\n2,y,2024-01-02\n", [["1", "x", "2024-01-01"], ["2", "y", "2024-01-02"]]),
        (b'"a\nb",c\n1,x\n', [["1", "x"]]),
        (b"a,b\n00501,NA\n1e400,NULL\n", [["00501", "NA"], ["1e400", "NULL"]]),
    ],
)
def test_a_file_that_obeys_the_rules_is_read_fast(
    batch_of: BatchOf, content: bytes, rows: list[list[str | None]]
) -> None:
    batch = examined(batch_of, content)
    assert batch.regular_rows == len(rows)
    expected = [Row(number, row) for number, row in enumerate(rows, start=1)]
    assert read(batch) == careful(batch) == expected


def test_rows_and_what_stands_aside_come_in_parts(
    batch_of: BatchOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(chunks, "REJECTED_AT_ONCE", 2)
    batch = examined(batch_of, b"a,b\n1,x\nragged\n2,y\n3,z\nr\n4,u\ns\nt\n")
    parts = [(chunk.rows.num_rows, len(chunk.rejected)) for chunk in read_chunks(batch)]
    assert parts == [(2, 1), (2, 1), (0, 2)]


def test_long_rows_come_in_smaller_parts(
    batch_of: BatchOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHARACTERS_AT_ONCE", 10)
    batch = batch_of(b"a,b\n1,xxxxxxxxxxx\n2,x\n3,xxxxxxxx\n4,\n")
    assert [chunk.rows.num_rows for chunk in read_chunks(batch)] == [1, 2, 1]


def test_wide_rows_come_in_smaller_parts(
    batch_of: BatchOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "FIELDS_AT_ONCE", 4)
    monkeypatch.setattr(runs, "LINES_AT_ONCE", 1)
    batch = batch_of(b"a,b\n1,x\n2,x\n3,x\n4,\n5,\n")
    assert [chunk.rows.num_rows for chunk in read_chunks(batch)] == [2, 2, 1]


def test_a_batch_that_stands_aside_gives_no_rows(batch_of: BatchOf) -> None:
    batch = msgspec.structs.replace(examined(batch_of, b"a,b\n1,x\n"), problem="no id")
    assert [type(row) for row in read(batch)] == [Rejected]


def test_a_file_that_changed_since_it_was_checked_is_refused(batch_of: BatchOf) -> None:
    batch = examined(batch_of, b"a,b\n1,x\n")
    Path(batch.path).write_bytes(b"a,b\n1,x\n2,y\n")
    with pytest.raises(ValueError, match="2 rows were read, 1 were counted"):
        read(batch)


def test_columns_without_a_place_of_their_own_are_gathered(batch_of: BatchOf) -> None:
    columns = (Column("a", "a"), Column("b", "b", is_extra=True), Column("c", "c", is_extra=True))
    batch = batch_of(b"a,b,c\n1,x,\n2,,\n", columns=columns)
    assert batch.landed_columns == ("a", "_extra")
    assert read(batch) == [Row(1, ["1", '{"b": "x"}']), Row(2, ["2", None])]


def test_a_surplus_is_gathered_where_the_table_takes_it(batch_of: BatchOf) -> None:
    batch = batch_of(b"a,b\n1,x,\xc3\xbc,5\n2,y\n3\n", ragged="extra")
    one, two, three = read(batch)
    assert one == Row(1, ["1", "x", '{"column_3": "ü", "column_4": "5"}'])
    assert two == Row(2, ["2", "y", None])
    assert isinstance(three, Rejected)


# Properties


cells = st.one_of(
    st.none(),
    st.sampled_from(["", "NULL", "NA", "007", "1e400", "\\N", " x ", "a,b", "a;b", 'say "hi"']),
    st.text(st.one_of(st.sampled_from('",;|\t\n a1'), st.characters(codec="utf-8"))),
)


def written(value: str | None, delimiter: str, *, quotes_all: bool) -> str:
    if value is None:
        return ""
    if quotes_all or value == "" or set(value) & {*'"\r\n', delimiter}:
        return '"' + value.replace('"', '""') + '"'
    return value


@given(
    table=st.integers(2, 4).flatmap(
        lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1)
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quotes_all=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@example(table=[["x", None]], delimiter=",", end="\n", quotes_all=False, encoding="utf-8")
@one_folder
def test_both_readers_give_the_same_rows(
    batch_of: BatchOf,
    table: list[list[str | None]],
    delimiter: str,
    end: str,
    quotes_all: bool,
    encoding: str,
) -> None:
    header = [f"column {i}" for i in range(len(table[0]))]
    written_rows: list[Sequence[str | None]] = [header, *table]
    lines = [
        delimiter.join(written(value, delimiter, quotes_all=quotes_all) for value in row)
        for row in written_rows
    ]
    batch = examined(batch_of, (end.join(lines) + end).encode(encoding), header)
    fast = read(batch)
    assert fast == careful(batch)
    assert batch.dialect == Dialect(delimiter)
    for number, (row, found) in enumerate(zip(table, fast, strict=True), start=1):
        assert found.number == number
        if isinstance(found, Row):
            assert found.fields == row
        else:
            assert "NUL" in found.reason or found.reason == FOOTER


@given(content=st.binary(max_size=80) | st.text(st.sampled_from('ab1,;"\n\r é')).map(str.encode))
@one_folder
def test_of_any_bytes_every_record_lands_or_stands_aside(batch_of: BatchOf, content: bytes) -> None:
    batch = examined(batch_of, content)
    if batch.dialect is None:
        return
    rows = read(batch)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert rows == careful(batch)


untidy_lines = st.lists(
    st.sampled_from(
        [
            *("1,x,2024", "2,y,2023", "3,,2022", "4,z,", "5,,", ",,", ",x,", "id,name,since"),
            *("", " ", "\t", "Total", "Total of the year,,", "a note, of two", "6,u,7,8", "7"),
            *('"8","v","2021"', '9,"",2020', '"10,open,2019', '11,5" pipe,2018', '12,"say "so"",1'),
            *('13,"two\nlines",2017', '14,"said \\"it\\"",3', "15,\\,2016", "16,w\0,2015"),
            *(
                "17,\udcff,2014",
                "key,label,place",
                "a,b,c,d",
                "region,total",
                "18||s||2013",
                "19|||t",
            ),
        ]
    ),
    max_size=30,
)


@given(
    lines=untidy_lines,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    dialect=st.builds(
        Dialect,
        st.sampled_from([",", ",", ",", "||", "|", "\t", ""]),
        quote=st.sampled_from(['"', '"', ""]),
        escape=st.sampled_from(["", "\\"]),
        line_end=st.sampled_from(["any", "lf"]),
    ),
    header=st.sampled_from([None, 1, 1, 1, 3]),
    width=st.sampled_from([1, 2, 3, 3, 3]),
    ragged=st.sampled_from(["quarantine", "quarantine", "extra"]),
    problem=st.sampled_from([None, None, None, "no id"]),
    lines_of_a_run=st.integers(1, 5),
    rows_of_a_chunk=st.integers(1, 5),
)
@example(
    lines=["id,name,since", "1,x,2024", "2,y,2023", "5,,", "1,x,2024", "id,name,since", "4,z,"],
    end="\n",
    dialect=Dialect(","),
    header=1,
    width=3,
    ragged="quarantine",
    problem=None,
    lines_of_a_run=5,
    rows_of_a_chunk=5,
)
@one_folder
def test_ordinary_rows_come_to_the_same_together_as_one_by_one(
    batch_of: BatchOf,
    *,
    lines: list[str],
    end: str,
    dialect: Dialect,
    header: int | None,
    width: int,
    ragged: Ragged,
    problem: str | None,
    lines_of_a_run: int,
    rows_of_a_chunk: int,
) -> None:
    content = "".join(line + end for line in lines).encode("utf-8", "surrogateescape")
    titles = ("id", "name", "since")[:width]
    batch = batch_of(
        content,
        dialect=dialect,
        layout=Layout(header, width, tuple(i for i in (0, 2) if i < width)),
        columns=tuple(Column(title, title) for title in titles),
        ragged=ragged,
        problem=problem,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "LINES_AT_ONCE", 0)
        one_by_one = list(read_rows(batch))
        patch.setattr(runs, "LINES_AT_ONCE", lines_of_a_run)
        patch.setattr(chunks, "ROWS_AT_ONCE", rows_of_a_chunk)
        together = list(read_rows(batch))
        assert together == one_by_one == read(batch)
    assert together == list(read_rows(batch))
