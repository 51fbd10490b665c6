"""What is text, and what only could be read as if it were."""

from pathlib import Path

import pytest

from loaders.intake.binary import kind_of


@pytest.mark.parametrize(
    ("content", "encoding", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "cp1252", "a PNG image"),
        (b"MZ\x90\0\3", "cp1252", "a program"),
        (b"\n <!DOCTYPE HTML><p>a,b", "utf-8", "a web page"),
        (bytes(range(256)), "latin-1", "binary data"),
        (b"a,b\n" + b"\0" * 100, "utf-8", "binary data"),
        (b"MZ,name\n1,2\n", "utf-8", None),
        (b"a,b\n1,\0\n" + b"3,4\n" * 10, "utf-8", None),
        ("a,b\n1,2\n".encode("utf-16"), "utf-16", None),
        (b"name,\x1b[31mred\x1b[0m\n1,2\n", "utf-8", None),
    ],
)
def test_bytes_are_told_from_text(
    tmp_path: Path, content: bytes, encoding: str, kind: str | None
) -> None:
    (tmp_path / "file").write_bytes(content)
    assert kind_of(tmp_path / "file", encoding) == kind
