"""Downloads of objects as they were listed: one that was replaced since is refused by its store.

Each request has `If-Match` with the ETag of the listing (RFC 9110, 13.1.1), so that neither a later
version nor a mixture of two arrives. fsspec passes no such condition on.
"""

import threading
from pathlib import Path
from typing import Any

from loaders.sources.files.remote import Object
from loaders.storage import CONNECT_SECONDS, READ_SECONDS


class PinnedS3:
    """Downloads from S3: the client of s3fs adds the condition, to each part that is asked for."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs
        self._etags: dict[str, str] = {}
        self._client: Any = None
        self._lock = threading.Lock()

    def download(self, item: Object, place: str, path: Path, timeout: float) -> None:
        """Download an object, within so many seconds."""
        if item.etag:
            self._etags[place] = item.etag
        with self._lock:  # else each of many threads would make a client
            if self._client is not self._fs.s3:
                self._client = self._fs.s3
                name = "before-parameter-build.s3.GetObject"
                self._client.meta.events.register(name, self._pin, unique_id="assay")
        self._fs.get_file(place, str(path), timeout=timeout)

    def _pin(self, params: dict[str, Any], **_: Any) -> None:
        etag = self._etags.get(f"{params['Bucket']}/{params['Key']}")
        if etag:
            params["IfMatch"] = etag


class PinnedAzure:
    """Downloads from Azure Blob, by the client of adlfs."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def download(self, item: Object, place: str, path: Path, timeout: float) -> None:
        """Download an object, within so many seconds."""
        from fsspec.asyn import sync

        sync(self._fs.loop, self._download, item, place, path, timeout=timeout)

    async def _download(self, item: Object, place: str, path: Path) -> None:
        from azure.core import MatchConditions

        container, name, _ = self._fs.split_path(place)
        condition: dict[str, Any] = {}
        if item.etag:  # a listing has it without quotes, which RFC 9110 wants
            etag = f'"{item.etag.strip(chr(34))}"'
            condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        async with self._fs.service_client.get_blob_client(container, name) as client:
            blob = await client.download_blob(
                max_concurrency=self._fs.max_concurrency,
                connection_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                **condition,
            )
            with path.open("wb") as file:
                await blob.readinto(file)
