"""Whether an answer says that it is not all: a page of several, or fewer records than there are.

Nothing is asked for by what is found here: the names differ from API to API, and a guess may read
a page twice or never. It is enough to refuse to take the first page for everything.
"""

from collections.abc import Iterator
from typing import Any

# Compared in small letters, without `_` and `-`
MORE = frozenset(
    {"hasmore", "hasnext", "hasnextpage", "more", "next", "nextpage", "nextcursor", "nextpagetoken"}
)
TOTALS = frozenset({"total", "count", "totalcount", "totalitems", "totalresults", "totalrecords"})
AROUND = frozenset({"meta", "metadata", "pagination", "paging", "page", "pageinfo"})
NO = frozenset({"", "0", "false", "no", "none", "null"})


def sign_of_more(envelope: Any, records: int, place: str | None, *, judges_total: bool) -> str:
    """What says that there is more than so many records, as `'total': 50`; else an empty text.

    Looked at are the answer itself, the objects around its records at `place`, and what is by its
    name about pages.
    """
    for path, key, value in _values(envelope, place.split(".") if place else []):
        name = _plain(key)
        says_more = name in MORE and _is_yes(value)
        says_total = judges_total and name in TOTALS and _exceeds(value, records)
        if says_more or says_total:
            return f"{'.'.join((*path, key))!r}: {str(value)[:80]}"
    return ""


def _values(
    node: Any, within: list[str], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if not isinstance(value, dict):
            yield path, key, value
        elif within[:1] == [key]:
            yield from _values(value, within[1:], (*path, key))
        elif _plain(key) in AROUND:
            yield from _values(value, [], (*path, key))


def _plain(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")


def _is_yes(value: Any) -> bool:
    return not isinstance(value, list) and bool(value) and str(value).strip().lower() not in NO


def _exceeds(value: Any, records: int) -> bool:
    text = str(value)
    is_number = not isinstance(value, bool) and text.isascii() and text.isdecimal()
    return is_number and len(text) < 20 and int(text) > records
