"""The documents of the stand-in for Elasticsearch, and the part of its query language that it has.

A field's type is guessed from its values, as dynamic mapping does: dates (ISO 8601), numbers,
booleans, else keywords. A query that is not understood is refused as the real server does.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

import msgspec

MATH = re.compile(r"^(?P<anchor>now|.*\|\|)(?P<sign>[+-])(?P<count>\d+)(?P<unit>[smhdw])$")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LAST = 9223372036854775807  # by which a number or date that is missing is sorted


class RefusalError(Exception):
    """A request that the server refuses, as it says so."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.kind, self.reason = status, kind, reason

    def body(self) -> bytes:
        cause = {"type": self.kind, "reason": self.reason}
        return json.dumps(
            {"error": {"root_cause": [cause], **cause}, "status": self.status}
        ).encode()


@dataclass(frozen=True)
class Document:
    """A document as it was sent, and as its fields are queried; `number` is its place."""

    index: str
    id: str
    source: bytes
    number: int
    fields: Mapping[str, list[Any]]


@dataclass
class Documents:
    """All indexes."""

    indexes: dict[str, dict[str, Document]] = field(default_factory=dict)
    _count: int = 0

    def put(self, index: str, key: str, source: bytes) -> bool:
        """Keep a document; whether it is new."""
        self._count += 1
        documents = self.indexes.setdefault(index, {})
        is_new = key not in documents
        try:
            parsed = json.loads(source, parse_float=Decimal)
        except ValueError:
            raise RefusalError(400, "document_parsing_exception", "failed to parse") from None
        documents.pop(key, None)
        fields: dict[str, list[Any]] = {}
        _flatten(parsed, "", fields)
        documents[key] = Document(index, key, source, self._count, fields)
        return is_new

    def named(self, expression: str) -> list[Document]:
        """The documents of the indexes that an expression names.

        Raises:
            RefusalError: one that is no pattern does not exist.
        """
        found: list[Document] = []
        for name in expression.split(","):
            if "*" not in name and name not in self.indexes:
                raise RefusalError(404, "index_not_found_exception", f"no such index [{name}]")
            for index, documents in self.indexes.items():
                found += documents.values() if fnmatchcase(index, name) else ()
        return found


def _flatten(node: Any, name: str, into: dict[str, list[Any]]) -> None:
    if isinstance(node, dict):
        for key, child in node.items():
            _flatten(child, f"{name}.{key}" if name else key, into)
    elif isinstance(node, list):
        for child in node:
            _flatten(child, name, into)
    elif node is not None:
        into.setdefault(name, []).append(node)


def matches(query: Mapping[str, Any]) -> Callable[[Document], bool]:
    """Whether a document is asked for.

    Raises:
        RefusalError: the query is none.
    """
    ((kind, rest),) = query.items() if len(query) == 1 else (("", None),)
    if kind not in _QUERIES:
        raise RefusalError(400, "parsing_exception", f"unknown query [{kind}]")
    return _QUERIES[kind](rest)


def _match_all(rest: Any) -> Callable[[Document], bool]:
    _known(rest, set())
    return lambda _: True


def _bool(rest: Any) -> Callable[[Document], bool]:
    _known(rest, {"filter", "should", "must_not", "minimum_should_match"})
    needed = [matches(query) for query in rest.get("filter", [])]
    barred = [matches(query) for query in rest.get("must_not", [])]
    some = [matches(query) for query in rest.get("should", [])]

    def wanted(document: Document) -> bool:
        return (
            all(clause(document) for clause in needed)
            and not any(clause(document) for clause in barred)
            and (not some or any(clause(document) for clause in some))
        )

    return wanted


def _term(rest: Any) -> Callable[[Document], bool]:
    ((name, value),) = rest.items()
    if isinstance(value, list):
        raise RefusalError(400, "parsing_exception", "[term] query does not support arrays")
    return _terms({name: [value]})


def _terms(rest: Any) -> Callable[[Document], bool]:
    ((name, values),) = rest.items()
    return lambda document: any(
        _value(held) in [_value(value, held) for value in values]
        for held in document.fields.get(name, [])
    )


def _range(rest: Any) -> Callable[[Document], bool]:
    ((name, bounds),) = rest.items()
    _known(bounds, {"gte", "lt"})
    if not bounds:
        raise RefusalError(400, "parsing_exception", "a range needs a bound")

    def within(document: Document) -> bool:
        for held in document.fields.get(name, []):
            value = _value(held)
            above = "gte" not in bounds or value >= _value(bounds["gte"], held)
            if above and ("lt" not in bounds or value < _value(bounds["lt"], held)):
                return True
        return False

    return within


