"""The OpenAPI document: what FastAPI finds, and what holds for every operation."""

from collections.abc import Callable
from functools import cache
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from orchestration.http.problems import ProblemDetails, declared
from orchestration.http.security import OPEN

NOT_OURS = ("HTTPValidationError", "ValidationError")  # our 422 is a problem as the others are
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
Document = dict[str, Any]


def document_of(app: FastAPI, *, has_keys: bool) -> Callable[[], Document]:
    """The method that gives the app's document, made once."""
    found = app.openapi

    @cache
    def whole() -> Document:
        document = found()
        complete(document, has_keys=has_keys)
        return document

    return whole


def complete(document: Document, *, has_keys: bool) -> None:
    """Say of each operation how it refuses a request: without a key, as wrong, as too large."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in NOT_OURS:
        schemas.pop(name, None)
    _, definitions = models_json_schema(
        [(ProblemDetails, "serialization")], ref_template="#/components/schemas/{model}"
    )
    schemas.update(definitions["$defs"])
    if has_keys:
        components["securitySchemes"] = SCHEMES
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path not in OPEN:
                _complete(operation, has_keys=has_keys)


def _complete(operation: Document, *, has_keys: bool) -> None:
    statuses = [401 if has_keys else 403, 414]
    if "requestBody" in operation:
        statuses += [400, 408, 413]
    if "422" in operation["responses"]:
        del operation["responses"]["422"]
        statuses.append(422)
    for status, refusal in declared(*statuses).items():
        operation["responses"].setdefault(str(status), refusal)
    if has_keys:
        operation["security"] = [{name: []} for name in SCHEMES]
