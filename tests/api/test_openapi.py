"""The OpenAPI document is true: every answer to any request is one that it declares."""

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from ledger.database import Sessions
from tests.api.seeds import World, answer_the_dry_run, promote_the_checkpoint
from tests.ledger.builders import raw_document

EXAMPLES_AN_OPERATION = 12
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked here is asked of the API, not of a database."""
    return sqlite_url


def test_every_operation_declares_what_it_can_answer(client: TestClient):
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            place = f"{method.upper()} {path}"
            assert operation["summary"], place
            assert "HTTPValidationError" not in str(operation), place
            assert {"422", "500", "503"} <= set(operation["responses"]), place
            if path.startswith("/v1/"):
                assert operation["security"] == [{"HTTPBearer": []}], place
                assert {"401", "403"} <= set(operation["responses"]), place
            if "{" in path:
                assert "404" in operation["responses"], place
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert list(response["content"]) == ["application/problem+json"], (place, status)


def test_the_document_holds_what_a_reader_looks_for_and_nothing_else(client: TestClient):
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    created = document["paths"]["/v1/jobs"]["post"]["responses"]["201"]["content"]["application/json"]

    assert created["schema"] == {"$ref": "#/components/schemas/JobRead"}
    assert all(f"/schemas/{name}'" in str(document) for name in schemas)
    for field in ("columns", "split", "label_map"):
        assert schemas["DatasetToRegister"]["properties"][field]["description"], field
    for field in ("train", "validation", "test", "column"):
        assert field in schemas["Shares"]["properties"]


@pytest.mark.timeout(300)
def test_no_request_gets_an_answer_that_the_document_does_not_declare(
    app: FastAPI, client: TestClient, sessions: Sessions, project_id: str, world: World
):
    answer_the_dry_run(sessions, project_id)  # no worker is here
    promote_the_checkpoint(sessions, world, project_id)
    schema = schemathesis.openapi.from_dict(app.openapi())
    operations = [found.ok() for found in schema.get_all_operations()]
    failures: list[str] = []
    for operation in sorted(operations, key=lambda operation: operation.method.upper() == "DELETE"):
        try:
            _try(operation, client, world)
        except (Exception, FailureGroup) as failure:
            failures.append(f"{operation.label}: {failure}")
    assert not failures, "\n\n".join(failures)


def _try(operation: Any, client: TestClient, world: World) -> None:
    """Good and bad requests to one operation, for things that are there and for others."""
    known = {parameter.name: world[parameter.name] for parameter in operation.path_parameters}
    anything = [
        operation.as_strategy(generation_mode=mode)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    ]
    sensible = operation.as_strategy(path_parameters=known, **_good_body(operation, world))
    requests = st.one_of(*anything, sensible)

    @settings(
        max_examples=EXAMPLES_AN_OPERATION,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests)
    def check(case: Any) -> None:
        if str(case.query.get("wait", "")).isdecimal():
            case.query["wait"] = 0
        response = client.request(**_arguments(case, client))
        case.validate_response(response, checks=list(CHECKS))

    check()


def _good_body(operation: Any, world: World) -> dict[str, Any]:
    """A body that is accepted, where there is a JSON body."""
    bodies = {
        "POST /v1/models": {"name": "new", "file_id": world.file_id},
        "POST /v1/datasets": {"name": "new", "builtin": "digits", "task": "image-classification"},
        "POST /v1/jobs": raw_document(),
        "POST /v1/models/{model_id}/exports": {"format": "onnx-fp16"},
        "PUT /v1/models/{name}/aliases/{alias}": {"version": 1},
    }
    body = bodies.get(operation.label)
    return {"body": body, "media_type": "application/json"} if body else {}


def _arguments(case: Any, client: TestClient) -> dict[str, Any]:
    arguments = case.as_transport_kwargs(base_url="http://testserver")
    del arguments["cookies"]
    if isinstance(arguments.get("data"), bytes | str):
        arguments["content"] = arguments.pop("data")
    arguments["headers"] = {**arguments["headers"], "Authorization": client.headers["Authorization"]}
    return arguments
