"""The features of users."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from orchestration.formats import objects
from orchestration.http.problems import declared
from orchestration.http.routes.rows import Rows, WantedOf, answer_page
from orchestration.http.service import ServiceOf
from orchestration.paging import read_page, read_row

router = APIRouter(tags=["features"])
TABLE = "user_features"


@router.get(
    "/features/users",
    operation_id="list_user_features",
    response_model=Rows,
    responses=declared(404, 422, 503),
)
def users(request: Request, service: ServiceOf, wanted: WantedOf) -> JSONResponse:
    """A page of the features of users."""
    return answer_page(request, read_page(service.warehouse(), TABLE, wanted), wanted)


@router.get(
    "/features/users/{user_id}",
    operation_id="get_user_features",
    response_model=dict[str, Any],
    responses=declared(404, 409, 422, 503),
)
def user(
    service: ServiceOf,
    user_id: Annotated[str, Path(max_length=500, description="a text: `01` is not `1`")],
) -> JSONResponse:
    """The features of one user."""
    return JSONResponse(objects(read_row(service.warehouse(), TABLE, user_id).result)[0])
