"""Runs over HTTP: start one, list them, look at one, follow it, cancel it."""

from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from loaders.errors import SettingsError
from loaders.settings import Settings
from orchestration.http import problems
from orchestration.http.problems import Problem
from orchestration.http.run_events import Feed, events_of, log_tail, position_after
from orchestration.http.run_views import Run, RunList, RunState, view_run, view_summary
from orchestration.http.service import ServiceOf
from orchestration.http.starts import (
    NAME,
    arguments_of,
    check_folders,
    everything,
)
from orchestration.progress import progress_of
from orchestration.registry import RunRecord, open_registry

router = APIRouter(tags=["runs"])
Env = Annotated[
    Literal["dev", "test", "prod"] | None,
    Query(description="The environment of the run; that of the service where none is named."),
]
RunId = Annotated[str, Path(max_length=100, description="The id of a run.")]
Wait = Annotated[bool, Query(description="Answer only when the run is over.")]


class Started(BaseModel):
    """A run that was started, or has ended well."""

    message: str
    run_id: str


# the texts are what a process can be given as one of its arguments
LONGEST_TEXT = 30_000
PARAMS = {
    "type": "object",
    "propertyNames": {"pattern": NAME, "maxLength": 100},
    "additionalProperties": {
        "anyOf": [
            {"type": "string", "pattern": r"^[^\x00]*$", "maxLength": LONGEST_TEXT},
            {"type": ["number", "boolean", "null", "array", "object"]},
        ]
    },
}


def _checked(params: dict[str, Any]) -> dict[str, Any]:
    """A text is bounded as the document says: a command line holds no more."""
    for name, value in params.items():
        if isinstance(value, str) and (len(value) > LONGEST_TEXT or "\0" in value):
            raise ValueError(f"{name}: a text has at most {LONGEST_TEXT} characters, and no NUL")
    return params


Params = Annotated[
    dict[Annotated[str, Field(pattern=NAME, max_length=100)], Any],
    AfterValidator(_checked),
    WithJsonSchema(PARAMS),
]


class Asked(BaseModel):
    """With what a pipeline is run; the environment is that of the service where none is named."""

    model_config = ConfigDict(extra="forbid")

    params: Params = {}
    env: Literal["dev", "test", "prod"] | None = None


NOTHING_ASKED = Asked()


class PipelineInList(BaseModel):
    """What can be run by its name."""

    name: str
    kind: Literal["standard", "custom", "source"]
    purpose: str


STARTED: dict[int | str, dict[str, Any]] = {
    202: {
        "model": Started,
        "description": "Started",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "The run."}},
    }
}


EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events until it is over", "content": {"text/event-stream": {}}},
    204: {"description": "Its last event was told already"},
}


@router.post(
    "/trigger_etl",
    operation_id="trigger_etl",
    responses=STARTED | problems.declared(404, 409, 500, 503),
)
@router.post("/trigger-etl", operation_id="trigger_etl_by_its_other_name", include_in_schema=False)
async def trigger_etl(
    service: ServiceOf,
    request: Request,
    response: Response,
    wait: Wait = True,  # noqa: FBT002 -- a query parameter
) -> Started:
    """Run the whole ELT: land all sources, then build and test the models."""
    await run_sync(check_folders, service.settings)
    if not wait:
        run_id = await service.runs.start(["run"], request.state.request_id)
        return _started(response, run_id, "ETL process started")
    record = await service.runs.run(["run"], request.state.request_id)
    return _ended(response, record, "ETL process completed successfully.")


@router.get("/pipelines", operation_id="list_pipelines")
def list_pipelines(service: ServiceOf) -> list[PipelineInList]:
    """Name the pipelines, and the sources of sources.yml, which are run alike."""
    return [
        PipelineInList(name=name, kind=kind, purpose=purpose)  # type: ignore[arg-type]
        for name, kind, purpose in everything(service.settings)
    ]


