import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from loaders.batch import Dialect
from loaders.intake.delimited import scan as module
from loaders.intake.delimited.scan import Scan, scan
from loaders.intake.delimited.split import split_records

one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file that is scanned."""
    return tmp_path / "file.csv"


def scanned(path: Path, content: bytes, encoding: str = "utf-8", delimiter: str = ",") -> Scan:
    path.write_bytes(content)
    return scan(path, encoding, [delimiter])[0]


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,x\n",
        b"a,b\r\n1,x",
        b'a,b\n"1","x, y"\n',
        b'a,b\n1,"say ""hi"""\n',
        b'a,b\n1,"two\nlines"\n',
        b'a,b\n"",\n',
        b'"a","b"\n"""",""""""\n',
        "\ufeffa,b\n1,ë\n".encode(),
    ],
)
def test_what_every_parser_cuts_alike_is_plain(path: Path, content: bytes) -> None:
    spans_lines = b"two\nlines" in content
    assert scanned(path, content) == Scan(",", width=2, records=2, spans_lines=spans_lines)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-32-be", "cp1252", "gb18030"])
def test_the_encoding_does_not_matter(path: Path, encoding: str) -> None:
    text = "a,b\n1,\xe9\n" if encoding == "cp1252" else "a,b\n1,名\n"
    assert scanned(path, text.encode(encoding), encoding) == Scan(",", width=2, records=2)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a,b\n1\n", "record 2 is 1 fields wide, the first is 2"),
        (b"a,b\n1,2,3", "record 2 is 3 fields wide, the first is 2"),
        (b'a,b\n1,5" pipe\n', "a quote stands within a field"),
        (b'a,b\n1, "x"\n', "a quote stands within a field"),
        (b'a,b\n1,"x" \n', "text follows a closing quote"),
        (b'a,b\n1,"x"y\n', "text follows a closing quote"),
        (b'a,b\n1,"x\n', "a quote is never closed"),
        (b"a,b\r1,x\r", "a carriage return stands alone"),
        (b"a,b\n1,x\r", "a carriage return stands alone"),
        (b'a,b\n1,"x\ry"\n', "a carriage return stands alone"),
        (b"", "there is no record"),
        (b"\n\r\n", "there is no record"),
    ],
)
def test_what_breaks_the_rules_is_told(path: Path, content: bytes, problem: str) -> None:
    assert scanned(path, content).problem == problem


@pytest.mark.parametrize(
    "content",
    [b"a,b\n\n1,x\n", b"a,b\r\n\r\n1,x\n", b"a,b\n1,x\n\n", b"a,b\n1,\0\n", b"a,b\n1,\xff\n"],
)
def test_what_readers_may_differ_in_is_not_plain(path: Path, content: bytes) -> None:
    found = scanned(path, content)
    assert (found.width, found.records, found.problem) == (2, 2, None)
    assert not found.is_plain


def test_a_repeated_header_is_not_plain(path: Path) -> None:
    assert not scanned(path, b"a,b\n1,x\na,b\n2,y\n").is_plain
    assert not scanned(path, b'a,b\n1,x\n"a","b"\n2,y\n').is_plain
    assert not scanned(path, b'"a",b\n1,x\na,"b"\n2,y\n').is_plain
    assert scanned(path, b"a,b\n1,x\nab,b\n2,y\n").is_plain


def test_a_record_longer_than_a_block_is_not_plain(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_RECORD", 20)
    assert scanned(path, b"a,b\n1," + b"x" * 10 + b"\n").is_plain
    assert not scanned(path, b"a,b\n1," + b"x" * 20 + b"\n").is_plain


def test_several_separators_are_checked_in_one_pass(path: Path) -> None:
    path.write_bytes(b"a;b,c\n1;2,3\n")
    found = scan(path, "utf-8", [",", ";", "|"])
    assert [(one.delimiter, one.width, one.problem) for one in found] == [
        (",", 2, None),
        (";", 2, None),
        ("|", 1, None),
    ]


# Properties


csv_text = st.text(st.sampled_from('ab1,;" \n\r\0é'), max_size=30)


@given(text=csv_text, chunk=st.integers(1, 7))
@example(text='a,b\n"x""y",\n', chunk=3)
@one_folder
def test_a_file_that_passes_is_cut_so_by_the_careful_reader(
    path: Path, text: str, chunk: int
) -> None:
    path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        (found,) = scan(path, "utf-8", [","])
    if found.problem is None:
        records = list(split_records(io.StringIO(text, newline=""), Dialect(",")))
        assert not any(record.problem or record.is_loose for record in records)
        if found.is_plain or found.width > 1:
            assert {len(record.fields) for record in records} == {found.width}
            assert len(records) == found.records


@given(text=csv_text, chunk=st.integers(1, 7))
@one_folder
def test_where_a_chunk_ends_does_not_matter(path: Path, text: str, chunk: int) -> None:
    path.write_bytes(text.encode())
    whole = scan(path, "utf-8", [",", ";"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        parts = scan(path, "utf-8", [",", ";"])
    for one, other in zip(whole, parts, strict=True):
        assert (one.problem is None) == (other.problem is None)
        if one.problem is None:
            assert one == other
