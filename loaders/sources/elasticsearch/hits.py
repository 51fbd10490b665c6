"""The answer of a search → its hits, each as the record that lands.

A record is `{"_index":…,"_id":…,"_source":…}`, with `_routing` where the hit has one, its values
cut out of the answer byte for byte. What else a hit says (`sort`, `_score`, `_type`, `_ignored`) is
of the search and not of the document: it may differ from one run to the next, and equal documents
must give an equal batch.
"""

import json
from typing import Any, NamedTuple

import msgspec

from loaders.intake.documents.answers import cut_answer, cut_value

NOTHING = msgspec.Raw()
MEMBERS = ("_index", "_id", "_routing", "_source")


class NotHitsError(ValueError):
    """The answer is not that of a search."""


class Hit(NamedTuple):
    """A hit: the values it is sorted by, its index and id, and the record; all as JSON."""

    order: tuple[bytes, ...]
    identity: tuple[bytes, bytes]
    record: bytes


class Page(NamedTuple):
    """A page of hits.

    `total` is the number of all hits where the server counted them, `after` the sort values of the
    last hit, `cursor` the id of the scroll or point in time. `problem` says why hits may be
    missing.
    """

    hits: list[Hit]
    total: int | None
    after: msgspec.Raw | None
    cursor: str | None
    problem: str | None


class _Total(msgspec.Struct):
    value: int
    relation: str


class _Shards(msgspec.Struct):
    total: int = 0
    failed: int = 0
    failures: list[Any] = []


class _Clusters(msgspec.Struct):
    skipped: int = 0
    partial: int = 0
    failed: int = 0


class _Hit(msgspec.Struct):
    """What is kept of a hit; what it has not got is empty."""

    index: msgspec.Raw = msgspec.field(default=NOTHING, name="_index")
    id: msgspec.Raw = msgspec.field(default=NOTHING, name="_id")
    routing: msgspec.Raw = msgspec.field(default=NOTHING, name="_routing")
    source: msgspec.Raw = msgspec.field(default=NOTHING, name="_source")
    sort: msgspec.Raw = NOTHING


class _Hits(msgspec.Struct):
    hits: list[_Hit]
    total: int | _Total | None = None


class _Answer(msgspec.Struct):
    hits: _Hits
    shards: _Shards = msgspec.field(default_factory=_Shards, name="_shards")
    clusters: _Clusters = msgspec.field(default_factory=_Clusters, name="_clusters")
    timed_out: bool = False
    pit_id: str | None = None
    scroll_id: str | None = msgspec.field(default=None, name="_scroll_id")


_ANSWER = msgspec.json.Decoder(_Answer)


def read_page(content: bytes, width: int) -> Page:
    """The hits of an answer; the first `width` of their sort values are those that order them.

    Raises:
        NotHitsError: it is not the answer of a search.
    """
    answer = _decode(content)
    total = answer.hits.total
    problem = _problem_of(answer)
    hits = [] if problem else [_hit(hit, width) for hit in answer.hits.hits]
    return Page(
        hits,
        total.value if isinstance(total, _Total) else total,
        answer.hits.hits[-1].sort if hits else None,
        answer.pit_id or answer.scroll_id,
        problem,
    )


def _decode(content: bytes) -> _Answer:
    try:
        return _ANSWER.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        try:
            return _decode_carefully(content)
        except (ValueError, RecursionError, msgspec.ValidationError) as error:
            raise NotHitsError(f"answered a search with something else: {error}") from None


def _decode_carefully(content: bytes) -> _Answer:
    """As at once, of an answer with escapes of lone surrogates, which msgspec refuses."""
    whole = json.loads(content)
    hits = []
    for text in cut_answer(content, "hits.hits"):
        values = (cut_value(text, name) for name in (*MEMBERS, "sort"))
        hits.append(_Hit(*(msgspec.Raw(value or b"") for value in values)))
    whole["hits"]["hits"] = []
    answer = msgspec.convert(whole, _Answer)
    answer.hits.hits = hits
    return answer


def _hit(hit: _Hit, width: int) -> Hit:
    index, key, routing, source = map(bytes, (hit.index, hit.id, hit.routing, hit.source))
    sharded = b',"_routing":' + routing if routing else b""
    record = b'{"_index":%b,"_id":%b%b,"_source":%b}' % (index, key, sharded, source)
    order = tuple(cut_answer(bytes(hit.sort))[:width]) if width else ()
    return Hit(order, (index, key), record)


def _problem_of(answer: _Answer) -> str | None:
    """Why hits may be missing from an answer that looks like a whole one."""
    if answer.timed_out:
        return "the search timed out"
    if answer.shards.failed:
        why = next((reason_of(failure) for failure in answer.shards.failures), "")
        of = f"{answer.shards.failed} of {answer.shards.total} shards failed"
        return f"{of}: {why}" if why else of
    lost = answer.clusters.skipped + answer.clusters.partial + answer.clusters.failed
    if lost:
        return f"{lost} of the clusters did not answer in full"
    total = answer.hits.total
    if isinstance(total, _Total) and total.relation != "eq":
        return "the server did not count the hits exactly"
    if not all(bytes(hit.source) for hit in answer.hits.hits):
        return "hits come without _source: the index does not keep its documents"
    return None


def reason_of(error: Any) -> str:
    """Type and reason of an error as the server words them; its root cause where it names one."""
    if not isinstance(error, dict):
        return str(error or "")
    causes, inner = error.get("root_cause"), error.get("reason")
    if isinstance(causes, list) and causes and isinstance(causes[0], dict):
        error = causes[0]
    elif isinstance(inner, dict):  # of a shard
        error = inner
    return ": ".join(str(error[key]) for key in ("type", "reason") if error.get(key))
