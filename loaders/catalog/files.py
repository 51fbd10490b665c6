"""`kind: files`: a folder of files, and the tables that they land in."""

from typing import Annotated

import msgspec

from loaders.batch import Conflict, Contract, Disposition, Override, Ragged
from loaders.catalog.names import Name


class FileTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table read from files: which ones, and what their header must name.

    `dialect` overrides what would be detected; `ragged: extra` lands rows with too many fields, the
    surplus in the column `_extra`. `contract` says what becomes of a file with other columns.
    `key`, `conflict` and `update` say what becomes of a second row of a key (see `conflicts`).
    `modelled` is false where no dbt model reads the table yet.
    """

    file: Annotated[str, msgspec.Meta(pattern=r"^[^/]")]
    columns: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    dialect: Override | None = None
    ragged: Ragged = "quarantine"
    contract: Contract = "evolve"
    modelled: bool = True
    key: tuple[str, ...] = ()
    conflict: Conflict | None = None
    update: tuple[str, ...] = ()


class FilesSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="files"):
    """A folder of files."""

    path: str
    tables: Annotated[dict[Name, FileTable], msgspec.Meta(min_length=1)]
    disposition: Disposition = "replace"
