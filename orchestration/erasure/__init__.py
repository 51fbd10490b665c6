"""An erasure is a run: it holds the warehouse; its record says what went, and that nothing is left.

It goes from what is kept longest to what is made of it: the raw store, raw, the models, older
builds, the files of the warehouse, files of runs. A note in the data folder lasts until the search
finds nothing any more, so that an erasure which was killed is finished by the next one.
"""

import hashlib
import hmac
import logging
import os
import secrets
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from loaders import profiles
from loaders.catalog import load_catalog, load_subjects
from loaders.deletion import row_id
from loaders.erasure import note, work
from loaders.erasure.note import Note
from loaders.erasure.subjects import Subject, Term, terms_of
from loaders.erasure.values import MOST
from loaders.errors import SettingsError
from loaders.raw_store import RawStore
from loaders.settings import Settings
from loaders.warehouse import RAW_SCHEMA, Warehouse, open_warehouse
from orchestration.erasure import cleaning, proof
from orchestration.lock import run_lock
from orchestration.recording import Held, Tell, recorded_run, timed
from orchestration.registry import Erasure, RunRecord
from orchestration.transformation import transform

KEY = ".erasure_key"  # of the hashes of subjects in records
KEY_BYTES = 32
LOOKED = ".looked"  # contents that a preview searches
log = logging.getLogger("assay.erasure")


def subject_of(settings: Settings, subjects: Sequence[str]) -> Subject:
    """Who is named, together with who an erasure that was not finished is about.

    Raises:
        SettingsError: nobody is named, or sources.yml or a subject makes no sense.
    """
    before = note.read(settings.data_dir)
    terms = terms_of(subjects, load_subjects(settings))
    subject = Subject(dict.fromkeys([*(before.terms if before else ()), *terms]))
    if not subject.terms:
        raise SettingsError("name who is to be erased: --subject TABLE.COLUMN=VALUE")
    return subject


def _named(settings: Settings, rows: Sequence[str]) -> tuple[str, ...]:
    """The rows that are named, here and by an erasure that was not finished."""
    before = note.read(settings.data_dir)
    named = dict.fromkeys([*(before.rows if before else ()), *map(str, map(row_id, rows))])
    return tuple(named)


def _by_batch(named: Sequence[str]) -> dict[str, set[int]]:
    rows: dict[str, set[int]] = {}
    for name in named:
        row = row_id(name)
        rows.setdefault(row.batch_id, set()).add(row.row)
    return rows


def preview(settings: Settings, subjects: Sequence[str], rows: Sequence[str] = ()) -> work.Looked:
    """What an erasure would take away; nothing goes.

    Raises:
        SettingsError: as for `subject_of`; or raw has no such table or column.
        AssayError: the warehouse or the store cannot be reached, or a run holds the warehouse.
    """
    subject = subject_of(settings, subjects)
    warehouse = open_warehouse(settings)
    with run_lock(warehouse, "erase"), _removed(settings.runs_dir / LOOKED) as folder:
        warehouse.recover()
        work.check_terms(warehouse, subject)
        store = work.open_store(settings, warehouse)
        named = _named(settings, rows)
        return work.look(settings, warehouse, store, subject, folder, named=_by_batch(named))


