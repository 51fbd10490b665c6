"""What came in over HTTP, as the run that lands it is told: the manifest of an upload.

The bytes lie in files under names of our own. What the client called them is data, never a path.
"""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

from loaders.batch import Books
from loaders.errors import SettingsError

SCHEME = "upload:"  # of the URI of a batch that was uploaded
MANIFEST = "manifest.json"
FIRST_ROWS = "rows.json"
LONGEST_NAME = 1_000  # characters of a name, as it was sent, that the ledger keeps


class Upload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that was uploaded: where it lies, what the client called it and said of it.

    Without a `table` its name names the table. Under `replace` readers of the table see what landed
    last; None leaves that to sources.yml, which for other tables means that all is seen.
    """

    path: str
    name: str
    content_type: str | None = None
    table: str | None = None
    disposition: Literal["replace"] | None = None

    @property
    def uri(self) -> str:
        """Where its batch is from: its name as it was sent."""
        return f"{SCHEME}///{quote(self.name[:LONGEST_NAME], safe='', errors='replace')}"

    @property
    def told(self) -> str:
        """Its name for people, without what would steer a terminal or break a line."""
        return _printable(self.name)


class Uploads(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files of a request, in its order."""

    files: Annotated[tuple[Upload, ...], msgspec.Meta(min_length=1)]


class UploadOutcome(msgspec.Struct, frozen=True):
    """What became of an uploaded file.

    `landed`: it is in its tables now; `duplicate`: it was there already; `refused`: it is not, for
    the reason. `kept` is where its bytes lie, if they are neither landed nor archived.
    """

    name: str
    state: Literal["landed", "duplicate", "refused"]
    tables: tuple[str, ...]
    books: Books = Books()
    batches: tuple[str, ...] = ()
    reason: str | None = None
    kept: str | None = None

    @property
    def told(self) -> str:
        """Its name for people."""
        return _printable(self.name)


def _printable(name: str) -> str:
    shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
    return shown[:LONGEST_NAME] or "(without a name)"


def is_uploaded(uri: str) -> bool:
    """Whether a batch came over HTTP."""
    return uri.startswith(SCHEME)


def read_manifest(path: Path) -> Uploads:
    """The manifest of an upload.

    Raises:
        SettingsError: it cannot be read, or is none.
    """
    try:
        uploads = msgspec.json.decode(path.read_bytes(), type=Uploads)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror or error}") from None
    except msgspec.MsgspecError as error:
        raise SettingsError(f"{path} is no manifest of an upload: {error}") from None
    for upload in uploads.files:
        if not Path(upload.path).is_file():
            raise SettingsError(f"{path}: there is no file {upload.path}")
    return uploads
