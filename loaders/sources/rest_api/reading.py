"""One table of an API: asked page by page, spooled, checked, and made a batch of."""

from contextlib import closing
from typing import NamedTuple

from loaders import early
from loaders.batch import Batch, Column, batch_id
from loaders.catalog import ApiTable, RestApiSource
from loaders.catalog.rest_api import SinglePage
from loaders.errors import SourceError
from loaders.intake.documents.answers import cut_answer
from loaders.ledger import Latest
from loaders.sources import Search
from loaders.sources.addresses import Guard
from loaders.sources.marks import mark, part
from loaders.sources.moments import told_ahead
from loaders.sources.rest_api.ask import Ask, with_cursor
from loaders.sources.rest_api.conditional import Validators, conditions, validators_of
from loaders.sources.rest_api.cursors import Cursor
from loaders.sources.rest_api.sending import Answer, MissingError, Sender
from loaders.sources.rest_api.spool import Spool, Spooled
from loaders.sources.rest_api.totals import Total
from loaders.sources.rest_api.whole import spool_whole

DOCUMENT = (Column("(the record)", "document"),)


class Result(NamedTuple):
    """What a table has to land, and what the summary should say of it, some of it as a warning."""

    batch: Batch | None
    notices: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_table(
    spec: RestApiSource, search: Search, table: str, ask: Ask, sender: Sender | None = None
) -> Result:
    """Ask for a table, by a `sender` where one is given.

    Raises:
        SourceError: the API cannot be reached, refuses, or its answer cannot be trusted.
    """
    return _Reading(spec, search, table, ask).result(sender)


