"""The part of the service that is called ingestion: files come in, and an API is asked."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from orchestration.http import problems, uploads
from orchestration.http.service import ServiceOf

router = APIRouter(tags=["ingestion"])
FILES = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["files"],
                "additionalProperties": False,
                "properties": {
                    "files": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "string", "format": "binary"},
                    }
                },
            }
        }
    },
}
ROWS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the first ten rows of these files, by file and row, every value as it came",
        "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
        "headers": {
            name: {"description": text, "schema": {"type": kind}}
            for name, text, kind in (
                ("X-Run-Id", "the run that landed them", "string"),
                ("X-Rows-Landed", "rows of these files that are in their tables", "integer"),
                ("X-Rows-Quarantined", "rows of these files that stand aside", "integer"),
            )
        },
    }
}


@router.post(
    "/ingest",
    operation_id="ingest_files",
    summary="Land files",
    response_class=Response,
    openapi_extra={"requestBody": FILES},
    responses=ROWS | problems.declared(400, 408, 409, 413, 415, 422, 500, 507),
)
async def ingest_files(
    request: Request,
    service: ServiceOf,
    *,
    transform: Annotated[
        bool, Query(description="build the models, where one reads a table of these files")
    ] = True,
) -> Response:
    """Land one CSV or more, each in the table of its name, whole or not at all.

    JSON, NDJSON and Parquet are read too, and gzip, zip and zstd unpacked. Rows that cannot land
    stand aside in the quarantine. The same file again adds nothing; `GET /runs/{id}` tells of each
    file whether it landed or is a duplicate.
    """
    async with uploads.folder_of(service) as folder:
        files = await uploads.receive_files(request, folder)
        request_id = request.state.request_id
        landed = await uploads.land(service, request_id, folder, files, transforms=transform)
    return Response(landed.rows, media_type="application/json", headers=landed.headers)
