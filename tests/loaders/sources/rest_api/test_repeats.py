"""Records that repeat: found by hashes, judged by bytes, in memory that numbers fill."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loaders.batch import Batch
from loaders.errors import SourceError
from loaders.intake.records import Rejected, Row, read_rows
from loaders.sources.rest_api.spool import Spool, Spooled

RECORD = st.sampled_from(
    [b'{"id":1}', b'{"id": 1}', b'{"id":2}', b'{"id":2,"a":"\xc3\xa9"}', b'{"a":1}', b"null", b"1"]
)


def spooled(folder: Path, pages: list[list[bytes]], *key: str) -> Spooled:
    with Spool(folder, "items", key, "it") as spool:
        for page in pages:
            spool.add(b"[" + b",".join(page) + b"]", page)
        return spool.finish()


def rows_of(spool: Spooled) -> list[Row | Rejected]:
    batch = Batch(
        id="b",
        source="s",
        table="items",
        uri="it",
        path=str(spool.path),
        sha256=spool.sha256,
        bytes=spool.bytes,
        format="json-seq",
        encoding="utf-8",
        columns=(),
    )
    return list(read_rows(batch))


def texts(spool: Spooled) -> list[str]:
    return [row.fields[0] if isinstance(row, Row) else row.text for row in rows_of(spool)]  # type: ignore[misc]


@settings(max_examples=40)
@given(pages=st.lists(st.lists(RECORD, max_size=5), max_size=4))
def test_with_a_key_each_record_is_there_once_in_its_first_place(
    tmp_path_factory: pytest.TempPathFactory, pages: list[list[bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    expected: list[str] = []
    for record in (record.decode() for page in pages for record in page):
        document = json.loads(record)
        has_key = isinstance(document, dict) and "id" in document
        if not (has_key and record in expected):
            expected.append(record)
    try:
        found = spooled(folder, pages, "id")
    except SourceError:
        digests = [tuple(page) for page in pages if page]
        assert len(set(digests)) < len(digests)
        return
    assert [row.number for row in rows_of(found)] == list(range(1, len(expected) + 1))
    assert found.rows == len(expected)
    assert found.repeated == sum(map(len, pages)) - len(expected)
    assert texts(found) == expected


def test_without_a_key_records_may_be_equal(tmp_path: Path) -> None:
    found = spooled(tmp_path, [[b'{"v":1}', b'{"v":1}'], [b'{"v":1}']])
    assert (found.rows, found.repeated, found.regular_rows) == (3, 0, 3)


def test_a_record_that_repeats_across_many_blocks_is_found(tmp_path: Path) -> None:
    padding = b"x" * 1000
    pages = [
        [
            b'{"id":%d,"text":"%s"}' % (number % 3000, padding)
            for number in range(start, start + 500)
        ]
        for start in range(0, 4500, 500)
    ]
    with pytest.raises(SourceError, match="pages go in a circle"):
        spooled(tmp_path, pages, "id")
    shifted = [pages[0], *[[*page[1:], page[0]] for page in pages[1:]]]
    shifted[6:] = [[*page[7:], *page[:7]] for page in shifted[6:]]
    found = spooled(tmp_path, shifted, "id")
    assert (found.rows, found.repeated) == (3000, 1500)
    assert found.sha256 == spooled(tmp_path, shifted[:6], "id").sha256
