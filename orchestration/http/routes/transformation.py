"""The part of the service that is called transformation."""

from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from loaders.warehouse.bounds import Bounds
from orchestration.formats import objects
from orchestration.http.problems import Problem, declared
from orchestration.http.service import Service, ServiceOf
from orchestration.paging import Wanted, read_page
from orchestration.registry import RunRecord
from orchestration.tables import refuse_unknown

router = APIRouter(tags=["transformation"])
STATUS = "Data successfully transformed"
MODEL = "user_features"
MOST_ROWS = 10_000
# one more row than is answered tells that there are more
QUERY_BOUNDS = Bounds(seconds=30, max_rows=MOST_ROWS + 1, max_bytes=32_000_000)


class Transformed(BaseModel):
    """Rows of a model, or of a query; `truncated` is there where there are more of them."""

    status: str = STATUS
    data: list[dict[str, Any]]
    truncated: bool | None = None


@router.get(
    "/transform",
    operation_id="transform",
    response_model=Transformed,
    responses=declared(403, 404, 409, 422, 500, 503),
)
async def transform(
    request: Request,
    service: ServiceOf,
    model: Annotated[
        str, Query(min_length=1, max_length=200, description="The table that is answered with.")
    ] = MODEL,
    query: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=10_000,
            description="One statement that reads; nothing is built for it.",
        ),
    ] = None,
) -> JSONResponse:
    """Build the models on what has landed and answer with one of them; or run one query."""
    if query is not None:
        return await anyio.to_thread.run_sync(_ask, service, query, limiter=service.askers)
    await run_in_threadpool(refuse_unknown, service.warehouse(), model)
    record = await service.runs.run(["transform"], request.state.request_id)
    if record.state != "succeeded":
        raise Problem(500, f"Error transforming data: {_reason(record)}", run_id=record.run_id)
    return await run_in_threadpool(_rows_of, service, model)


def _ask(service: Service, query: str) -> JSONResponse:
    result = service.warehouse().published_query(query, QUERY_BOUNDS)
    rows = objects(result)
    return _answer(rows[:MOST_ROWS], has_more=len(rows) > MOST_ROWS)


def _rows_of(service: Service, model: str) -> JSONResponse:
    page = read_page(service.warehouse(), model, Wanted(limit=MOST_ROWS))
    return _answer(objects(page.result), has_more=page.has_more)


def _answer(rows: list[dict[str, Any]], *, has_more: bool) -> JSONResponse:
    more = {"truncated": True} if has_more else {}
    return JSONResponse({"status": STATUS, "data": rows, **more})


def _reason(record: RunRecord) -> str:
    failures = record.transform.failures if record.transform else ()
    told = [f"{failure.kind} {failure.name}: {failure.message}" for failure in failures]
    return "; ".join([*record.errors, *told]) or f"run {record.run_id} {record.state}"
