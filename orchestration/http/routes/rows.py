"""What routes share that answer with pages of rows: their parameters and their answer."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, StringConstraints

from orchestration.formats import objects
from orchestration.paging import Page, Wanted

DEFAULT_ROWS, MOST_ROWS = 100, 1000
FURTHEST = 2**53  # an offset that every client's numbers hold
OURS = {"filter", "order", "limit", "offset", "deleted"}


class Column(BaseModel):
    """A column, and its type as the warehouse names it."""

    name: str
    type: str


class Rows(BaseModel):
    """A page of rows; `next` is the address of the one behind it."""

    table: str
    columns: list[Column]
    rows: list[dict[str, Any]]
    limit: int
    offset: int
    next: str | None


def _wanted(
    request: Request,
    filters: Annotated[
        list[Annotated[str, StringConstraints(pattern="=")]],
        Query(alias="filter", max_length=50, description="`column=value`; also as `?column=value`"),
    ] = [],  # noqa: B006 - FastAPI copies it
    order: Annotated[
        list[Annotated[str, StringConstraints(min_length=1)]],
        Query(max_length=50, description="a column; `-column` turns its order around"),
    ] = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = DEFAULT_ROWS,
    offset: Annotated[int, Query(ge=0, le=FURTHEST)] = 0,
    deleted: Annotated[bool, Query(description="with the deleted rows of a raw table")] = False,  # noqa: FBT002
) -> Wanted:
    pairs = [_pair(text) for text in filters]
    pairs += [item for item in request.query_params.multi_items() if item[0] not in OURS]
    columns = [name for text in order for name in text.split(",")]
    return Wanted(pairs, columns, limit, offset, deleted)


WantedOf = Annotated[Wanted, Depends(_wanted)]


def answer_page(request: Request, page: Page, wanted: Wanted) -> JSONResponse:
    """A page as JSON, with the way to the next one."""
    further = None
    if page.has_more:
        asked = [item for item in request.query_params.multi_items() if item[0] != "offset"]
        query = urlencode([*asked, ("offset", str(wanted.offset + wanted.limit))])
        further = f"{request.url.path}?{query}"
    columns = [{"name": name, "type": kind} for name, kind in page.relation.columns.items()]
    return JSONResponse(
        {
            "table": page.relation.name,
            "columns": columns,
            "rows": objects(page.result),
            "limit": wanted.limit,
            "offset": wanted.offset,
            "next": further,
        }
    )


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value
