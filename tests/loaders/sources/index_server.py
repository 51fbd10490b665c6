"""A stand-in for Elasticsearch and OpenSearch on loopback: no such server can be had in tests.

It is strict. It knows `/`, `_bulk`, `_pit`, `_search` and `_search/scroll`, answers them as a
server of its version does, and refuses any other route, key or query with a typed error. What it
takes in it gives back byte for byte. It counts the cursors that are open, and fails when told to.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.loaders.sources.index_documents import (
    LAST,
    Document,
    Documents,
    RefusalError,
    as_sorted,
    kept,
    matches,
    sort_values,
)

KEYS = {"query", "size", "sort", "_source", "track_total_hits", "pit", "search_after"}


@dataclass
class Fault:
    """What is answered in place of an answer, to requests whose path has `route` in it."""

    route: str
    status: int | None  # None: the connection is dropped
    times: int
    headers: dict[str, str]


@dataclass
class _Cursor:
    documents: list[Document]
    search: dict[str, Any] = field(default_factory=dict)  # of a scroll
    place: int = 0


@dataclass
class IndexServer:
    """The server: which one it says that it is, what it holds, and what was asked of it.

    `authorization` is the header that it insists on. `spoils` are members that searches answer in
    place of their own (`{"timed_out": True}`); `before_search` is called before each page, with
    its number from 1.
    """

    version: str = "8.19.3"
    distribution: str | None = None
    authorization: str | None = None
    url: str = ""
    documents: Documents = field(default_factory=Documents)
    spoils: dict[str, Any] = field(default_factory=dict)
    before_search: Callable[[int], None] = lambda _: None
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str, Any]] = field(default_factory=list)
    cursors: dict[str, _Cursor] = field(default_factory=dict)
    _ids: "count[int]" = field(default_factory=lambda: count(1))
    _pages: "count[int]" = field(default_factory=lambda: count(1))

    def put(self, index: str, **documents: str | bytes) -> None:
        """Keep documents by their ids, as they are written here."""
        self.documents.indexes.setdefault(index, {})
        for key, source in documents.items():
            raw = source.encode() if isinstance(source, str) else source
            self.documents.put(index, key, raw)

    def fail(self, status: int | None, route: str = "", times: int = 1, **headers: str) -> None:
        """Fail the next requests to a route."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.append(Fault(route, status, times, named))

    def searches(self) -> list[Any]:
        """The bodies of all searches, in order."""
        return [body for _, path, body in self.requests if path.endswith("_search")]

    @property
    def release(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("."))

    @property
    def has_points_in_time(self) -> bool:
        return self.distribution is None and self.release >= (7, 10)

    def headers(self) -> dict[str, str]:
        is_named = self.distribution is None and self.release >= (7, 14)
        return {"X-elastic-product": "Elasticsearch"} if is_named else {}

    def greet(self, request: Message) -> str:
        """Look at the headers of a request; the type of the answer to it.

        Raises:
            RefusalError: who asks is not known, or wants a server of another version.
        """
        if self.authorization not in (None, request["Authorization"]):
            raise RefusalError(401, "security_exception", "missing authentication credentials")
        has_body = request["Content-Length"] not in (None, "0")
        if has_body and "json" not in (request["Content-Type"] or ""):
            raise RefusalError(406, "media_type_header_exception", "a body is JSON")
        accept = request["Accept"] or ""
        if "vnd.elasticsearch" not in accept:
            return "application/json"
        major = int(accept.rpartition("compatible-with=")[2] or 0)
        if self.distribution or self.release < (7, 11):
            raise RefusalError(406, "not_acceptable", f"Content-Type header [{accept}]")
        if major not in (self.release[0], self.release[0] - 1):
            told = f"Accept version must be {self.release[0]}, but found {major}"
            raise RefusalError(400, "media_type_header_exception", told)
        return f"application/vnd.elasticsearch+json;compatible-with={major}"

    def answer(self, method: str, target: str, content: bytes) -> bytes:
        """The answer to a request.

        Raises:
            RefusalError: it is not understood.
        """
        address = urlsplit(target)
        options = {name: values[0] for name, values in parse_qs(address.query).items()}
        path = address.path
        if path.endswith("/_bulk"):
            self.requests.append((method, path, None))
            return self._bulk(path.strip("/").removesuffix("_bulk").strip("/"), content)
        try:
            body = json.loads(content) if content else {}
        except ValueError:
            raise RefusalError(400, "parse_exception", "the body is no JSON") from None
        self.requests.append((method, path, body))
        first, _, rest = path.strip("/").partition("/")
        reply = b""
        match method, unquote(first), rest:
            case "GET" | "HEAD", "", "":
                reply = self._root()
            case "POST", "_search", "scroll":
                reply = self._scroll(body)
            case "DELETE", "_search", "scroll":
                reply = self._close(body["scroll_id"])
            case "DELETE", "_pit", "" if self.has_points_in_time:
                reply = self._close(body["id"])
            case "POST", index, "_pit" if self.has_points_in_time and "keep_alive" in options:
                cursor = self._open(_Cursor(self.documents.named(index)))
                reply = json.dumps({"id": cursor}).encode()
            case "POST", "_search", "" if "pit" in body:
                reply = self._point_in_time(body)
            case "POST", index, "_search" if "scroll" in options:
                reply = self._first_of_scroll(index, body)
            case _:
                told = f"no handler found for uri [{path}] and method [{method}]"
                raise RefusalError(400, "illegal_argument_exception", told)
        return reply

    def _root(self) -> bytes:
        version = {"number": self.version}
        if self.distribution:
            version["distribution"] = self.distribution
        return json.dumps({"version": version, "tagline": "a stand-in"}).encode()

    def _bulk(self, index: str, content: bytes) -> bytes:
        lines = iter(content.splitlines())
        items = []
        for line in lines:
            ((action, target),) = json.loads(line).items()
            if action not in ("index", "create"):
                raise RefusalError(400, "illegal_argument_exception", f"no action [{action}]")
            name, key = target.get("_index", index), target.get("_id", f"made-{next(self._ids)}")
            status = 201 if self.documents.put(name, key, next(lines)) else 200
            items.append({action: {"_index": name, "_id": key, "status": status}})
        return json.dumps({"took": 1, "errors": False, "items": items}).encode()

    def _open(self, cursor: _Cursor) -> str:
        key = f"cursor-{next(self._ids)}"
        self.cursors[key] = cursor
        return key

    def _held(self, key: str) -> _Cursor:
        if key not in self.cursors:
            told = f"No search context found for id [{key}]"
            raise RefusalError(404, "search_context_missing_exception", told)
        return self.cursors[key]

    def _close(self, keys: str | list[str]) -> bytes:
        keys = [keys] if isinstance(keys, str) else keys
        freed = [self.cursors.pop(key, None) for key in keys]
        return json.dumps({"succeeded": True, "num_freed": len(freed)}).encode()

    def _point_in_time(self, body: dict[str, Any]) -> bytes:
        self._check(body)
        self.before_search(next(self._pages))
        found = self._found(self._held(body["pit"]["id"]).documents, body)
        start = 0
        if "search_after" in body:
            after = body["search_after"]
            values = [_told(sort_values(d, body["sort"], has_tiebreak=True)) for d in found]
            if after not in values:
                told = "[search_after] names no document"
                raise RefusalError(400, "illegal_argument_exception", told)
            start = values.index(after) + 1
        total = {"value": len(found), "relation": "eq"} if body.get("track_total_hits") else None
        page = found[start : start + body["size"]]
        return self._page(page, body, total, {"pit_id": body["pit"]["id"]})

    def _first_of_scroll(self, index: str, body: dict[str, Any]) -> bytes:
        self._check(body)
        if "search_after" in body or "pit" in body:
            raise RefusalError(400, "action_request_validation_exception", "not with a scroll")
        found = self._found(self.documents.named(index), body)
        key = self._open(_Cursor(found, body))
        return self._scroll({"scroll_id": key, "scroll": "1m"})

    def _scroll(self, body: dict[str, Any]) -> bytes:
        cursor = self._held(body["scroll_id"])
        self.before_search(next(self._pages))
        start, cursor.place = cursor.place, cursor.place + cursor.search["size"]
        number = len(cursor.documents)
        total = {"value": number, "relation": "eq"} if self.release >= (7,) else number
        page = cursor.documents[start : cursor.place]
        return self._page(page, cursor.search, total, {"_scroll_id": body["scroll_id"]})

    def _check(self, body: dict[str, Any]) -> None:
        if not body.keys() <= KEYS or not {"query", "size", "sort"} <= body.keys():
            raise RefusalError(400, "parsing_exception", f"unknown or missing key in {list(body)}")

    def _found(self, documents: list[Document], body: dict[str, Any]) -> list[Document]:
        is_wanted = matches(body["query"])
        wanted = [document for document in documents if is_wanted(document)]
        return as_sorted(wanted, body["sort"], has_tiebreak="pit" in body)

    def _page(
        self, page: list[Document], body: dict[str, Any], total: Any, more: dict[str, Any]
    ) -> bytes:
        hits = b",".join(self._hit(document, body) for document in page)
        counted = b"" if total is None else b'"total":%b,' % json.dumps(total).encode()
        shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
        told = {**more, "took": 1, "timed_out": False, "_shards": shards, **self.spoils}
        begun = json.dumps(told).encode().removesuffix(b"}")
        return b'%b,"hits":{%b"max_score":null,"hits":[%b]}}' % (begun, counted, hits)

    def _hit(self, document: Document, body: dict[str, Any]) -> bytes:
        names = body.get("_source")
        source = document.source if names is None else kept(document.source, names)
        values = sort_values(document, body["sort"], has_tiebreak="pit" in body)
        old = b'"_type":"_doc",' if self.release < (8,) else b""
        named = json.dumps(document.index).encode(), old, json.dumps(document.id).encode()
        sort = json.dumps(_told(values)).encode()
        told = b'{"_index":%b,%b"_id":%b,"_score":null,' % named
        return told + b'"_source":%b,"sort":%b}' % (source, sort)


