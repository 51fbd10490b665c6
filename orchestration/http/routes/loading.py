"""The part of the service that is called loading: records come in, into a table that is named."""

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from loaders.uploads import Upload
from orchestration.http import problems, records, uploads
from orchestration.http.problems import Problem
from orchestration.http.service import ServiceOf

router = APIRouter(tags=["loading"])
RECORDS = {
    "required": True,
    "content": {
        "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
    },
}


class Loaded(BaseModel):
    """That records have landed."""

    status: str


@router.post(
    "/load",
    operation_id="load_records",
    summary="Land a list of records",
    openapi_extra={"requestBody": RECORDS},
    responses=problems.declared(408, 409, 413, 415, 422, 500, 507),
)
async def load_records(
    request: Request,
    response: Response,
    service: ServiceOf,
    table_name: Annotated[str, Query(description="the raw table", json_schema_extra=records.TABLE)],
    *,
    transform: Annotated[
        bool, Query(description="build the models, where one reads the table")
    ] = False,
) -> Loaded:
    """Land a JSON list of records in a raw table, each as it was sent, to the byte.

    The table then holds the last list; those before it stay in the raw history.
    """
    records.check_table(table_name)
    async with uploads.folder_of(service) as folder:
        path = folder / "0"
        await uploads.receive_body(request, path)
        await anyio.to_thread.run_sync(records.check_list, path)
        upload = Upload(
            path=str(path),
            name=f"{table_name}.json",
            content_type="application/json",
            table=table_name,
            disposition="replace",
        )
        request_id = request.state.request_id
        try:
            landed = await uploads.land(service, request_id, folder, [upload], transforms=transform)
        except Problem as problem:
            raise records.told(problem) from None
    response.headers.update(landed.headers)
    return Loaded(status=f"Data successfully loaded into {table_name}")
