"""The OpenAPI document: what the framework knows, and what only we know, in one place."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from api.problems import MEDIA_TYPE, ProblemRead
from api.schemas.datasets import DatasetToRegister
from api.schemas.jobs import JobChange
from api.schemas.models import ModelToRegister
from api.schemas.registry import AliasMoveRequest
from distill.config.exports import Export
from distill.config.job import JobDocument

BODIES = (AliasMoveRequest, DatasetToRegister, Export, JobChange, JobDocument, ModelToRegister)
"""Bodies that are read by `api.bodies`; routes name them with `takes`."""

_ANYWHERE = {
    "422": "A value is not what it should be; `errors` says which and why.",
    "500": "A mistake of ours.",
    "503": "The database is busy or away.",
}
_BEHIND_A_KEY = {"401": "No API key, or not a good one.", "403": "The key lacks the scope."}
_WITH_A_BODY = {"413": "The body is too large.", "415": "The body is not in the media type that is taken."}
_MEANINGS = {
    404: "There is no such thing in this project.",
    406: "None of the media types of `Accept` is there.",
    408: "The body stalled.",
    409: "Not possible now; `detail` says why.",
    412: "`If-Match` names another version.",
    416: "The range lies outside.",
    507: "The store is full.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can answer with problems of these statuses."""
    return {status: {"description": _MEANINGS[status], "model": ProblemRead} for status in statuses}


def document(app: FastAPI) -> dict[str, Any]:
    """The document of the app, made once."""
    if app.openapi_schema is None:
        schema = FastAPI.openapi(app)
        _add_bodies(schema)
        for path in schema["paths"].values():
            for operation in path.values():
                _complete(operation)
        app.openapi_schema = schema
    return app.openapi_schema


def _add_bodies(schema: dict[str, Any]) -> None:
    _, definitions = models_json_schema(
        [(body, "validation") for body in BODIES], ref_template="#/components/schemas/{model}"
    )
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    for name, definition in definitions["$defs"].items():
        components.setdefault(name, definition)
    for name in ("HTTPValidationError", "ValidationError"):  # the framework's own, which nothing answers
        components.pop(name, None)


def _complete(operation: dict[str, Any]) -> None:
    """Name the problems that any operation of its kind can answer, all in the one media type."""
    responses = operation["responses"]
    common = dict(_ANYWHERE)
    if "security" in operation:
        common |= _BEHIND_A_KEY
    if "requestBody" in operation:
        common |= _WITH_A_BODY
    for status, meaning in common.items():
        responses[status] = {"description": meaning}
    for status, response in responses.items():
        if int(status) >= 400:
            response["content"] = {MEDIA_TYPE: {"schema": _PROBLEM}}


_PROBLEM = {"$ref": "#/components/schemas/ProblemRead"}
