"""Files nobody has seen: their values are read, whatever their dialect, encoding and layout."""

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from loaders.catalog import FilesSource, FileTable
from loaders.intake.records import Row, read_rows
from tests.loaders.conftest import find

COLUMNS = ("experiment_id", "user_id", "experiment_compound_ids", "experiment_run_time")
TABLE = FileTable("experiments.csv", COLUMNS, COLUMNS[:3])
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")

ids = st.sampled_from(["1", "007", "EXP-1", "a b", "ö", " 3 ", "2;x", "1,5", "x|y"])
lists = st.sampled_from(["1;2", "1", "1; 2;", "", "c1;c2;c3", "1:3"])
times = st.sampled_from(["1.5", "1,5", "", "NULL", "1e3", 'say "1"', "two\nlines", "\t2"])
FIELDS = (ids, ids, lists, times)
titles = st.sampled_from([str, str.upper, str.title, lambda name: f" {name} "])
wrappings = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ";", "\t", "|", ",\t"]),
        "end": st.sampled_from(["\n", "\r\n", "\r"]),
        "encoding": st.sampled_from(ENCODINGS),
        "is_quoted": st.booleans(),
        "blank_lines": st.integers(0, 2),
        "has_final_end": st.booleans(),
        "title": titles,
        "order": st.permutations([*COLUMNS, "extra"]),
    }
)


def written(value: str, wrapping: dict[str, Any]) -> str:
    """A field of the file; quoted where it must be, or where all are."""
    special = {*'"\r\n', *wrapping["delimiter"]}
    if wrapping["is_quoted"] or special & set(value):
        return '"' + value.replace('"', '""') + '"'
    return value


def content(rows: list[dict[str, str]], wrapping: dict[str, Any]) -> bytes:
    order = wrapping["order"]
    header = [written(wrapping["title"](name), wrapping) for name in order]
    lines = [header, *([written(row[name], wrapping) for name in order] for row in rows)]
    end, encoding = str(wrapping["end"]), str(wrapping["encoding"])
    text: str = end * wrapping["blank_lines"] + end.join(map(wrapping["delimiter"].join, lines))
    text += end if wrapping["has_final_end"] else ""
    return text.encode(encoding)


PLAIN: dict[str, Any] = {
    "delimiter": ",",
    "end": "\n",
    "encoding": "utf-8",
    "is_quoted": False,
    "blank_lines": 0,
    "has_final_end": True,
    "title": str,
    "order": [*COLUMNS, "extra"],
}
ROW = {**dict.fromkeys(COLUMNS, "1"), "extra": "x"}


@given(
    rows=st.lists(
        st.fixed_dictionaries({**dict(zip(COLUMNS, FIELDS, strict=True)), "extra": ids}),
        min_size=1,
        max_size=8,
    ),
    wrapping=wrappings,
)
@example(rows=[ROW], wrapping={**PLAIN, "delimiter": ",\t", "end": "\r\n", "blank_lines": 1})
@example(rows=[ROW] * 2, wrapping={**PLAIN, "encoding": "utf-16", "delimiter": "|"})
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_values_are_those_that_were_written(
    tmp_path: Path, rows: list[dict[str, str]], wrapping: dict[str, Any]
) -> None:
    (tmp_path / TABLE.file).write_bytes(content(rows, wrapping))
    found = find(FilesSource(path=str(tmp_path), tables={"experiments": TABLE}))
    assert found.problems == ()
    (batch,) = found.batches
    names = [column.name for column in batch.columns]
    read = list(read_rows(batch))
    assert [row.number for row in read if isinstance(row, Row)] == list(range(1, len(rows) + 1))
    for row, sent in zip(read, rows, strict=True):
        assert isinstance(row, Row)
        values = dict(zip(names, row.fields, strict=True))
        nothing = "" if wrapping["is_quoted"] else None
        assert values == {name: value or nothing for name, value in sent.items()}
