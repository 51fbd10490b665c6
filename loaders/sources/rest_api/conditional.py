"""Conditional requests: an answer that has not changed is not sent again (RFC 9110, 13.1).

What the API said of an answer is kept in the ledger behind a mark of what was asked: when an entry
is written otherwise, the answer is asked for as a whole.
"""

from collections.abc import Mapping
from typing import NamedTuple

from loaders.ledger import Latest
from loaders.sources.marks import MARK


class Validators(NamedTuple):
    """What an API said of its answer, with the mark; None where it said nothing."""

    etag: str | None = None
    last_modified: str | None = None


def conditions(latest: Latest | None, fingerprint: str) -> dict[str, str]:
    """The headers that ask for an answer only if it is another one."""
    if latest is None:
        return {}
    told = {"If-None-Match": latest.etag, "If-Modified-Since": latest.last_modified}
    mark = MARK + fingerprint
    return {
        name: value.removesuffix(mark)
        for name, value in told.items()
        if value and value.endswith(mark)
    }


def validators_of(headers: Mapping[str, str], fingerprint: str) -> Validators:
    """What an answer says of itself, as the ledger keeps it."""
    etag, modified = headers.get("ETag"), headers.get("Last-Modified")
    mark = MARK + fingerprint
    return Validators(etag and etag + mark, modified and modified + mark)