def _exists(rest: Any) -> Callable[[Document], bool]:
    _known(rest, {"field"})
    return lambda document: bool(document.fields.get(rest["field"]))


_QUERIES: dict[str, Callable[[Any], Callable[[Document], bool]]] = {
    "match_all": _match_all,
    "bool": _bool,
    "term": _term,
    "terms": _terms,
    "range": _range,
    "exists": _exists,
}


def _known(rest: Any, names: set[str]) -> None:
    if not isinstance(rest, dict) or not rest.keys() <= names:
        raise RefusalError(400, "parsing_exception", f"unknown key in {json.dumps(rest)}")


def _value(value: Any, like: Any = None) -> Any:
    """A value to compare by, in the type of a value that the field holds."""
    like = value if like is None else like
    if isinstance(like, bool):
        return value in (True, "true")
    if isinstance(like, int | Decimal):
        try:
            return Decimal(str(value))
        except ArithmeticError:
            raise _unreadable(value) from None
    moment = _moment(str(like))
    if moment is None:
        return str(value)
    other = _moment(str(value))
    if other is None:
        raise _unreadable(value)
    return other


def _unreadable(value: Any) -> RefusalError:
    return RefusalError(400, "parse_exception", f"failed to parse [{value}]")


def _moment(text: str) -> int | None:
    """A date in milliseconds since 1970, with the date math of the server; None if it is none."""
    if math := MATH.match(text):
        anchor = math["anchor"].removesuffix("||")
        start = datetime.now(UTC).timestamp() * 1000 if anchor == "now" else _moment(anchor)
        step = timedelta(**{UNITS[math["unit"]]: int(math["count"])}).total_seconds() * 1000
        return None if start is None else int(start + (step if math["sign"] == "+" else -step))
    if text.isdigit() and len(text) > 10:
        return int(text)
    try:
        moment = datetime.fromisoformat(text) if len(text) >= 10 else None
    except ValueError:
        return None
    if moment is None:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def sort_values(document: Document, sort: list[Any], *, has_tiebreak: bool) -> list[Any]:
    """By what a document is sorted, as the server tells it.

    Raises:
        RefusalError: a sort is not understood.
    """
    return [_sort_value(document, name, has_tiebreak) for name, _ in orders(sort)]


def orders(sort: list[Any]) -> Iterator[tuple[str, bool]]:
    """The fields of a sort, and whether each falls."""
    for part in sort:
        ((name, how),) = part.items() if isinstance(part, dict) else ((part, {"order": "asc"}),)
        _known(how, {"order"})
        yield name, how["order"] == "desc"


def _sort_value(document: Document, name: str, has_tiebreak: bool) -> Any:
    if name == "_doc" or (name == "_shard_doc" and has_tiebreak):
        return document.number
    if name.startswith("_"):
        raise RefusalError(400, "illegal_argument_exception", f"no sorting by [{name}]")
    values = [_value(value) for value in document.fields.get(name, [])]
    return min(values) if values else None


def as_sorted(documents: list[Document], sort: list[Any], *, has_tiebreak: bool) -> list[Document]:
    """The documents in order; those without a value last."""
    ordered = sorted(documents, key=lambda document: document.number)
    for place, (_, falls) in reversed(list(enumerate(orders(sort)))):
        keys = {
            id(document): sort_values(document, sort, has_tiebreak=has_tiebreak)[place]
            for document in ordered
        }
        with_value = [document for document in ordered if keys[id(document)] is not None]
        without = [document for document in ordered if keys[id(document)] is None]
        with_value.sort(key=lambda document: keys[id(document)], reverse=falls)
        ordered = with_value + without
    return ordered


def kept(source: bytes, names: list[str], prefix: str = "") -> bytes:
    """The fields of a document that a `_source` list names, as they were sent."""
    parts = []
    for key, value in msgspec.json.decode(source, type=dict[str, msgspec.Raw]).items():
        name, raw = f"{prefix}{key}", bytes(value)
        if any(fnmatchcase(name, wanted) for wanted in names):
            parts.append((key, raw))
        elif raw.startswith(b"{") and any(wanted.startswith(f"{name}.") for wanted in names):
            parts.append((key, kept(raw, names, f"{name}.")))
    members = [json.dumps(key, ensure_ascii=False).encode() + b":" + raw for key, raw in parts]
    return b"{" + b",".join(members) + b"}"
