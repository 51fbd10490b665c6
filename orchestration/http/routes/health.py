"""Probes: whether the service works, and whether it takes requests."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from orchestration.http.service import ServiceOf

router = APIRouter(tags=["health"])
SERVICE = "etl-pipeline"  # the name that the monitors of the earlier system look for


class Health(BaseModel):
    """How the service and its database are."""

    status: Literal["healthy", "unhealthy"]
    service: str = SERVICE
    database: Literal["healthy", "unhealthy"]


class Readiness(BaseModel):
    """Whether the service takes requests."""

    status: Literal["ready", "not ready"]
    service: str = SERVICE


@router.get("/health", operation_id="health", responses={503: {"model": Health}})
async def health(service: ServiceOf, response: Response) -> Health:
    """Whether the service and its database work: 503 within two seconds where they do not."""
    if await service.probe.is_up():
        return Health(status="healthy", database="healthy")
    response.status_code = 503
    return Health(status="unhealthy", database="unhealthy")


@router.get("/ready", operation_id="ready", responses={503: {"model": Readiness}})
async def ready(service: ServiceOf, response: Response) -> Readiness:
    """Whether requests are taken, also before anything has landed."""
    if await service.probe.is_up():
        return Readiness(status="ready")
    response.status_code = 503
    return Readiness(status="not ready")
