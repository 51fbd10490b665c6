"""Files that came over HTTP, into the tables that their names say.

A table of sources.yml takes them as batches of its source; any other is made for them, as for
`elt land PATH`. What is no table at all lands nowhere: whoever sent it is told why.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple
from urllib.parse import unquote

import msgspec

from loaders import ledger
from loaders.batch import Batch, Books, batch_id
from loaders.catalog import DOCUMENTS, PATHS, FileTable, SourceSpec
from loaders.errors import SettingsError
from loaders.intake.binary import HEAD, kind_of
from loaders.intake.columns import table_name
from loaders.intake.decode import open_text
from loaders.landing import Outcome, drift, land_as, paths_source, searching
from loaders.settings import Settings
from loaders.sources import Found, Search
from loaders.sources.files.contents import Content, File, Origin, hash_file
from loaders.sources.files.examining import examine
from loaders.uploads import Upload, UploadOutcome
from loaders.warehouse import Warehouse

MUCH = 1 << 24  # bytes: more is examined in a process beside
TOLD = 3  # files that an origin names
RECORDS = FileTable(file="*", columns=DOCUMENTS, required=DOCUMENTS)  # of tables that APIs fill
Catalog = Mapping[str, SourceSpec]
Disposition = Literal["replace"] | None


class Came(NamedTuple):
    """An upload as it was read: what of it lands, and why what does not is refused."""

    upload: Upload
    batches: tuple[Batch, ...]
    problems: tuple[str, ...]

    def without_name(self, reason: str) -> str:
        """A reason for who knows of which file it is told."""
        return reason.removeprefix(f"{self.upload.told}: ")


def land_uploads(
    settings: Settings,
    warehouse: Warehouse,
    uploads: Sequence[Upload],
    catalog: Catalog,
    run_id: str,
) -> tuple[list[Outcome], list[UploadOutcome]]:
    """Land what was uploaded; what became of each source, and of each file.

    Raises:
        SettingsError: a table that is asked for cannot be named so.
    """
    for upload in uploads:
        if upload.table is not None and table_name(upload.table) != upload.table:
            told = f"{upload.table!r} is not how a table is named"
            raise SettingsError(f"{told}; write {table_name(upload.table)}")
    moment = datetime.now(UTC)
    outcomes = []
    with searching(settings, warehouse, PATHS, run_id) as search:
        came = [_read(upload, catalog, search) for upload in uploads]
        for (source, disposition), own in _by_source(came).items():
            started = time.monotonic()
            batches = tuple(batch for each in own for batch in each.batches)
            spec = _spec(source, catalog, {batch.table for batch in batches}, disposition)
            unsound = tuple(
                f"{_told(batch, each)}: {batch.problem}"
                for each in own
                for batch in each.batches
                if batch.problem
            )
            found = Found(_origin(own), batches, unsound)
            outcome = land_as(settings, warehouse, source, spec, found, run_id, moment)
            tables = {batch.table for batch in batches}
            outcomes.append(
                msgspec.structs.replace(
                    outcome,
                    tables={name: told for name, told in outcome.tables.items() if name in tables},
                    seconds=time.monotonic() - started,
                )
            )
    failures = tuple(dict.fromkeys(p for outcome in outcomes for p in outcome.problems))
    return outcomes, list(_outcomes(warehouse, came, failures, run_id))


def _read(upload: Upload, catalog: Catalog, search: Search) -> Came:
    """What an upload holds, and how it is read; what is no table is no batch."""
    origin = Origin(upload.uri, upload.told, upload.name, content_type=upload.content_type)
    hashed = hash_file(File(upload.table, Path(upload.path), origin), search)
    batches: list[Batch] = []
    problems = [*hashed.problems]
    for content in _placed(hashed.contents, catalog):
        tables = _tables(catalog.get(content.source))
        examined, unsound = examine([content], tables, search.known, None, MUCH)
        refusal = _why_no_table(examined[0], tables) if examined else unsound[0]
        if refusal:
            problems.append(refusal if not examined else f"{content.told}: {refusal}")
        else:
            batches += examined
    return Came(upload, tuple(batches), tuple(problems))


def _placed(contents: Iterable[Content], catalog: Catalog) -> Iterator[Content]:
    """The contents, as batches of the sources that have their tables, or look for such names."""
    owners = {table: source for source, spec in catalog.items() for table in spec.tables}
    for content in contents:
        table = content.table
        if content.file.table is None and table not in owners:
            table = next(_looked_for(content, catalog), table)
        source = owners.get(table, PATHS)
        name = batch_id(source, table, content.sha256)
        yield content._replace(source=source, table=table, batch_id=name)


def _looked_for(content: Content, catalog: Catalog) -> Iterator[str]:
    """The tables of sources.yml whose files may have this one's name, packed or not.

    A pattern that begins with a wildcard says nothing of what is in a file: it names a folder's.
    """
    sent = re.split(r"[/\\]", content.file.name)[-1]
    names = [sent, (content.member and content.member.name) or Path(sent).stem]
    for spec in catalog.values():
        for name, table in spec.tables.items():
            pattern = PurePosixPath(table.file).name if isinstance(table, FileTable) else None
            if not pattern or pattern[0] in "*?[":
                continue
            if any(fnmatchcase(each, pattern) for each in names):
                yield name


def _tables(spec: SourceSpec | None) -> dict[str, FileTable]:
    """How files for the tables of a source are read; those of an API have JSON records."""
    if spec is None:
        return {}
    return {
        name: table if isinstance(table, FileTable) else RECORDS
        for name, table in spec.tables.items()
    }


def _why_no_table(batch: Batch, tables: Mapping[str, FileTable]) -> str | None:
    """Why a file is refused at the door: nothing of it would be worth mending."""
    if batch.problem and not batch.columns:  # nothing of it can be read
        return batch.problem
    if batch.format != "csv" or batch.layout is None:  # or it has landed
        return None
    if kind := kind_of(Path(batch.path), batch.encoding):
        return f"it is {kind}, and no table"
    expected = tables.get(batch.table)
    has_none = bool(expected and expected.dialect and expected.dialect.header is False)
    if batch.layout.header is None and not has_none:
        return "no record of it is a header; its first line has to name the columns"
    if len(batch.columns) == 1 and _is_one_line(Path(batch.path), batch.encoding):
        return "it is no table: one line, in which nothing parts columns"
    return None


def _is_one_line(path: Path, encoding: str) -> bool:
    with open_text(path, encoding) as file:
        head = file.read(HEAD)
    return len(head) < HEAD and len(head.strip().splitlines()) < 2


def _by_source(came: Iterable[Came]) -> dict[tuple[str, Disposition], list[Came]]:
    """What was read, source by source, each with what of it is that source's."""
    by_source: dict[tuple[str, Disposition], list[Came]] = {}
    for each in came:
        for source in dict.fromkeys(batch.source for batch in each.batches):
            own = tuple(batch for batch in each.batches if batch.source == source)
            key = (source, each.upload.disposition)
            by_source.setdefault(key, []).append(each._replace(batches=own))
    return by_source


