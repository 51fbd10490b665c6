"""`kind: rest_api`: a JSON API, and the tables that its answers land in."""

from typing import Annotated, Any, Literal

import msgspec

from loaders.batch import Conflict, Disposition
from loaders.catalog.names import Name

# `${NAME}` in these is looked up when the API is asked: that one is not set concerns this source
# alone, and no secret stands in a spec
FILLED_WHEN_ASKED = frozenset({"auth", "headers", "params", "body"})

Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Word = Annotated[str, msgspec.Meta(min_length=1)]
Where = Literal["query", "body"]
Value = str | int | float | bool


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of an entry."""


class _Auth(_Part, frozen=True, tag_field="kind"):
    """Which `kind` of it there is tells its other keys."""


class BearerAuth(_Auth, frozen=True, tag="bearer"):
    """A token in the header `Authorization`."""

    token: Word


class ApiKeyAuth(_Auth, frozen=True, tag="api_key"):
    """A key in a header, or in the query of the address."""

    name: Word
    value: Word
    place: Literal["header", "query"] = msgspec.field(default="header", name="in")


class BasicAuth(_Auth, frozen=True, tag="basic"):
    """A user and a password."""

    user: Word
    password: Word


class SinglePage(_Part, frozen=True, tag="single"):
    """The first answer is all."""


class PageNumbers(_Part, frozen=True, tag="page"):
    """Numbered pages up to an empty one, or as many as the answer says at `pages`."""

    param: Word = "page"
    start: int = 1
    size_param: Word | None = None
    size: Count | None = None
    pages: Word | None = None
    place: Where = msgspec.field(default="query", name="in")


class Offsets(_Part, frozen=True, tag="offset"):
    """So many records from an offset on, up to an empty page."""

    size: Count
    param: Word = "offset"
    size_param: Word = "limit"
    start: int = 0
    place: Where = msgspec.field(default="query", name="in")


class NextCursor(_Part, frozen=True, tag="cursor"):
    """A token at `path` of an answer, which the next page is asked with."""

    path: Word
    param: Word = "cursor"
    place: Where = msgspec.field(default="query", name="in")


class NextLink(_Part, frozen=True, tag="link"):
    """A link to the next page: at `path` of an answer, else in its header `Link`."""

    path: Word | None = None


Auth = BearerAuth | ApiKeyAuth | BasicAuth
Pagination = SinglePage | PageNumbers | Offsets | NextCursor | NextLink


class Since(_Part, frozen=True):
    """How a table goes on where the last run ended: records are asked for from a cursor on.

    `field` (dotted) of the records is a number or a moment; `param` asks for those from a value on.
    `lag` is taken off the last one, in seconds, or in what the numbers count. `initial` is where
    the first run begins; without it, it asks for everything.
    """

    field: Word
    param: Word
    lag: Annotated[float, msgspec.Meta(ge=0)] = 0
    initial: str | int | float | None = None
    place: Where = msgspec.field(default="query", name="in")


class ApiTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table read from an API: its path under the URL, and the dotted place of its records.

    A `template` (see `loaders.sources.rest_api.templates`) stands for URL, path, method, headers
    and body, and `params` then fill it. `key` names the fields that identify a record: one that
    repeats within an answer is then made one; `conflict` and `update` say what becomes of
    another record of a key (see `conflicts`). `total` is the dotted place of how many records the
    answer declares. `fail_on_missing: false` makes a warning of an answer that is missing or empty.
    `answer: bytes` takes an answer of any kind as a whole. `modelled` is false where no dbt model
    reads the table yet.
    """

    path: str = ""
    records: Word | None = None
    template: Name | None = None
    method: Literal["GET", "POST"] = "GET"
    headers: dict[Word, Value] = {}
    params: dict[Word, Value] = {}
    body: dict[str, Any] | list[Any] | str | None = None
    pagination: Pagination | None = None
    key: tuple[Word, ...] = ()
    cursor: Since | None = None
    total: Word | None = None
    answer: Literal["json", "bytes"] = "json"
    fail_on_missing: bool = True
    modelled: bool = True
    conflict: Conflict | None = None
    update: tuple[str, ...] = ()


class RestApiSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="rest_api"):
    """A JSON API; without a `url` the bundled sample API is served and read.

    `timeout` bounds a whole request, in seconds; `max_wait` the wait before it is tried again.
    """

    tables: Annotated[dict[Name, ApiTable], msgspec.Meta(min_length=1)]
    url: str | None = None
    bearer_token: str | None = None
    auth: Auth | None = None
    headers: dict[Word, Value] = {}
    timeout: Seconds = 30.0
    max_wait: Seconds = 30.0
    disposition: Disposition = "merge"
    snapshots: Literal["changed", "always"] = "changed"

    @property
    def is_sample(self) -> bool:
        """Whether the bundled sample API is meant."""
        return self.url is None and not all(table.template for table in self.tables.values())
