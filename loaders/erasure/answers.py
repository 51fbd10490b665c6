"""Records out of the answers that they were received in, which the raw store keeps as they came."""

import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from loaders.erasure.masking import MaskingError
from loaders.intake.documents.answers import SEPARATOR

NOTHING = b"{}"
_DECODER = json.JSONDecoder()


def cut_answers(
    answers: Path,
    sequence: Path,
    numbers: Collection[int],
    target: Path,
) -> None:
    """Write answers without these records of the sequence that was made of them.

    Records are found in their order, where they stand as they landed. A record that came again, and
    landed once, goes each time.

    Raises:
        MaskingError: a record is not where it should be.
    """
    content = answers.read_bytes()
    gone = {document for document, is_gone in _documents(sequence, numbers) if is_gone}
    parts: list[bytes] = []
    at = 0
    for document, is_gone in _documents(sequence, numbers):
        start = content.find(document, at)
        if start < 0:
            raise MaskingError(f"{answers.name}: a record is not there as it landed")
        parts += [_without(content[at:start], gone), NOTHING if is_gone else document]
        at = start + len(document)
    target.write_bytes(b"".join([*parts, _without(content[at:], gone)]))


def _without(between: bytes, gone: Collection[bytes]) -> bytes:
    """What stands between two records, without those that came again."""
    for document in gone:
        between = between.replace(document, NOTHING)
    return between


def _documents(path: Path, numbers: Collection[int]) -> Iterator[tuple[bytes, bool]]:
    number = 0
    for item in path.read_bytes().split(SEPARATOR.encode())[1:]:
        document = item.removesuffix(b"\n")
        if document:
            number += 1
            yield document, number in numbers


def cut_objects(content: bytes, is_gone: Callable[[str], bool]) -> bytes:
    """JSON without the objects of which something says that they go, the outermost first."""
    text = content.decode("utf-8", "surrogateescape")
    parts: list[str] = []
    at = begun = 0
    while (at := text.find("{", at)) >= 0:
        try:
            _, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if is_gone(text[at:end]):
            parts += [text[begun:at], "{}"]
            at = begun = end
        else:
            at += 1
    return "".join([*parts, text[begun:]]).encode("utf-8", "surrogateescape")