class _Reading:
    def __init__(self, spec: RestApiSource, search: Search, table: str, ask: Ask) -> None:
        self._spec, self._search, self._table = spec, search, table
        self._expected = spec.tables[table]
        self._where = f"the API at {ask.place}"
        since = self._expected.cursor
        self._is_other = False  # than the last run's request
        self._may_be_unchanged = _may_be_unchanged(spec, self._expected)
        asks_ledger = since or self._may_be_unchanged
        self._latest = search.known.latest(search.source, table) if asks_ledger else None
        self._asked = ask.fingerprint(self._expected)  # without the cursor's own value
        self._cursor = Cursor(since, self._last(), self._where) if since else None
        if since and self._cursor:
            ask = with_cursor(ask, since, self._cursor.asked_from())
        self._ask = ask

    def _last(self) -> str | None:
        """The cursor of the last run, if it asked for the same."""
        kept = self._latest.cursor if self._latest else None
        if kept is None:
            return None
        last = part(kept)
        self._is_other = last.fingerprint not in (None, self._asked)
        return None if self._is_other else last.value

    def result(self, sender: Sender | None = None) -> Result:
        ask, spec = self._ask, self._spec
        if sender is None:
            guard = Guard(ask.url, has_credentials=ask.has_credentials)
            sender = Sender(guard, ask.url, spec.timeout, spec.max_wait, source=self._search.source)
        with closing(sender.session):
            try:
                return self._answered(sender)
            except MissingError as error:
                if self._expected.fail_on_missing:
                    raise
                return self._missing(str(error))

    def _answered(self, sender: Sender) -> Result:
        asked = self._asked
        conditional = conditions(self._latest, asked) if self._may_be_unchanged else {}
        if not conditional:
            self._search.known.prepare()
        first = sender.send(self._ask.request(conditional), self._cut)
        if first.is_unchanged and self._latest:
            return Result(self._seen_again(self._latest))
        if self._expected.answer == "bytes":
            return self._whole(first)
        self._search.known.prepare()
        spooled, pages, notices = self._spool(first, sender)
        if not spooled.rows and (self._cursor or not self._expected.fail_on_missing):
            if self._cursor:
                return Result(None, self._notices(spooled))
            return self._missing(f"{self._where} has no records")
        told = Validators()
        if pages == 1 and self._may_be_unchanged:
            told = validators_of(first.response.headers, asked)
        return Result(self._batch(spooled, told), notices)

    def _cut(self, body: bytes) -> list[bytes]:
        if self._expected.answer == "bytes":
            return []
        return cut_answer(body, self._expected.records, takes_constants=True)

    def _spool(self, first: Answer, sender: Sender) -> tuple[Spooled, int, tuple[str, ...]]:
        early.wait()
        from loaders.sources.rest_api.pages import read_pages  # dlt: 0.5 s

        expected, cursor = self._expected, self._cursor
        total = Total(expected.total, self._where) if expected.total else None
        pages = 0
        with Spool(self._search.folder, self._table, expected.key, self._where) as spool:
            for answer, around in read_pages(
                self._ask, expected, first, sender, self._cut, self._table
            ):
                pages += 1
                spool.add(answer.response.content, answer.records)
                if cursor:
                    cursor.add(answer.records)
                if total:
                    total.add(around())
            spooled = spool.finish()
        told = total.check(spooled.rows) if total else None
        return spooled, pages, (*((told,) if told else ()), *self._notices(spooled))

    def _notices(self, spooled: Spooled) -> tuple[str, ...]:
        notices = []
        since = self._expected.cursor
        if self._is_other and since:
            start = "the beginning" if since.initial is None else repr(since.initial)
            notices.append(f"{self._table}: its request has changed; it is read from {start} on")
        if spooled.repeated:
            many = f"{spooled.repeated} record{'' if spooled.repeated == 1 else 's'}"
            notices.append(f"{self._table}: {many} came again in one answer; each is kept once")
        if self._cursor and self._cursor.ahead and since:
            notices.append(told_ahead(self._table, since.field, self._cursor.ahead))
        if self._cursor and self._cursor.without and since:
            field = since.field
            if self._cursor.greatest is None and not self._cursor.ahead:
                raise SourceError(f"{self._where}: no record has the cursor {field!r}")
            notices.append(f"{self._table}: {self._cursor.without} records have no {field!r}")
        return tuple(notices)

    def _missing(self, reason: str) -> Result:
        notice = f"{self._table}: {reason}; nothing of it landed, as fail_on_missing is false"
        return Result(None, warnings=(notice,))

    def _whole(self, first: Answer) -> Result:
        if not first.response.content:
            raise MissingError(f"{self._where} answered nothing")
        told = Validators()
        if self._may_be_unchanged:
            told = validators_of(first.response.headers, self._asked)
        spooled = spool_whole(first.response, self._ask.place, self._search.folder, self._table)
        return Result(self._batch(spooled, told))

    def _batch(self, spooled: Spooled, told: Validators) -> Batch:
        search, cursor = self._search, self._cursor
        of_its_own = self._asked if cursor else None  # else its cursor were another request's
        if self._spec.snapshots == "always":
            of_its_own = search.run_id
        return Batch(
            id=batch_id(search.source, self._table, spooled.sha256, of_its_own),
            source=search.source,
            table=self._table,
            uri=self._ask.place,
            path=str(spooled.path),
            sha256=spooled.sha256,
            bytes=spooled.bytes,
            format="json-seq",
            encoding="utf-8",
            columns=DOCUMENT,
            regular_rows=spooled.regular_rows,
            received=spooled.received,
            etag=told.etag,
            last_modified=told.last_modified,
            cursor=mark(cursor.greatest.text, self._asked) if cursor and cursor.greatest else None,
        )

    def _seen_again(self, latest: Latest) -> Batch:
        """The batch that landed the last time: what it holds is not sent again."""
        return Batch(
            id=latest.batch_id,
            source=self._search.source,
            table=self._table,
            uri=self._ask.place,
            path="",
            sha256="",
            bytes=0,
            format="json-seq",
            encoding="utf-8",
            columns=DOCUMENT,
            etag=latest.etag,
            last_modified=latest.last_modified,
        )


def _may_be_unchanged(spec: RestApiSource, expected: ApiTable) -> bool:
    """Whether the API may say that its answer is the last one; time series keep each of them."""
    is_one = expected.pagination is None or isinstance(expected.pagination, SinglePage)
    return spec.snapshots == "changed" and expected.cursor is None and is_one