@router.post(
    "/pipelines/{name}/runs",
    operation_id="run_pipeline",
    status_code=202,
    responses=STARTED
    | {200: {"model": Started, "description": "It has ended well"}}
    | problems.declared(404, 409, 500, 503),
)
async def run_pipeline(
    service: ServiceOf,
    request: Request,
    response: Response,
    name: Annotated[str, Path(max_length=200)],
    asked: Asked | None = None,
    wait: Wait = False,  # noqa: FBT002 -- a query parameter
) -> Started:
    """Run a pipeline, or land a source and build the models; a bad parameter is refused at once."""
    asked = asked or NOTHING_ASKED
    runs, request_id = service.runs, request.state.request_id
    settings = runs.settings_in(asked.env)
    arguments = await run_sync(arguments_of, settings, name, asked.params)
    if not wait:
        run_id = await runs.start(arguments, request_id, env=asked.env, refused=422)
        return _started(response, run_id, f"{name} started", asked.env)
    record = await runs.run(arguments, request_id, env=asked.env, refused=422)
    return _ended(response, record, f"{name} completed successfully.")


@router.get("/runs", operation_id="list_runs", responses=problems.declared(422))
def list_runs(
    service: ServiceOf,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    state: RunState | None = None,
    before: Annotated[
        str | None, Query(pattern=NAME, max_length=100, description="`next` of the page before.")
    ] = None,
    env: Env = None,
) -> RunList:
    """List the runs, the newest first."""
    with open_registry(service.runs.settings_in(env)) as records:
        found = records.newest(limit + 1, state, before)
    page = [view_summary(run) for run in found[:limit]]
    return RunList(runs=page, next=page[-1].run_id if len(found) > limit else None)


@router.get("/runs/{run_id}", operation_id="get_run", responses=problems.declared(404))
def get_run(
    service: ServiceOf,
    run_id: RunId,
    log_lines: Annotated[int, Query(ge=0, le=1000, description="Of the end of its log.")] = 50,
    env: Env = None,
) -> Run:
    """Tell what became of a run: books by source and file, models and tests, errors, log."""
    settings = service.runs.settings_in(env)
    record = _record(settings, run_id)
    folder = settings.runs_dir / record.run_id
    progress = progress_of(folder) if record.state == "running" else None
    return view_run(record, progress, log_tail(folder, log_lines))


@router.get(
    "/runs/{run_id}/events",
    operation_id="follow_run",
    response_class=StreamingResponse,
    responses=EVENTS | problems.declared(404),
)
def follow_run(
    service: ServiceOf,
    request: Request,
    run_id: RunId,
    last_event_id: Annotated[str | None, Header()] = None,
    env: Env = None,
) -> Response:
    """Follow a run by server-sent events: `state`, `stage`, `progress`, `log`; ends with it."""
    settings = service.runs.settings_in(env)
    record = _record(settings, run_id)
    position = position_after(last_event_id)
    if position is None and record.state != "running":
        return Response(status_code=204)  # a browser asks no more
    feed = Feed(settings, record.run_id, position or 0)
    runs = service.runs
    events = events_of(feed, request.is_disconnected, lambda: runs.is_ending, runs.lookers)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


@router.delete(
    "/runs/{run_id}",
    operation_id="cancel_run",
    status_code=202,
    responses=problems.declared(404, 409),
)
def cancel_run(service: ServiceOf, response: Response, run_id: RunId, env: Env = None) -> Started:
    """Tell a run to end: it rolls back, and is recorded as interrupted."""
    record = _record(service.runs.settings_in(env), run_id)
    service.runs.cancel(record)
    return _started(response, record.run_id, "the run was told to end", env)


def _record(settings: Settings, run_id: str) -> RunRecord:
    try:
        with open_registry(settings) as records:
            return records.get(run_id)
    except SettingsError:
        raise Problem(404, f"there is no run {run_id!r}; GET /runs lists them") from None


def _started(response: Response, run_id: str, message: str, env: str | None = None) -> Started:
    response.status_code = 202
    response.headers["Location"] = f"/runs/{run_id}" + (f"?env={env}" if env else "")
    response.headers["X-Run-Id"] = run_id
    return Started(message=message, run_id=run_id)


def _ended(response: Response, record: RunRecord, message: str) -> Started:
    if record.state != "succeeded":
        raise Problem(500, record.problem or f"the run {record.state}", run_id=record.run_id)
    response.status_code = 200
    response.headers["X-Run-Id"] = record.run_id
    return Started(message=message, run_id=record.run_id)
