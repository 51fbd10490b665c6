"""Is a file text at all? Any bytes can be read as a table in one encoding or other.

Signatures are those of the formats' own specifications, as `file` knows them.
"""

from pathlib import Path

HEAD = 1 << 16  # bytes that are looked at
SIGNATURES = {
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF-": "a PDF document",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"SQLite format 3\0": "an SQLite database",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a document of an office program",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
}
PAGES = (b"<!doctype html", b"<html")
WIDE = ("utf-16", "utf-32")  # half of whose bytes are zeros
IN_TEXT = frozenset(b"\t\n\v\f\r\x1a\x1b\x1c\x1d\x1e\x1f\0")  # control characters that texts have
CONTROLS = bytes(code for code in range(32) if code not in IN_TEXT)
MOST_CONTROLS = 0.01  # of the bytes; of random ones it is 8 %
ZEROS = 0.5  # of the bytes: more is no text, whatever the encoding


def kind_of(path: Path, encoding: str) -> str | None:
    """What a file is that holds no text; None where it may be text in this encoding.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    for signature, kind in SIGNATURES.items():
        if head.startswith(signature) and (signature != b"MZ" or b"\0" in head):
            return kind
    if head.lstrip()[:32].lower().startswith(PAGES):
        return "a web page"
    if encoding.lower().replace("_", "-").startswith(WIDE):
        return None
    controls = len(head) - len(head.translate(None, CONTROLS))
    is_binary = controls > MOST_CONTROLS * len(head) or head.count(0) > ZEROS * len(head)
    return "binary data" if is_binary else None
