"""The pages of an answer, as dlt's REST client and its paginators find them.

Whoever imports this imports dlt, which takes half a second.
"""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, NamedTuple

import requests
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.detector import (
    PaginatorFactory,
    find_next_page_path,
    find_total_pages_path,
    header_links_detector,
    json_links_detector,
    single_page_detector,
)
from dlt.sources.helpers.rest_client.paginators import (
    BasePaginator,
    HeaderLinkPaginator,
    JSONLinkPaginator,
    JSONResponseCursorPaginator,
    OffsetPaginator,
    PageNumberPaginator,
    SinglePagePaginator,
)
from typing_extensions import override

from loaders.catalog import ApiTable
from loaders.catalog.rest_api import NextCursor, NextLink, Offsets, PageNumbers, Pagination
from loaders.errors import SourceError
from loaders.intake.documents.envelope import envelope_of, value_at
from loaders.sources.addresses import shown
from loaders.sources.rest_api.ask import Ask
from loaders.sources.rest_api.more import sign_of_more
from loaders.sources.rest_api.sending import Answer, Cut, MissingError, Sender

AT = "at"  # the key of the only value that a paginator is shown
Asked = tuple[str | None, str | None, Any]


class Page(NamedTuple):
    """An answer; `around` gives what stands around its records."""

    answer: Answer
    around: Callable[[], Any]


def read_pages(
    ask: Ask, expected: ApiTable, first: Answer, sender: Sender, cut: Cut, table: str
) -> Iterator[Page]:
    """The first answer, which is there by now, and those after it.

    Raises:
        SourceError: a page cannot be read, leads back to one before it, or does not tell of the
            next what the entry expects.
    """
    try:
        yield from _pages(ask, expected, first, sender, cut)
    except SourceError:
        raise
    except Exception as error:  # dlt's paginators raise what they like
        path = _path_of(expected.pagination)
        told = f"what stands at {path!r} of the answer" if path else "the answer"
        raise SourceError(
            f"table {table}: {told} from the API at {ask.place} does not tell how its pages go on "
            f"({type(error).__name__}); mend its `pagination`"
        ) from error


def _pages(ask: Ask, expected: ApiTable, first: Answer, sender: Sender, cut: Cut) -> Iterator[Page]:
    client = _Client(ask, expected, first, sender, cut)
    pages = expected.pagination
    hooks: Any = {"response": []}  # what a status means is judged by the sender
    for _ in client.paginate(
        method=ask.method,
        headers=dict(ask.headers),
        params=dict(ask.params),
        json=ask.json,
        data=ask.text,
        auth=ask.auth,  # type: ignore[arg-type]  # requests takes any callable
        paginator=_paginator(pages),
        data_selector="$",
        hooks=hooks,
    ):
        client.refuse_gap(pages)
        yield Page(client.answer, client.around)


