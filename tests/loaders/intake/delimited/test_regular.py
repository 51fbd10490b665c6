import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loaders.intake.arrow_sums import ArrowSums
from loaders.intake.checksum import total
from loaders.intake.delimited.regular import RegularRows

NAMES = ["id", "name", "note"]
TEXT = st.text(st.sampled_from('ab,;"\n é0'), max_size=6)
ROWS = st.lists(st.tuples(*[st.none() | TEXT] * 3), min_size=1, max_size=12)
Rows = list[tuple[str | None, ...]]


def written(rows: Rows, line_end: str, *, has_last_end: bool) -> bytes:
    """The rows as RFC 4180 writes them: NULL is the empty field, the empty text is quoted."""
    text = "".join(",".join(map(field, row)) + line_end for row in rows)
    return (text if has_last_end else text.removesuffix(line_end)).encode()


def field(value: str | None) -> str:
    if value is None:
        return ""
    needs_quotes = not value or set(value) & set(',"\n')
    return '"' + value.replace('"', '""') + '"' if needs_quotes else value


def fed(content: bytes, size: int, *, has_header: bool) -> RegularRows:
    rows = RegularRows(",", NAMES, has_header=has_header)
    for at in range(0, len(content), size):
        rows.feed(content[at : at + size])
    rows.finish()
    return rows


def expected(rows: Rows) -> int:
    columns = [pa.array([row[i] for row in rows], pa.string()) for i in range(3)]
    return total(ArrowSums(NAMES).of(columns, pa.array(range(1, len(rows) + 1), pa.int64())))


@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans(), st.integers(1, 40))
@example([('"', '""', 'a"b'), ("", None, '"\n"')], "\r\n", False, True, 3)
def test_bytes_add_up_to_what_their_values_do(
    rows: Rows, line_end: str, has_header: bool, has_last_end: bool, size: int
) -> None:
    header: Rows = [("id", "name", "note")] if has_header else []
    content = written([*header, *rows], line_end, has_last_end=has_last_end)
    found = fed(content, size, has_header=has_header)
    assert found.count == len(rows)
    assert found.checksum == expected(rows)


def test_a_header_alone_has_no_rows() -> None:
    found = fed(b"id,name,note\n", 100, has_header=True)
    assert (found.count, found.checksum) == (0, 0)


@pytest.mark.parametrize("size", [1000, 1 << 18, 1 << 22])
def test_a_large_file_adds_up_in_any_blocks(size: int) -> None:
    rows: Rows = [(str(i), f"name {i}" if i % 3 else None, "x" * (i % 50)) for i in range(60_000)]
    content = written(rows, "\n", has_last_end=True)
    found = fed(content, size, has_header=False)
    assert (found.count, found.checksum) == (60_000, expected(rows))
