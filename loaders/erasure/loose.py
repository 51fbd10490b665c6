"""Objects of the raw store that no landing told of: what pipelines and the models wrote there.

A pipeline's object is of the source that its key begins with, and what the models made of answers
of the posts. A record there is of the person where a field has the name and the value that a
subject names for a table of that source, or where a telling value stands in it. It goes as a line,
or an object of JSON; the object keeps its key, since whoever reads it knows it by that.
"""

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from loaders.archive.erasures import FOLDER as ERASURES
from loaders.archive.records import FOLDER as LANDINGS
from loaders.archive.tombstones import FOLDER as TOMBSTONES
from loaders.erasure.answers import cut_objects
from loaders.erasure.subjects import Subject
from loaders.erasure.values import contains
from loaders.raw_store import RawStore

TOLD = (ERASURES, LANDINGS, TOMBSTONES)
OF_LANDINGS = ("batches", "files", "raw", "replays")
PROCESSED, POSTS = "processed", "posts"  # see orchestration/processed.py
FIELDS = {"userId": "user_id"}  # of a post, as the models name them
TABLES = {".csv": ",", ".tsv": "\t"}
DOCUMENTS = (".json", ".ndjson")
LONGEST_FIELD = 1 << 30
LIST = re.compile(r"\[\s*\{")  # what has a list of records is none itself


class Quoted(csv.excel):
    """RFC 4180."""


class Plain(csv.excel):
    """Nothing is quoted."""

    quoting = csv.QUOTE_NONE


def loose_keys(store: RawStore, *, is_shared: bool) -> Iterator[str]:
    """The keys of such objects. A data folder has other folders beside those of the store."""
    others = {"runs", "postgres", "dbt", "uploads", "unarchived", "published", "logs"}
    for key in store.keys(""):
        first, _, rest = key.partition("/")
        is_ours = first not in (*TOLD, *OF_LANDINGS) and bool(rest)
        if is_ours and not (is_shared and (first in others or first.startswith("."))):
            yield key


def mend(
    store: RawStore,
    subject: Subject,
    values: Collection[str],
    folder: Path,
    sources: Mapping[str, str],
    *,
    is_shared: bool,
) -> list[str]:
    """Take the person out of such objects; the keys of those that were written anew.

    `sources` says of which source a raw table is.
    """
    mended = []
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "loose"
    for key in loose_keys(store, is_shared=is_shared):
        suffix = Path(key).suffix
        if suffix not in (*TABLES, *DOCUMENTS):
            continue
        store.fetch(key, path)
        before = path.read_bytes()
        after = without(before, suffix, _subject_in(key, subject, sources), values)
        if after != before:
            path.write_bytes(after)
            store.replace(key, path)
            mended.append(key)
    path.unlink(missing_ok=True)
    return mended


def _subject_in(key: str, subject: Subject, sources: Mapping[str, str]) -> Subject:
    """What of a subject concerns an object of this key."""
    first = key.split("/", maxsplit=1)[0]
    if first == PROCESSED:
        terms = [term for term in subject.terms if term.table == POSTS and len(term.path) == 1]
        return Subject(
            msgspec.structs.replace(term, path=(FIELDS.get(term.path[0], term.path[0]),))
            for term in terms
        )
    return Subject(term for term in subject.terms if sources.get(term.table) == first)


def without(content: bytes, suffix: str, subject: Subject, values: Collection[str]) -> bytes:
    """A table or documents without the records of the person."""

    def has_value(text: str) -> bool:
        return any(contains(text, value) for value in values)

    if suffix in TABLES:
        return _without_rows(content, TABLES[suffix], subject, has_value)

    def is_gone(text: str) -> bool:
        if any(subject.has(table, {"document": text}) for table in subject.tables):
            return True
        return LIST.search(text) is None and has_value(text)

    return cut_objects(content, is_gone)


def _without_rows(
    content: bytes, delimiter: str, subject: Subject, has_value: Callable[[str], bool]
) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    parts: list[str] = []
    names: list[str] | None = None
    for record, fields in _records(text, delimiter):
        named = dict(zip(names or (), fields, strict=False))
        is_gone = names is not None and (
            any(subject.has(table, named) for table in subject.tables) or has_value(record)
        )
        names = names if names is not None else fields
        parts += [] if is_gone else [record]
    return "".join(parts).encode("utf-8", "surrogateescape")


def _records(text: str, delimiter: str) -> Iterator[tuple[str, list[str]]]:
    """Each record as it is written, and its fields."""
    csv.field_size_limit(LONGEST_FIELD)
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text, newline=""):
            taken.append(line)
            yield line

    is_quoted = delimiter != "\t"
    dialect = Quoted if is_quoted else Plain
    for fields in csv.reader(lines(), dialect, delimiter=delimiter):
        yield "".join(taken), fields
        taken.clear()
