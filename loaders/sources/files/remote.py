"""Files in buckets and on the web: what has landed is not downloaded again."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

from loaders.errors import AssayError, SourceError
from loaders.ledger.objects import Landed, Seen, Versions, object_id
from loaders.settings import Settings
from loaders.sources import Search
from loaders.sources.files.contents import Content, File, Hashed, Origin, hash_file

if TYPE_CHECKING:
    from loaders.sources.files.buckets import Bucket

AT_ONCE = 16  # downloads
BUCKETS = ("s3", "az")
WEB = ("https", "http")


class Object(NamedTuple):
    """An object, and what its listing says of it; the web lists nothing."""

    address: str
    size: int | None = None
    version: str | None = None
    etag: str | None = None
    last_modified: str | None = None


class Fetched(NamedTuple):
    """An object that was downloaded, unless it is still what it was."""

    item: Object
    is_unchanged: bool = False
    notice: str | None = None


class Wanted(NamedTuple):
    """An object, and the table that it is for."""

    table: str | None
    item: Object


class Had(NamedTuple):
    """What was had of objects, in order, the versions read for the first time, and notices."""

    hashed: tuple[Hashed, ...]
    seen: tuple[Seen, ...]
    notices: tuple[str, ...]


def is_remote(path: object) -> bool:
    """Whether it is an address of a bucket or of the web."""
    return isinstance(path, str) and path.partition("://")[0] in (*BUCKETS, *WEB) and "://" in path


def shown(address: str) -> str:
    """An address for people, without user, password and query."""
    if address.partition("://")[0] in BUCKETS:
        return address
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def uri_of(address: str) -> str:
    """An address for the ledger: as it is shown, and quoted as a URI is."""
    scheme, _, rest = shown(address).partition("://")
    return f"{scheme}://{quote(rest, safe='/=:%' if scheme in WEB else '/=')}"


def locate(path: str, pattern: str, settings: Settings) -> list[Object]:
    """The objects that a folder and a pattern mean; on the web the pattern is a name.

    Raises:
        AssayError: they cannot be listed.
    """
    if path.partition("://")[0] in BUCKETS:
        from loaders.sources.files.buckets import Bucket

        return Bucket(path, settings).find(path, pattern)
    return [Object(web_address(path, pattern))]


def probe(item: Object, settings: Settings) -> None:
    """See that an object can be read, by its first byte.

    Raises:
        AssayError: it cannot.
    """
    if item.address.partition("://")[0] in BUCKETS:
        from loaders.sources.files.buckets import Bucket

        Bucket(item.address, settings).probe(item)
    else:
        from loaders.sources.files.web import probe as probe_web

        probe_web(item)


def web_address(path: str, name: str) -> str:
    """The address of a file in a folder of the web; of the file, where the path ends in it."""
    parts = urlsplit(path)
    if not name or parts.path.rpartition("/")[2] == name:
        return path
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name, safe='/%')}"))


def split(address: str) -> tuple[str, str]:
    """An argument → the folder and the pattern; without a pattern all below is meant."""
    marks = [address.find(mark) for mark in "*?[" if mark in address]
    if address.partition("://")[0] in WEB or not marks:
        return address, ""
    folder, _, _ = address[: min(marks)].rpartition("/")
    return folder, address[len(folder) + 1 :]


def read(wanted: Sequence[Wanted], search: Search) -> Had:
    """The contents of objects; one that is still what it was is not downloaded."""
    ids = [object_id(search.source, table, _bare(item.address)) for table, item in wanted]
    versions = _settled(search.known.objects(ids), search)
    buckets = _buckets(wanted, search)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(
            pool.map(
                lambda at: _read(wanted[at], versions.get(ids[at], {}), at, search, buckets),
                range(len(wanted)),
            )
        )
    seen = []
    hashed = []
    for name, (found, version, _) in zip(ids, results, strict=True):
        if isinstance(found, File):
            result = hash_file(found, search)
            if version and result.contents and not result.problems:
                batches = tuple((c.batch_id, c.uri) for c in result.contents)
                seen.append(Seen(name, found.uri, version, batches))
            hashed.append(result)
        else:
            hashed.append(found)
    notices = tuple(notice for *_, notice in results if notice)
    return Had(tuple(hashed), tuple(seen), notices)


def _settled(versions: Versions, search: Search) -> Versions:
    """Those versions of which nothing is asked again."""
    ids = {b.batch_id for one in versions.values() for batches in one.values() for b in batches}
    landed = search.known.landed(ids) if ids else {}
    settled = {name for name, reason in landed.items() if reason is None}
    return {
        name: {
            version: batches
            for version, batches in one.items()
            if all(batch.batch_id in settled for batch in batches)
        }
        for name, one in versions.items()
    }


def _read(
    wanted: Wanted,
    versions: Mapping[str, Sequence[Landed]],
    at: int,
    search: Search,
    buckets: "Mapping[str, Bucket]",
) -> tuple[File | Hashed, str | None, str | None]:
    """An object as a file that is new, or as the contents that landed; its version, a notice."""
    table, item = wanted
    if item.version is not None and item.version in versions:
        return _landed(wanted, versions[item.version], search), None, None
    name = urlsplit(item.address).path if item.address.startswith("http") else item.address
    name = name.rstrip("/").rpartition("/")[2] or "file"
    path = search.folder / "downloads" / str(at)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        fetched = _fetch(item, path, versions, buckets, search.source)
    except AssayError as error:
        return Hashed(File(table, path), (), (str(error),)), None, None
    item = fetched.item
    if fetched.is_unchanged and item.version is not None:
        return _landed(Wanted(table, item), versions[item.version], search), None, None
    told = shown(item.address)
    origin = Origin(uri_of(item.address), told, name, item.etag, item.last_modified)
    return File(table, path, origin), item.version, fetched.notice


def _buckets(wanted: Sequence[Wanted], search: Search) -> "Mapping[str, Bucket]":
    """A client for each kind of bucket, which all downloads share."""
    schemes = {item.address.partition("://")[0] for _, item in wanted}.intersection(BUCKETS)
    if not schemes:
        return {}
    from loaders.sources.files.buckets import Bucket

    return {scheme: Bucket(f"{scheme}://", search.settings) for scheme in schemes}


def _fetch(
    item: Object,
    path: Path,
    versions: Mapping[str, Sequence[Landed]],
    buckets: "Mapping[str, Bucket]",
    source: str,
) -> Fetched:
    scheme = item.address.partition("://")[0]
    if scheme in buckets:
        return buckets[scheme].fetch(item, path)
    from loaders.sources.files.web import fetch

    try:
        return fetch(item, path, tuple(versions), source)
    except OSError as error:
        raise SourceError(f"{shown(item.address)}: {error.strerror or error}") from error


def _landed(wanted: Wanted, batches: Sequence[Landed], search: Search) -> Hashed:
    address = wanted.item.address
    origin = Origin(uri_of(address), shown(address), "", wanted.item.etag)
    file = File(wanted.table, Path(), origin)
    contents = tuple(
        Content(
            b.batch_id,
            search.source,
            b.table,
            file,
            None,
            b.sha256,
            b.bytes,
            b.uri,
            b.uri,
            b.compression,
        )
        for b in batches
    )
    return Hashed(file, contents, ())


def _bare(address: str) -> str:
    """An address without user and password; the query names the object."""
    parts = urlsplit(address)
    if parts.scheme not in WEB:
        return address
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
