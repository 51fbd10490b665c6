"""An answer of any kind, kept as bytes: it is archived as it came, and one record describes it."""

import re
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from loaders.batch import Received
from loaders.intake.documents.answers import sequence_of
from loaders.sources.rest_api.spool import File, Spooled

ANY = "application/octet-stream"


def spool_whole(response: Any, place: str, folder: Path, table: str) -> Spooled:
    """Spool the body of an answer from `place`, and the record that describes it."""
    folder.mkdir(parents=True, exist_ok=True)
    name = _name(place, table)
    with File(folder / f"{table}-{name}") as body:
        body.write(response.content)
    kind = response.headers.get("Content-Type") or ANY
    received = Received(str(body.path), name, body.sha256, body.bytes, kind)
    record = {
        "name": name,
        "url": place,
        "sha256": body.sha256,
        "bytes": body.bytes,
        "content_type": kind,
    }
    with File(folder / f"{table}.json-seq") as items:
        items.write(sequence_of([msgspec.json.encode(record)]))
    return Spooled(items.path, items.sha256, items.bytes, 1, 1, 0, received)


def _name(url: str, table: str) -> str:
    """The name that the address ends with, of letters that any store takes."""
    last = PurePosixPath(unquote(urlsplit(url).path)).name
    return re.sub(r"[^\w.-]", "_", last).strip(".")[:100] or f"{table}.bin"