def _told(values: list[Any]) -> list[Any]:
    """Sort values as JSON has them."""
    told = [LAST if value is None else value for value in values]
    return [value if isinstance(value, str) else json.loads(str(value)) for value in told]


@contextmanager
def serve(**settings: Any) -> Iterator[IndexServer]:
    """Serve on a free port of loopback, as the server that the settings describe."""
    stand_in = IndexServer(**settings)

    class Handler(_Handler):
        server_of = stand_in

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet: else the client's acknowledgement is waited for
    server_of: IndexServer

    def _answer(self) -> None:
        stand_in = self.server_of
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        headers = {"Content-Type": "application/json", **stand_in.headers()}
        fault = next((f for f in stand_in.faults if f.times and f.route in self.path), None)
        if fault is not None:
            fault.times -= 1
            headers |= fault.headers
            if fault.status is None:
                self.close_connection = True
                return
            refusal = RefusalError(fault.status, "a_fault", "as it was told to")
            status, body = fault.status, refusal.body()
        else:
            try:
                headers["Content-Type"] = stand_in.greet(self.headers)
                status, body = 200, stand_in.answer(self.command, self.path, content)
            except RefusalError as refusal:
                status, body = refusal.status, refusal.body()
            except Exception as error:  # noqa: BLE001 -- a client must see that it is broken
                status, body = 500, RefusalError(500, "broken_stand_in", repr(error)).body()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815 -- http.server's names

    def log_message(self, *arguments: object) -> None:
        """Stay silent."""
