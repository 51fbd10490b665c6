"""`kind: rest_api`: a JSON API, and the tables that its answers land in."""

from typing import Annotated, Literal

import msgspec

from loaders.batch import Conflict, Disposition
from loaders.catalog.names import Name


class ApiTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table read from an API: its path under the URL, and the dotted place of its records.

    `key`, `conflict` and `update` say what becomes of a second record of a key (see `conflicts`).
    `modelled` is false where no dbt model reads the table yet.
    """

    path: str = ""
    records: str | None = None
    modelled: bool = True
    key: tuple[str, ...] = ()
    conflict: Conflict | None = None
    update: tuple[str, ...] = ()


class RestApiSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="rest_api"):
    """A JSON API; without a `url` the bundled sample API is served and read."""

    tables: Annotated[dict[Name, ApiTable], msgspec.Meta(min_length=1)]
    url: str | None = None
    bearer_token: str | None = None
    disposition: Disposition = "merge"
    snapshots: Literal["changed", "always"] = "changed"