@contextmanager
def _removed(folder: Path) -> Iterator[Path]:
    """A folder of contents that are searched: none of them stays, whatever goes wrong."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def erase(
    settings: Settings,
    subjects: Sequence[str],
    rows: Sequence[str] = (),
    *,
    tell: Tell = log.info,
    is_debug: bool = False,
) -> RunRecord:
    """Erase a person everywhere, build and publish the models without them, and prove it.

    `rows` are theirs whatever they hold, each as `batch:row`.

    Raises:
        SettingsError: as for `preview`; nothing goes.
        AssayError: as for `preview`; or a step fails. The same again goes on with it.
    """
    subject, named = subject_of(settings, subjects), _named(settings, rows)
    with (
        recorded_run(settings, tell, is_debug=is_debug) as held,
        _removed(settings.runs_dir / LOOKED),  # of a preview that was killed
        _removed(settings.runs_dir / held.record.run_id / "found"),
    ):
        warehouse, record, check = held
        work.check_terms(warehouse, subject)
        store = work.open_store(settings, warehouse)
        with timed(record, "erase"):
            done = _erase_raw(settings, held, store, subject, named, tell)
        profiles.forget(warehouse)  # a build makes those of small tables anew
        transform(settings, warehouse, record, load_catalog(settings), tell, check, is_asked=True)
        if record.transform is None or not record.transform.is_success:
            log.error("the models still show what was erased; mend them, and erase again")
            record.warnings.append(
                "the models could not be built, and still show what was erased from raw: "
                "mend them, and run the same again"
            )
            record.erasure = done
            return record
        with timed(record, "clean"):
            going = note.read(settings.data_dir) or Note("", "", ())
            done = cleaning.clean(settings, warehouse, store, subject, going.values, done)
        with timed(record, "prove"):
            tell("Searching everything again …")
            record.erasure = _prove(settings, held, store, subject, going, done)
        if not record.erasure.found:
            note.drop(settings.data_dir)
    return record


def _erase_raw(
    settings: Settings,
    held: Held,
    store: RawStore,
    subject: Subject,
    named: tuple[str, ...],
    tell: Tell,
) -> Erasure:
    warehouse, record, check = held
    before = note.read(settings.data_dir)
    folder = settings.runs_dir / record.run_id / "found"
    tell("Looking for the subject …")
    known = before.values if before else ()
    looked = work.look(settings, warehouse, store, subject, folder, known, named=_by_batch(named))
    missing = looked.shelved.missing
    record.warnings += [f"not searched in the raw store: {told}" for told in missing]
    if looked.perhaps:
        record.warnings.append(
            f"{len(looked.perhaps)} rows in quarantine hold a value that was named, and not where "
            f"it was named; `elt quarantine show` shows them, --row erases them: "
            f"{', '.join(looked.perhaps[:5])}"
        )
    check()
    going = Note(
        before.run_id if before else record.run_id,
        before.moment if before else datetime.now(UTC).isoformat(),
        subject.terms,
        looked.values,
        named,
        tuple(sorted({*(before.elsewhere if before else ()), *looked.elsewhere})),
    )
    note.write(settings.data_dir, going)
    tell(f"Erasing {looked.landed + looked.quarantined} rows, and {looked.archived} batches …")
    work.carry_out(settings, warehouse, store, looked, going)
    cleaning.forget_profiles(warehouse, subject)
    done = work.done_by(warehouse, store, going.run_id)
    return Erasure(
        subjects=tuple(_hashed(settings, term) for term in subject.terms),
        rows=done.landed,
        quarantined=done.quarantined,
        archived=done.archived,
        objects=done.objects,
        files=0,
        values=len(looked.values),
        sources=tuple(_sources(warehouse, done.batches)),
    )


def _prove(
    settings: Settings,
    held: Held,
    store: RawStore,
    subject: Subject,
    going: Note,
    done: Erasure,
) -> Erasure:
    import msgspec

    warehouse, record, _ = held
    folder = settings.runs_dir / record.run_id / "found"
    sealed: list[str] = []
    places = tuple(proof.search(settings, warehouse, store, subject, going.values, folder, sealed))
    unproved = tuple(proof.unproved(settings, warehouse, store, subject, going.elsewhere))
    if sealed:
        told = f"{len(sealed)} objects of the raw store cannot be unpacked: searched as they are"
        unproved = (told, *unproved)
    if len(going.values) == MOST:
        told = f"{MOST} values tell them from others, perhaps more: no more are searched for"
        unproved = (told, *unproved)
    if not going.values:
        unproved = ("no value tells them from others: proved by column alone", *unproved)
    return msgspec.structs.replace(done, places=places, unproved=unproved)


def _sources(warehouse: Warehouse, rows: Collection[str]) -> list[str]:
    """Where the batches came from: files of the user's own still hold the person there."""
    with warehouse.reading() as reader:
        found = {
            uri
            for batch_id in rows
            for (uri,) in reader.fetch(
                f"select uri from {RAW_SCHEMA}._batches where _batch_id = %s", (batch_id,)
            ).rows
        }
    return sorted(uri for uri in found if not uri.startswith("upload:"))


def _hashed(settings: Settings, term: Term) -> str:
    """Who was named, for the books: a hash that nobody can try values on without our key."""
    path = settings.data_dir / KEY
    if not path.exists() or path.stat().st_size < KEY_BYTES:  # its writer was killed, or no room
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:  # noqa: PTH123
            file.write(secrets.token_bytes(KEY_BYTES))
    digest = hmac.new(path.read_bytes(), term.value.encode(), hashlib.sha256)
    return f"{term.place}:{digest.hexdigest()[:32]}"
