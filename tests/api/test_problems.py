"""Everything that goes wrong is answered in one shape, with a sentence and never a stack trace."""

import inspect
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.problems import STATUSES
from ledger import errors
from ledger.database import connect
from ledger.errors import LedgerError
from tests.api.seeds import World


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What is asked here is asked of the API, not of a database."""
    return sqlite_url


MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "errors"}


def ledger_errors() -> Iterator[type[LedgerError]]:
    return (kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LedgerError))


@pytest.mark.parametrize("kind", list(ledger_errors()))
def test_every_error_of_the_ledger_has_a_status(kind: type[LedgerError]):
    assert kind in STATUSES


def test_an_unknown_address_is_a_problem(client: TestClient):
    answer = client.get("/v1/nowhere")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json().keys() == MEMBERS
    assert answer.json()["status"] == 404
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "address",
    ["/v1/uploads", "/v1/webhooks", "/v1/knowledge", "/v1/sweeps", "/v1/api-keys", "/openai/v1/models"],
)
def test_what_comes_later_is_not_there_yet(client: TestClient, address: str):
    assert client.post(address, json={}).status_code == 404


def test_another_method_is_told_which_ones_there_are(client: TestClient, world: World):
    answer = client.put(f"/v1/jobs/{world.job_id}", json={})

    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"DELETE", "GET", "PATCH"}
    assert "GET" in answer.json()["detail"]


def test_a_page_for_people_takes_no_other_method_either(client: TestClient):
    answer = client.post("/docs")

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert answer.json()["detail"] == f"This address takes {answer.headers['Allow']}."


@pytest.mark.parametrize(
    ("address", "status"), [("/v1/nowhere", 404), ("/v1/jobs", 405), ("/v1/files/file_x/content", 404)]
)
def test_a_head_gets_the_headers_of_the_problem_alone(client: TestClient, address: str, status: int):
    answer = client.head(address)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-ID"]


def test_a_request_keeps_the_id_that_it_brings(client: TestClient):
    answer = client.get("/v1/jobs", headers={"X-Request-ID": "ci-run:42"})

    assert answer.headers["X-Request-ID"] == "ci-run:42"


@pytest.mark.parametrize("strange", ["a b", "x" * 200, 'quote"', "line\tbreak"])
def test_an_id_that_would_spoil_a_log_is_replaced(client: TestClient, strange: str):
    answer = client.get("/v1/jobs", headers={"X-Request-ID": strange})

    assert answer.headers["X-Request-ID"].startswith("req_")


def test_a_bug_of_ours_is_a_500_without_a_trace(app: FastAPI, client: TestClient):
    @app.get("/bug")
    def bug() -> None:
        raise ZeroDivisionError("secret detail")

    answer = client.get("/bug")

    assert answer.status_code == 500
    assert answer.json().keys() == MEMBERS
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
):
    client.get("/v1/jobs").raise_for_status()  # the key is known from now on
    gone = connect("postgresql+psycopg://nobody@127.0.0.1:1/gone")
    monkeypatch.setattr(app.state.house.sessions, "engine", gone.engine)

    answer = client.get("/v1/jobs")

    assert answer.status_code == 503
    assert answer.json()["code"] == "database_busy"
    assert int(answer.headers["Retry-After"]) > 0
    gone.dispose()


def test_a_misspelled_parameter_is_refused_with_the_nearest_name(client: TestClient):
    answer = client.get("/v1/jobs", params={"statuss": "queued"})

    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "parameter": "statuss",
            "code": "unknown_parameter",
            "detail": "unknown parameter 'statuss'; did you mean 'status'?",
        }
    ]


@pytest.mark.parametrize("name", ["metadata", "metadata[", "metadata[a", "metadat[a]"])
def test_a_misspelled_filter_by_metadata_is_refused_with_its_spelling(client: TestClient, name: str):
    answer = client.get("/v1/jobs", params={name: "x"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["detail"].endswith("did you mean 'metadata[...]'?")


@pytest.mark.parametrize(
    "part",
    ["jobs", "models", "datasets", "files", "queue", "workers", "architectures"]
    + [f"jobs/{{job_id}}/{part}" for part in ("attempts", "checkpoints", "artifacts")],
)
@pytest.mark.parametrize("after", ["", "2", "job_1", "zzz"])
def test_an_item_that_no_list_could_have_is_refused(client: TestClient, world: World, part: str, after: str):
    answer = client.get(f"/v1/{part.format_map(vars(world))}", params={"after": after})

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_item")
    assert answer.json()["errors"][0]["parameter"] == "after"


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many", "1.5"])
def test_a_limit_outside_1_to_100_is_refused(client: TestClient, limit: str):
    answer = client.get("/v1/files", params={"limit": limit})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "limit"


@pytest.mark.parametrize("address", ["/v1/jobs/a%00b", "/v1/jobs?name=%00", "/v1/models/%00"])
def test_a_nul_in_an_address_never_reaches_a_database(client: TestClient, address: str):
    assert client.get(address).status_code == 422


def test_a_body_in_another_media_type_is_refused(client: TestClient):
    answer = client.post("/v1/jobs", content=b"name: x", headers={"Content-Type": "application/yaml"})

    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]


def test_a_large_body_is_refused(client: TestClient):
    answer = client.post("/v1/jobs", json={"name": "x" * 3_000_000})

    assert answer.status_code == 413


def test_an_unknown_field_is_refused_with_the_nearest_name_at_any_depth(client: TestClient):
    body = {
        "name": "j",
        "task": "image-classification",
        "teacher": "t",
        "dataset": "d",
        "student": {"architecture": "cnn"},
        "training": {"epoch": 3},
        "datset": "d",
    }

    answer = client.post("/v1/jobs", json=body)

    assert answer.status_code == 422
    assert {(each["pointer"], each["detail"]) for each in answer.json()["errors"]} == {
        ("/training/epoch", "unknown field 'epoch'; did you mean 'epochs'?"),
        ("/datset", "unknown field 'datset'; did you mean 'dataset'?"),
    }


def test_nothing_is_half_registered_by_a_refused_request(client: TestClient, world: World):
    before = client.get("/v1/models").json()["data"]
    unfit = {"name": "m", "file_id": world.file_id, "architecture": "cnn", "config": {"w": 1}}

    assert client.post("/v1/models", json={"name": "m", "file_id": "file_nope"}).status_code == 422
    assert client.post("/v1/models", json=unfit).status_code == 422

    assert client.get("/v1/models").json()["data"] == before
