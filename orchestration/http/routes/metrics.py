"""Metrics of all runs on the warehouse, for Prometheus."""

from typing import Any

from fastapi import APIRouter, Response

from orchestration.http.service import ServiceOf

router = APIRouter(tags=["health"])
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "All metrics, in the text format of Prometheus",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


@router.get("/metrics", operation_id="metrics", response_class=Response, responses=TEXT)
async def metrics(service: ServiceOf) -> Response:
    """Tell the metrics of all runs, whoever ran them; also where the database is down."""
    return Response(await service.scrapes.text(), headers={"Content-Type": CONTENT_TYPE})
