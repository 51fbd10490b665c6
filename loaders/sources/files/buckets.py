"""Objects in S3 and Azure Blob: listed, and downloaded whole or not at all."""

import re
from pathlib import Path
from typing import Any

from fsspec.utils import glob_translate

from loaders.errors import SourceError
from loaders.failures import why
from loaders.settings import Settings
from loaders.sources.files.pinned import PinnedAzure, PinnedS3
from loaders.sources.files.remote import Fetched, Object
from loaders.storage import filesystem_of

PATIENCE_SECONDS = 60
LISTING_SECONDS = 600
SLOWEST = 50_000  # bytes a second: what moves slower is given up


class Bucket:
    """A bucket or container, as its file system names it."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._scheme = url.partition("://")[0]
        self._fs = filesystem_of(url, settings)
        self._pinned = PinnedS3(self._fs) if self._scheme == "s3" else PinnedAzure(self._fs)

    def find(self, folder: str, pattern: str) -> list[Object]:
        """The objects of a folder whose names match, in order; all below it without a pattern."""
        root = folder.partition("://")[2].strip("/")
        fixed = re.split(r"[*?\[]", pattern)[0].rpartition("/")[0]
        below = f"{root}/{fixed}" if fixed else root
        try:
            found = self._fs.find(below, detail=True, timeout=LISTING_SECONDS)
            if isinstance(found, list):  # adlfs: the object of that name
                found = {path: self._fs.info(path, timeout=PATIENCE_SECONDS) for path in found}
            if not found and self._scheme == "az":  # nor does adlfs miss a container
                self._fs.info(root.partition("/")[0], timeout=PATIENCE_SECONDS)
        except Exception as error:
            raise SourceError(f"{folder}: {why(error)}") from error
        matches = re.compile(glob_translate(pattern)).match if pattern else None
        return [
            self._object(path, info)
            for path, info in sorted(found.items())
            if info["type"] == "file"
            and not path.endswith("/")
            and (matches is None or matches(path.removeprefix(f"{root}/")))
        ]

    def _object(self, path: str, info: dict[str, Any]) -> Object:
        etag = info.get("ETag") or info.get("etag")
        moment = info.get("LastModified") or info.get("last_modified")
        modified = moment.isoformat() if moment else None
        version = f"{etag} {info['size']} {modified}" if etag or modified else None
        address = f"{self._scheme}://{path}"
        return Object(address, info["size"], version, etag, modified)

    def fetch(self, item: Object, path: Path) -> Fetched:
        """Download an object as it was listed, and whole."""
        patience = PATIENCE_SECONDS + (item.size or 0) / SLOWEST
        try:
            place = item.address.partition("://")[2]
            self._pinned.download(item, place, path, patience)
        except Exception as error:
            raise SourceError(f"{item.address}: {why(error)}") from error
        arrived = path.stat().st_size
        if arrived != item.size:
            raise SourceError(f"{item.address}: {arrived} bytes of {item.size} arrived")
        return Fetched(item)

    def probe(self, item: Object) -> None:
        """See that an object can be read."""
        try:
            place = item.address.partition("://")[2]
            self._fs.cat_file(place, start=0, end=min(1, item.size or 0), timeout=PATIENCE_SECONDS)
        except Exception as error:
            raise SourceError(f"{item.address}: {why(error)}") from error
