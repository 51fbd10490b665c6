"""The part of the service that is called ingestion: files come in, and an API is asked."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from orchestration.http import extraction, problems, uploads
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
                        "items": {"type": "string", "format": "binary", "minLength": 1},
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
                ("X-Files", "of each file, whether it `landed` or is a `duplicate`", "string"),
                ("X-Rows-Landed", "rows of these files that are in their tables", "integer"),
                ("X-Rows-Quarantined", "rows of these files that stand aside", "integer"),
            )
        },
    }
}
EXTRACTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the records of the API, each as it was sent",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["status", "data"],
                    "properties": {
                        "status": {"type": "string"},
                        "data": {"type": "array", "items": {"type": "object"}},
                    },
                }
            }
        },
    }
}


@router.get(
    "/ingest",
    operation_id="extract_records",
    summary="Extract records from an API",
    response_class=StreamingResponse,
    responses=EXTRACTED | problems.declared(422, 502, 503, 507),
)
async def extract_records(
    service: ServiceOf,
    api_url: Annotated[
        str | None,
        Query(
            description="a public address; default: API_URL, else the sample API",
            json_schema_extra=extraction.ADDRESS,
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        Query(
            description="sent there as a bearer token; default for API_URL: API_KEY",
            json_schema_extra=extraction.KEY,
        ),
    ] = None,
) -> StreamingResponse:
    """Ask an API for its records, all pages of them, and answer with them; nothing lands."""
    asked = extraction.request_for(service.settings, api_url, api_key)
    async with uploads.folder_of(service) as folder:
        body = await extraction.extract(asked, folder, service.extractions)
    return StreamingResponse(body, media_type="application/json")


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