class _Client(RESTClient):
    """dlt's client over our sender, whose records are cut from the bytes of an answer."""

    def __init__(
        self, ask: Ask, expected: ApiTable, first: Answer, sender: Sender, cut: Cut
    ) -> None:
        ways = PaginatorFactory(
            [
                header_links_detector,
                json_links_detector,
                self._refuse_guesses,
                single_page_detector,
            ]
        )
        super().__init__(base_url=ask.url, session=sender.session, paginator_factory=ways)
        self.answer = first
        self._first: Answer | None = first
        self._sender, self._cut, self._place = sender, cut, expected.records
        self._has_total = expected.total is not None  # which is checked then
        self._asked: set[Asked] = set()
        self._is_short = False
        self._at = _path_of(expected.pagination)
        self.around: Callable[[], Any] = list

    @override
    def _send_request(self, request: requests.Request, **_: Any) -> requests.Response:
        prepared = self.session.prepare_request(request)
        asked = (prepared.method, prepared.url, prepared.body)
        if asked in self._asked:
            raise SourceError(
                f"the API at {shown(self.base_url)} leads to a page that it sent already"
            )
        self._asked.add(asked)
        if self._first is not None:
            self.answer, self._first = self._first, None
        else:
            self.answer = self._next(request)
        response = self.answer.response
        self.around = cache(partial(envelope_of, response.content, self._place))
        response.json = self._told  # type: ignore[method-assign]
        return response

    def _told(self, **_: Any) -> Any:
        """What a paginator may look at: no records, and at most the one value that it needs."""
        around = self.around()
        if self._at is None:
            return around
        value = value_at(around, self._at)
        return {AT: None if value is False or value == "" else value}

    def _next(self, request: requests.Request) -> Answer:
        try:
            return self._sender.send(request, self._cut)
        except MissingError as error:  # of an answer that is there a part is missing
            raise SourceError(str(error)) from None

    @override
    def extract_response(self, response: requests.Response, data_selector: Any) -> list[Any]:
        return self.answer.records

    @override
    def detect_paginator(self, response: requests.Response, data: Any) -> BasePaginator:
        paginator, _ = self.pagination_factory.create_paginator(response)
        return paginator  # the last of the ways always gives one

    def _refuse_guesses(self, response: requests.Response) -> tuple[Any, Any]:
        """Pages without links: dlt would guess how to ask for them, and may read one twice."""
        answer = response.json()
        cursor, value = find_next_page_path(answer)
        pages, total = find_total_pages_path(answer)
        sign = ""
        if cursor and value is not False:
            sign = repr(".".join(cursor))
        elif pages and str(total) not in ("0", "1"):
            sign = repr(".".join(pages))
        sign = sign or sign_of_more(
            answer, len(self.answer.records), self._place, judges_total=not self._has_total
        )
        if sign:
            raise SourceError(
                f"the API at {shown(response.url)} answers in pages ({sign}) without a link to "
                "the next; say under `pagination` how they are asked for, or `{kind: single}` "
                "where the first answer is all"
            )
        return None, None

    def refuse_gap(self, pages: Pagination | None) -> None:
        """Refuse a page by offset behind one that was not full: records between them are missing.

        Raises:
            SourceError: naming the size that was asked for.
        """
        if not isinstance(pages, Offsets):
            return
        if self._is_short and self.answer.records:
            raise SourceError(
                f"the API at {shown(self.base_url)} gives fewer than {pages.size} records a page, "
                "and more after it; set a `size` that it gives"
            )
        self._is_short = len(self.answer.records) < pages.size


class _CursorPaginator(JSONResponseCursorPaginator):
    """dlt's takes 0 for the end; it may be a cursor like another."""

    @override
    def update_state(self, response: requests.Response, data: list[Any] | None = None) -> None:
        value = response.json()[AT]
        if isinstance(value, bool | dict | list):
            raise TypeError
        self._next_reference = value


def _path_of(pages: Pagination | None) -> str | None:
    """Where an answer tells of its next page, or of how many there are."""
    at: str | None = getattr(pages, "pages" if isinstance(pages, PageNumbers) else "path", None)
    return at


def _paginator(pages: Pagination | None) -> BasePaginator | None:
    """The paginator that an entry names; None where the answer tells."""
    if pages is None:
        return None
    in_body = getattr(pages, "place", "query") == "body"
    if isinstance(pages, PageNumbers):
        named = {"page_body_path" if in_body else "page_param": pages.param}
        total = AT if pages.pages else None
        return PageNumberPaginator(pages.start, total_path=total, **named)  # type: ignore[arg-type]
    if isinstance(pages, Offsets):
        kind = "body_path" if in_body else "param"
        named = {
            f"offset_{kind}": pages.param,
            f"limit_{kind}": pages.size_param,
        }
        return OffsetPaginator(pages.size, pages.start, total_path=None, **named)  # type: ignore[arg-type]
    if isinstance(pages, NextCursor):
        kind = "cursor_body_path" if in_body else "cursor_param"
        return _CursorPaginator(AT, **{kind: pages.param})  # type: ignore[arg-type]
    if isinstance(pages, NextLink):
        return JSONLinkPaginator(AT) if pages.path else HeaderLinkPaginator()
    return SinglePagePaginator()
