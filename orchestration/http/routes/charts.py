"""A table or a query as a chart, on a page that loads nothing."""

from html import escape
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from loaders.warehouse import Result
from loaders.warehouse.bounds import Bounds
from orchestration.charts import Chart, Kind, draw, most_rows
from orchestration.formats import text
from orchestration.http.problems import declared
from orchestration.http.service import Service, ServiceOf
from orchestration.paging import Wanted, read_page

router = APIRouter(tags=["charts"])
MODEL = "user_features"
# no script, no other host: styles are all that the page has of its own
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
SECONDS, MOST_BYTES = 30, 8_000_000
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;color:#1b1b1b;background:#fff;margin:2rem auto;"
    "max-width:60rem;padding:0 1rem}svg{width:100%;height:auto}table{border-collapse:collapse}"
    "th,td{border:1px solid #767676;padding:.2rem .6rem;text-align:left}"
    ".rows{overflow-x:auto}"
)


@router.get(
    "/visualize",
    operation_id="visualize",
    response_model=None,
    responses={
        200: {"content": {"text/html": {"schema": {"type": "string"}}}},
        **declared(403, 404, 422, 503),
    },
)
def visualize(
    service: ServiceOf,
    x: Annotated[str, Query(min_length=1, max_length=200)],
    y: Annotated[
        str | None, Query(min_length=1, max_length=200, description="unset: how many rows have x")
    ] = None,
    model: Annotated[str, Query(min_length=1, max_length=200)] = MODEL,
    kind: Kind = "bar",
    query: Annotated[
        str | None,
        Query(min_length=1, max_length=10_000, description="in the place of the model"),
    ] = None,
) -> HTMLResponse:
    """A chart of a table, or of one query that reads: bars, a line, points, or a histogram of x."""
    title = model if query is None else "a query"
    result = _rows(service, model, query, most_rows(kind))
    has_more = len(result.rows) > most_rows(kind)
    result = Result(result.columns, result.rows[: most_rows(kind)])
    svg = draw(result, Chart(kind, x, y, title))
    page = _page(title, svg, _picked(result, x, y), has_more=has_more)
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})


def _rows(service: Service, model: str, query: str | None, limit: int) -> Result:
    if query is None:
        return read_page(service.warehouse(), model, Wanted(limit=limit + 1)).result
    bounds = Bounds(SECONDS, limit + 1, MOST_BYTES)
    return service.warehouse().published_query(query, bounds)


def _picked(result: Result, x: str, y: str | None) -> Result:
    """What the chart shows, as a table."""
    names = [name for name in dict.fromkeys((x, y)) if name in result.columns]
    places = [result.columns.index(name) for name in names]
    return Result(tuple(names), [tuple(row[at] for at in places) for row in result.rows])


def _page(title: str, svg: str, shown: Result, *, has_more: bool) -> str:
    told = f"<p>The first {len(shown.rows)} rows; there are more.</p>" if has_more else ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in shown.columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in shown.rows
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f'<h1>{escape(title)}</h1>{told}<figure>{svg}</figure><div class="rows">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        "</main></body></html>"
    )


def _cell(value: object) -> str:
    return "" if value is None else escape(text(value))
