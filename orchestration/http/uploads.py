"""What a request uploads: streamed into a folder of its own, landed by a run, and then removed."""

import logging
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import anyio.to_thread
import msgspec
from fastapi import Request

from loaders.disk import full_disk
from loaders.uploads import FIRST_ROWS, MANIFEST, Upload, Uploads
from orchestration.http.multipart import Parts, boundary_of
from orchestration.http.problems import Problem
from orchestration.http.service import Service
from orchestration.registry import RunRecord

log = logging.getLogger("assay.http")
FOLDER = "uploads"  # in the data folder, with a folder for each request under way
AT_ONCE = 1 << 18  # bytes that are gathered before a thread writes them
STALE_SECONDS = 3600
RUN_ID = "X-Run-Id"


class Landed(NamedTuple):
    """A run that landed what was uploaded, and the first rows of it, a JSON list."""

    record: RunRecord
    rows: bytes

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says beside its body."""
        books = [upload.books for upload in self.record.uploads]
        return {
            RUN_ID: self.record.run_id,
            "X-Files": ", ".join(upload.state for upload in self.record.uploads),
            "X-Rows-Landed": str(sum(each.landed for each in books)),
            "X-Rows-Quarantined": str(sum(each.quarantined for each in books)),
        }


@asynccontextmanager
async def folder_of(service: Service) -> AsyncIterator[Path]:
    """A folder for what a request uploads; only what a run could not land outlives it."""
    uploads = service.settings.data_dir / FOLDER
    folder = uploads / uuid4().hex
    is_left = False
    try:
        await anyio.to_thread.run_sync(_make, uploads, folder)
        yield folder
    except anyio.get_cancelled_exc_class():
        is_left = (folder / MANIFEST).exists()  # the run goes on without us
        raise
    except OSError as error:
        told = full_disk(error, uploads)
        raise Problem(507 if told else 500, told or f"{uploads}: {error.strerror}") from error
    finally:
        if not is_left:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(_clear, folder)


async def receive_files(request: Request, folder: Path) -> list[Upload]:
    """Write the files of a multipart body into a folder, under names of ours.

    Raises:
        Problem: the body is no multipart of files, ends too early, or has an empty file.
    """
    refuse_encoded(request)
    parts = Parts(folder, boundary_of(request.headers.get("content-type", "")))
    try:
        await _stream(request, parts.feed)
        files = parts.finish()
    finally:
        parts.close()
    uploads = [Upload(path=str(p.path), name=p.name, content_type=p.content_type) for p in files]
    for upload in uploads:
        if not Path(upload.path).stat().st_size:
            raise Problem(422, f"{upload.told}: the file is empty")
    return uploads


async def receive_body(request: Request, path: Path) -> None:
    """Write a body into a file, as it is."""
    refuse_encoded(request)
    with path.open("xb") as file:
        await _stream(request, file.write)


def refuse_encoded(request: Request) -> None:
    """Refuse a body that is compressed as a whole: how much it is would not be known.

    Raises:
        Problem: 415.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "send the body without a Content-Encoding; files may be .gz or .zip")


async def land(
    service: Service, request_id: str, folder: Path, uploads: list[Upload], *, transforms: bool
) -> Landed:
    """Have a run land what was uploaded.

    Raises:
        Problem: 409 where another run holds the warehouse, 422 where a file is refused, 500 where
            the run failed; its id and what became of each file are told.
    """
    manifest = folder / MANIFEST
    manifest.write_bytes(msgspec.json.encode(Uploads(files=tuple(uploads))))
    command = "run" if transforms else "land"
    record = await service.runs.run([command, "--uploads", str(manifest), "--json"], request_id)
    if record.state != "succeeded":
        raise _failure(record)
    rows = folder / FIRST_ROWS
    return Landed(record, rows.read_bytes() if rows.exists() else b"[]")


def _failure(record: RunRecord) -> Problem:
    refused = [upload for upload in record.uploads if upload.reason]
    is_theirs = bool(refused) and not record.errors and not any(u.kept for u in refused)
    reasons = [f"{upload.told}: {upload.reason}" for upload in refused] or record.errors
    if not reasons:
        reasons = [f"it landed, and the models could not be built from it: {record.problem}"]
    return Problem(
        422 if is_theirs else 500,
        "; ".join(reasons),
        {RUN_ID: record.run_id},
        run_id=record.run_id,
        files=[msgspec.to_builtins(upload) for upload in record.uploads],
    )


async def _stream(request: Request, take: Callable[[bytes], object]) -> None:
    """Hand on what comes, in pieces of some size, each in a thread."""
    gathered = bytearray()
    async for chunk in request.stream():
        gathered += chunk
        if len(gathered) >= AT_ONCE:
            piece, gathered = bytes(gathered), bytearray()
            await anyio.to_thread.run_sync(take, piece)
    if gathered:
        await anyio.to_thread.run_sync(take, bytes(gathered))


def _make(uploads: Path, folder: Path) -> None:
    uploads.mkdir(parents=True, exist_ok=True)
    for other in uploads.iterdir():  # of a service that was killed
        with suppress(OSError):
            if other.stat().st_mtime < time.time() - STALE_SECONDS and not _holds_files(other):
                shutil.rmtree(other)
    folder.mkdir(mode=0o700)


def _holds_files(folder: Path) -> bool:
    """Whether a run was given files that are still there; one without a manifest got none."""
    return (folder / MANIFEST).exists() and any(path.name.isdecimal() for path in folder.iterdir())


def _clear(folder: Path) -> None:
    """Remove what need not be kept: everything, but for files that a run says it could not land."""
    if folder.is_dir() and not _is_kept(folder):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        (folder / FIRST_ROWS).unlink(missing_ok=True)


def _is_kept(folder: Path) -> bool:
    return (folder / FIRST_ROWS).exists() and _holds_files(folder)
