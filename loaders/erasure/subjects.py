"""Who is to be erased: values of columns of raw tables, and whether a row has one of them.

A value is compared without the blanks at its ends, as the models clean ids; one that is a whole
number as the number (`017` and `+17` are 17), any other letter by letter. In a table of documents,
and in what `_extra` holds, the name of a column is a field, and `a.b` is a field within one; of a
list each element counts.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from loaders.batch import EXTRA
from loaders.catalog import DOCUMENTS
from loaders.errors import BadParameterError

# The blanks of the dbt macro of that name
BLANKS = (
    " \t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
)
WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
NESTED = (*DOCUMENTS, EXTRA)
Values = Mapping[str, str | None]


class Term(msgspec.Struct, frozen=True):
    """Rows of a raw table are meant that have this value in a column, or in a field under it."""

    table: str
    path: tuple[str, ...]
    value: str

    @property
    def place(self) -> str:
        """Where the value stands: all that may be told of it."""
        return ".".join((self.table, *self.path))


def terms_of(subjects: Iterable[str], kinds: Mapping[str, Collection[str]]) -> tuple[Term, ...]:
    """What `TABLE.COLUMN=VALUE` names, or `KIND=VALUE` where sources.yml says which columns.

    Raises:
        BadParameterError: a subject names neither; its value is not told.
    """
    terms: dict[Term, None] = {}
    for subject in subjects:
        named, _, value = subject.partition("=")
        named = named.strip()
        places = kinds.get(named, [named])
        if not cleaned(value) or not all("." in place.removeprefix("raw.") for place in places):
            known = f", or {' or '.join(f'{kind}=VALUE' for kind in kinds)}" if kinds else ""
            raise BadParameterError(f"--subject {named or '…'}: write TABLE.COLUMN=VALUE{known}")
        for place in places:
            table, *path = place.removeprefix("raw.").split(".")
            terms[Term(table, tuple(path), cleaned(value))] = None
    return tuple(terms)


def cleaned(text: str) -> str:
    """A value as it is compared."""
    text = text.strip(BLANKS)
    return str(int(text)) if WHOLE.fullmatch(text) else text


class Subject:
    """Tells which rows of a table are of the person."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self.terms = tuple(terms)

    @property
    def tables(self) -> set[str]:
        """The raw tables that are looked at."""
        return {term.table for term in self.terms}

    def of(self, table: str) -> tuple[Term, ...]:
        """What is looked for in a table."""
        return tuple(term for term in self.terms if term.table == table)

    def has(self, table: str, values: Values) -> bool:
        """Whether a row with these values is one of theirs."""
        return any(_is_in(values, term) for term in self.of(table))


def _is_in(values: Values, term: Term) -> bool:
    first, *rest = term.path
    found = values.get(first)
    if found is not None and not rest and cleaned(found) == term.value:
        return True
    if rest and found and _has(_decoded(found), tuple(rest), term.value):
        return True
    documents = (values.get(name) for name in NESTED)
    return any(_has(_decoded(text), term.path, term.value) for text in documents if text)


def _has(node: Any, path: tuple[str, ...], value: str) -> bool:
    if isinstance(node, list):
        return any(_has(item, path, value) for item in node)
    if path:
        return isinstance(node, dict) and _has(node.get(path[0]), path[1:], value)
    if isinstance(node, str):
        return cleaned(node) == value
    is_number = isinstance(node, int | float) and not isinstance(node, bool)
    return is_number and str(node) == value


def leaves(values: Values) -> Iterator[str]:
    """Every text and number that a row holds, those within documents too."""
    for text in values.values():
        if text is not None:
            node = _decoded(text) if text[:1] in "{[" else None
            yield from [text] if node is None else _leaves(node)


def _leaves(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _leaves(item)
    elif node is not None and not isinstance(node, bool):
        yield str(node)


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
