"""The contents of batches, as local files again: out of the raw store, and of what they came in."""

import hashlib
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

from loaders.archive import is_received
from loaders.archive.erasures import Moved
from loaders.archive.histories import Told, each
from loaders.destinations.tables import Manifest
from loaders.intake.packed.unwrap import unwrap
from loaders.raw_store import MissingKeyError, RawStore
from loaders.raw_store.local import LocalStore
from loaders.settings import Settings


def restore(
    settings: Settings,
    store: RawStore,
    told: Told,
    folder: Path,
    moved: Mapping[str, Moved],
) -> tuple[dict[str, Path], list[str]]:
    """The contents of what was new in a landing, as local files; and what the store has not."""
    paths: dict[str, Path] = {}
    problems: list[str] = []
    new = [manifest for manifest in told.landing.manifests if manifest.is_new]
    if told.landed is not None:  # others had landed by then
        new = [manifest for manifest in new if manifest.batch.id in told.landed.batches]
    keys = {manifest.batch.id: key_of(told, manifest, moved) for manifest in new}
    fetched = _fetch_all(store, {key for key in keys.values() if key}, folder)
    unpacked: dict[Path, dict[str, Path]] = {}
    for manifest in new:
        batch, key = manifest.batch, keys[manifest.batch.id]
        path = fetched.get(key) if key else None
        sha256 = moved[batch.id].sha256 if batch.id in moved else batch.sha256
        if path is not None and key is not None and is_content(key):
            path = _decompressed(path, folder / f"{batch.id}.content")
        elif path is not None and batch.received and batch.received.sha256 != batch.sha256:
            if path not in unpacked:
                unpacked[path] = _unpack(path, folder, settings.max_unpacked_bytes)
            path = unpacked[path].get(sha256)
        if path is None:
            problems.append(f"{batch.uri} is not in the raw store ({key or 'it was not archived'})")
        else:
            paths[batch.id] = path
    return paths, problems


def key_of(told: Told, manifest: Manifest, moved: Mapping[str, Moved]) -> str | None:
    """Where in the store the content of a batch is, or that in which it is packed."""
    if manifest.batch.id in moved:
        return moved[manifest.batch.id].key
    if is_received(manifest.batch):
        return manifest.archived_as
    return told.landing.contents.get(manifest.batch.id)


def is_content(key: str) -> bool:
    """Whether an object is the content of a batch, compressed, and not what was received."""
    return key.startswith("batches/")


def _fetch_all(store: RawStore, keys: Collection[str], folder: Path) -> dict[str, Path]:
    """The objects that are there, as local files."""
    found = each(partial(_fetch, store, folder), sorted(keys))
    return {key: path for key, path in zip(sorted(keys), found, strict=True) if path}


def _fetch(store: RawStore, folder: Path, key: str) -> Path | None:
    try:
        if isinstance(store, LocalStore):
            return store.path_of(key)
        path = folder / hashlib.sha256(key.encode()).hexdigest()
        store.fetch(key, path)
    except MissingKeyError:
        return None
    return path


def _unpack(path: Path, folder: Path, limit: int) -> dict[str, Path]:
    """The files that are packed in one, by their hash."""
    found = {}
    for member in unwrap(path, folder / "unpacked", limit):
        if member.problem is None:
            with member.path.open("rb", buffering=0) as file:
                found[hashlib.file_digest(file, "sha256").hexdigest()] = member.path
    return found


def _decompressed(path: Path, target: Path) -> Path:
    from zstandard import ZstdDecompressor

    target.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as source, target.open("wb") as content:
        ZstdDecompressor().copy_stream(source, content)
    return target
