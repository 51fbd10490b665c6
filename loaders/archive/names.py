"""Names of objects in the raw store: readable, and told apart by content where they are the same.

    files/users.csv                     a file, by the name that it came under
    raw/raw_data_20261121_183000.json   an answer of an API, by the second in which it was asked
    raw/report.pdf                      an answer that is no JSON, by its own name
    replays/4f….csv                     mended rows
    batches/9a….json-seq.zst            the records of an answer, as they land
    processed/processed_data_….json     what the models made of a run's answers

S3 and Azure have the answers in folders by day, as lakes do: `raw/year=2026/month=11/day=21/…`.
"""

from datetime import UTC, datetime
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from loaders.batch import RECORDS, Batch, Received
from loaders.destinations.tables import Manifest
from loaders.raw_store import LONGEST_NAME

DIGITS = 12  # of a SHA-256, that tell two files of one name apart
SUFFIX = 32  # characters at most; what is longer belongs to the name


def received_key(url: str, manifest: Manifest, received: Received) -> str:
    """The key that what was received has, unless other bytes have it."""
    if manifest.mends:
        return f"replays/{_sound(received.name)}"
    if manifest.batch.format == "json-seq":
        moment = datetime.fromisoformat(manifest.started_at).astimezone(UTC)
        timed = f"raw_data_{moment:%Y%m%d_%H%M%S}.json"
        name = timed if received.name == RECORDS else _sound(received.name)
        return f"{_folder_of('raw', url, moment)}/{name}"
    return f"files/{_sound(received.name)}"


def content_key(batch: Batch) -> str:
    """The key of a batch's own content, where it is not what was received."""
    return f"batches/{batch.sha256}.{batch.format}.zst"


def processed_key(moment: datetime) -> str:
    """The key of what the models made of a run's answers."""
    return f"processed/processed_data_{moment:%Y%m%d_%H%M%S}.json"


def told_apart(key: str, sha256: str) -> str:
    """The key, with the beginning of the hash in it: other bytes have the plain one."""
    folder, _, name = key.rpartition("/")
    path = PurePosixPath(name)
    suffix = path.suffix if len(path.suffix) <= SUFFIX else ""
    stem = name.removesuffix(suffix)
    return f"{folder}/{_shortened(stem, f'.{sha256[:DIGITS]}{suffix}')}"


def _folder_of(kind: str, url: str, moment: datetime) -> str:
    if urlsplit(url).scheme == "file":
        return kind
    return f"{kind}/year={moment:%Y}/month={moment:%m}/day={moment:%d}"


def _sound(name: str) -> str:
    """The last part of a name, without what a store cannot take; never a way out of the store."""
    last = name.replace("\\", "/").rpartition("/")[2]
    printable = "".join(letter if letter.isprintable() else "_" for letter in last)
    return _shortened("unnamed" if printable in ("", ".", "..") else printable, "")


def _shortened(stem: str, ending: str) -> str:
    room = LONGEST_NAME - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore") + ending
