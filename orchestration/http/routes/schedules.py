"""Schedules over HTTP: what has become of them so far."""

from typing import Literal

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel

from orchestration.http.service import ServiceOf
from orchestration.scheduling.states import states

router = APIRouter(tags=["runs"])


class Schedule(BaseModel):
    """A schedule. Times are UTC; `last_…` is of the cycle that ended last.

    `next_at` is null while no scheduler runs it. `cycles` are those that ran, `failed` those of
    them that failed. `late_ticks` are times that came while its cycle waited or was under way,
    `skipped_ticks` cycles that met another run on the warehouse.
    """

    name: str
    when: str
    next_at: str | None
    is_running: bool
    last_started_at: str | None
    last_state: Literal["succeeded", "failed", "interrupted", "skipped"] | None
    last_run_id: str | None
    last_seconds: float | None
    last_message: str | None
    cycles: int
    failed: int
    late_ticks: int
    skipped_ticks: int


@router.get("/schedules", operation_id="list_schedules")
def list_schedules(service: ServiceOf) -> list[Schedule]:
    """List the schedules that run on this data folder, in the service or beside it, or have run."""
    found = states(service.settings)
    return [Schedule.model_validate(msgspec.structs.asdict(state)) for state in found]
