"""The tables of the warehouse: which there are, their rows, and the deletion of one."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from orchestration.formats import objects
from orchestration.http.problems import Problem, declared
from orchestration.http.routes.rows import Column, Rows, WantedOf, answer_page
from orchestration.http.service import Service, ServiceOf
from orchestration.paging import raw_row, read_page, read_row
from orchestration.tables import first_chunk, list_tables, profile_of

router = APIRouter(tags=["tables"])
Name = Annotated[str, Path(max_length=200, description="such as `sales` or `raw.sales`")]
RowKey = Annotated[
    str,
    Path(max_length=500, description="`_batch_id:_row`, or the value of the first column"),
]


class Table(BaseModel):
    """A table or a view; about how many rows it has, where that is known without counting."""

    name: str
    schema_name: str = Field(alias="schema")
    kind: str
    columns: list[Column]
    approximate_rows: int | None


class Tables(BaseModel):
    """All tables, published ones first."""

    tables: list[Table]


class ColumnProfile(BaseModel):
    """A column of a raw table; its least and greatest value by code point, cut at 200."""

    column: str
    rows: int
    nulls: int
    distinct: int
    min: str | None
    max: str | None


class TableProfile(BaseModel):
    """A raw table as a run found it; `is_current` where nothing has landed in it since."""

    table: str
    rows: int
    run_id: str
    profiled_at: str
    is_current: bool
    columns: list[ColumnProfile]


class Deleted(BaseModel):
    """What was deleted; `already` is true where it had been before."""

    status: str
    table: str
    row: str
    already: bool
    run_id: str


@router.get("/tables", operation_id="list_tables", response_model=Tables, responses=declared(503))
def tables(service: ServiceOf) -> JSONResponse:
    """Every table: its columns, and about how many rows it has."""
    found = [
        {
            "name": listed.relation.table,
            "schema": listed.relation.schema,
            "kind": listed.kind,
            "columns": [{"name": n, "type": kind} for n, kind in listed.relation.columns.items()],
            "approximate_rows": listed.approximate_rows,
        }
        for listed in list_tables(service.warehouse())
    ]
    return JSONResponse({"tables": found})


@router.get(
    "/tables/{name}/rows",
    operation_id="list_rows",
    response_model=Rows,
    responses=declared(404, 422, 503),
)
def rows(request: Request, service: ServiceOf, name: Name, wanted: WantedOf) -> JSONResponse:
    """A page of a table's rows: filtered, and in an order that is the same every time."""
    return answer_page(request, read_page(service.warehouse(), name, wanted), wanted)


@router.get(
    "/tables/{name}/rows/{key}",
    operation_id="get_row",
    response_model=dict[str, Any],
    responses=declared(404, 409, 422, 503),
)
def row(service: ServiceOf, name: Name, key: RowKey) -> JSONResponse:
    """One row."""
    return JSONResponse(objects(read_row(service.warehouse(), name, key).result)[0])


@router.get(
    "/tables/{name}/profile",
    operation_id="get_profile",
    response_model=TableProfile,
    responses=declared(404, 422, 503),
)
def profile(service: ServiceOf, name: Name) -> JSONResponse:
    """What each column of a raw table holds, as it was when the table was read last."""
    return JSONResponse(msgspec.to_builtins(profile_of(service.warehouse(), name)))


@router.delete(
    "/tables/{name}/rows/{key}",
    operation_id="delete_row",
    response_model=Deleted,
    responses=declared(404, 409, 422, 500, 503),
)
async def delete(request: Request, service: ServiceOf, name: Name, key: RowKey) -> JSONResponse:
    """Delete the raw row that a row came from; raw keeps it, and the next build leaves it out."""
    table, found = await run_in_threadpool(_raw_row, service, name, key)
    request_id = request.state.request_id
    told = ["--by", "the service", "--request-id", request_id]
    record = await service.runs.run(["delete", *told, "--", table, str(found)], request_id)
    if record.state != "succeeded" or record.deletion is None:
        detail = f"Error deleting data: {'; '.join(record.errors) or record.state}"
        raise Problem(500, detail, run_id=record.run_id)
    return JSONResponse(
        {
            "status": "deleted",
            "table": f"raw.{table}",
            "row": str(found),
            "already": record.deletion.rows == 0,
            "run_id": record.run_id,
        }
    )


@router.get(
    "/read/first-chunk",
    operation_id="first_chunk",
    response_model=list[dict[str, Any]],
    responses=declared(404, 422, 503),
)
@router.get("/read/first-chunck", include_in_schema=False)
def read_first_chunk(
    service: ServiceOf,
    table: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
) -> JSONResponse:
    """The first ten rows of a table, or of the one that was ingested last."""
    return JSONResponse(objects(first_chunk(service.warehouse(), table)))


def _raw_row(service: Service, name: str, key: str) -> Any:
    return raw_row(service.warehouse(), name, key)
