from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loaders.intake.decode import detect_encoding, encode, open_text

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp1252", "latin-1")
TEXT = "user_id,name\n1,Ada\n2,Zoë\n"
one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file that is read."""
    return tmp_path / "file.csv"


def read(path: Path, content: bytes) -> tuple[str, str]:
    path.write_bytes(content)
    encoding = detect_encoding(path)
    with open_text(path, encoding) as text:
        return encoding, text.read()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("cp1252"), "cp1252"),
        (b"\xff\xfe" + TEXT.encode("utf-16-le"), "utf-16-le"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (b"\xff\xfe\0\0" + TEXT.encode("utf-32-le"), "utf-32-le"),
        (b"\0\0\xfe\xff" + TEXT.encode("utf-32-be"), "utf-32-be"),
    ],
)
def test_the_encoding_is_seen_and_the_mark_is_no_text(
    path: Path, content: bytes, encoding: str
) -> None:
    assert read(path, content) == (encoding, TEXT)


@pytest.mark.parametrize("content", [b"", b"\n", b"a", b"a,b\n1,x\0\n", b"\0\0\0\0"])
def test_little_or_plain_text_is_utf_8(path: Path, content: bytes) -> None:
    assert read(path, content) == ("utf-8", content.decode())


def test_utf_16_without_a_mark_is_seen_where_few_letters_are_latin(path: Path) -> None:
    text = "id,имя\n" + "".join(f"{i},Екатерина Александровна\n" for i in range(50))
    assert read(path, text.encode("utf-16-le")) == ("utf-16-le", text)
    assert read(path, text.encode("utf-16-be")) == ("utf-16-be", text)


def test_a_stray_byte_in_a_utf_8_file_does_not_make_it_another_encoding(path: Path) -> None:
    encoding, text = read(path, "1,Zoë\n2,x".encode() + b"\xe9\n")
    assert (encoding, text) == ("utf-8", "1,Zoë\n2,x\udce9\n")


def test_a_byte_that_windows_1252_has_not_makes_it_latin_1(path: Path) -> None:
    assert read(path, b"caf\xe9 \x81\n") == ("latin-1", "caf\xe9 \x81\n")


def test_a_sequence_over_two_chunks_is_one_character(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.intake.decode.CHUNK", 1)
    assert read(path, TEXT.encode()) == ("utf-8", TEXT)


def test_line_ends_stay_as_they_are(path: Path) -> None:
    assert read(path, b"a\r\nb\rc\nd") == ("utf-8", "a\r\nb\rc\nd")


def test_a_mark_counts_at_the_beginning_only(path: Path) -> None:
    assert read(path, "\ufeff\ufeffa\ufeff".encode())[1] == "\ufeffa\ufeff"


@pytest.mark.parametrize("rest", [b"\0", b"\xd8", b"\0\xd8", b"\0\xd8\0", b"\0\xdcx"])
def test_broken_utf_16_is_read_and_given_back(path: Path, rest: bytes) -> None:
    encoding, text = read(path, b"\xff\xfe" + TEXT.encode("utf-16-le") + rest)
    assert text.startswith(TEXT)
    assert encode(text, encoding) == TEXT.encode("utf-16-le") + rest


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(content=st.binary(max_size=60))
@one_folder
def test_encode_gives_back_what_was_read(path: Path, encoding: str, content: bytes) -> None:
    if encoding == "cp1252":  # chosen only for bytes that it has
        content = content.translate(None, b"\x81\x8d\x8f\x90\x9d")
    path.write_bytes(content)
    with open_text(path, encoding) as text:
        found = text.read()
    marks = [b"", "\ufeff".encode(encoding)] if encoding.startswith("utf") else [b""]
    assert content in [mark + encode(found, encoding) for mark in marks]


@given(content=st.binary(max_size=60))
@one_folder
def test_any_bytes_are_read_in_the_encoding_that_is_seen(path: Path, content: bytes) -> None:
    encoding, text = read(path, content)
    assert content.endswith(encode(text, encoding))