def _spec(
    source: str, catalog: Catalog, tables: Iterable[str], disposition: Disposition
) -> SourceSpec:
    spec = catalog[source] if source in catalog else paths_source(set(tables))
    return msgspec.structs.replace(spec, disposition=disposition) if disposition else spec


def _told(batch: Batch, came: Came) -> str:
    member = unquote(batch.uri.partition("#")[2])
    return f"{came.upload.told}: {member}" if member else came.upload.told


def _origin(came: Sequence[Came]) -> str:
    names = ", ".join(each.upload.told for each in came[:TOLD])
    more = f" and {len(came) - TOLD} more" if len(came) > TOLD else ""
    return f"{names}{more} (uploaded)"


def _outcomes(
    warehouse: Warehouse, came: Iterable[Came], failures: Sequence[str], run_id: str
) -> Iterator[UploadOutcome]:
    """What the ledger says of each file now, in order; one that came twice landed once."""
    seen: set[str] = set()
    for each in came:
        ids = tuple(dict.fromkeys(batch.id for batch in each.batches))
        with warehouse.reading() as reader:
            known = ledger.known_batches(reader, {*ids, *map(drift.anew_id, ids)})
        entries = {i: known.get(drift.anew_id(i), known.get(i)) for i in ids}
        there = [entry for entry in entries.values() if entry and entry.reason is None]
        new = {i for i, entry in entries.items() if entry and entry.run_id == run_id} - seen
        reasons = [*each.problems]
        reasons += [entry.reason for entry in entries.values() if entry and entry.reason]
        is_missing = None in entries.values()
        reasons += failures if is_missing else ()
        yield UploadOutcome(
            name=each.upload.name,
            state="refused" if not there else "landed" if new else "duplicate",
            tables=tuple(dict.fromkeys(batch.table for batch in each.batches)),
            books=sum((entry.books for entry in entries.values() if entry), Books()),
            batches=tuple(i for i, entry in entries.items() if entry and entry.reason is None),
            reason="; ".join(dict.fromkeys(map(each.without_name, reasons))) or None,
            kept=each.upload.path if is_missing else None,
        )
        seen |= set(ids)
