import httpx
import pytest

import limbeck
from limbeck import Client, transport
from tests.limbeck.service import FakeService, problem

JOB = {"id": "job_1", "status": "queued"}


def test_a_post_whose_answer_was_lost_is_sent_again_under_the_same_key() -> None:
    service = FakeService(httpx.ReadError("cut"), httpx.Response(201, json=JOB))

    assert service.client().jobs.submit({"name": "a"}) == JOB

    first, second = (request.headers["Idempotency-Key"] for request in service.requests)
    assert first == second
    assert len(first) > 20


def test_two_submissions_have_two_keys() -> None:
    service = FakeService(httpx.Response(201, json=JOB), httpx.Response(201, json=JOB))
    client = service.client()

    client.jobs.submit({"name": "a"})
    client.jobs.submit({"name": "a"})

    first, second = (request.headers["Idempotency-Key"] for request in service.requests)
    assert first != second


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_service_is_asked_again(status: int) -> None:
    service = FakeService(problem(status), httpx.Response(200, json=JOB))

    assert service.client().jobs.get("job_1") == JOB


def test_the_pause_is_no_shorter_than_the_service_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(transport.time, "sleep", pauses.append)
    busy = httpx.Response(503, headers={"Retry-After": "3"})
    service = FakeService(busy, httpx.Response(200, json=JOB))

    service.client().jobs.get("job_1")

    assert pauses == [3.0]


def test_a_request_whose_key_is_in_flight_is_asked_again() -> None:
    in_flight = httpx.Response(409, headers={"Retry-After": "0"}, json={"code": "in_flight"})
    service = FakeService(in_flight, httpx.Response(201, json=JOB))

    assert service.client().jobs.submit({}) == JOB


def test_any_other_conflict_is_an_answer_and_names_what_is_possible() -> None:
    service = FakeService(problem(409, "not_allowed_now", allowed_actions=["clone"]))

    with pytest.raises(limbeck.Conflict, match="said why") as refused:
        service.client().jobs.cancel("job_1")

    assert refused.value.problem.extra["allowed_actions"] == ["clone"]
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, limbeck.Rejected),
        (401, limbeck.NotAuthorized),
        (403, limbeck.NotAuthorized),
        (404, limbeck.NotFound),
        (412, limbeck.Conflict),
        (422, limbeck.Rejected),
    ],
)
def test_a_refusal_is_raised_as_its_kind_at_once(status: int, kind: type[limbeck.Refused]) -> None:
    service = FakeService(problem(status, "why", errors=[{"pointer": "/name", "detail": "too long"}]))

    with pytest.raises(kind) as refused:
        service.client().jobs.get("job_1")

    assert type(refused.value) is kind
    assert refused.value.problem.code == "why"
    assert refused.value.problem.request_id == "req_1"
    assert refused.value.problem.errors == (("/name", "too long"),)


def test_a_refusal_that_no_limbeck_wrote_still_is_a_sentence() -> None:
    service = FakeService(httpx.Response(404, text="<html>nginx</html>"))

    with pytest.raises(limbeck.NotFound, match="HTTP 404"):
        service.client().jobs.get("job_1")


def test_a_quota_that_stays_used_up_is_over_quota() -> None:
    with pytest.raises(limbeck.OverQuota):
        FakeService(problem(429)).client(retry_for=0).jobs.get("job_1")


def test_a_service_that_stays_broken_is_unreachable() -> None:
    with pytest.raises(limbeck.Unreachable, match="answers 503: said why"):
        FakeService(problem(503)).client(retry_for=0).jobs.get("job_1")


def test_first_contact_gives_up_in_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_CONTACT_S", 0.6)
    tries: list[httpx.Request] = []

    def dead(request: httpx.Request) -> httpx.Response:
        tries.append(request)
        raise httpx.ConnectError("refused")

    client = Client("http://service", transport=httpx.MockTransport(dead), retry_for=1000)

    with pytest.raises(limbeck.Unreachable, match="no answer from http://service: refused"):
        client.jobs.get("job_1")
    assert {request.url.path for request in tries} == {"/healthz"}


def test_once_contact_was_made_a_lost_connection_is_borne_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport.time, "sleep", lambda seconds: None)
    lost = [httpx.ConnectError("refused")] * 20
    service = FakeService(*lost, httpx.Response(200, json=JOB))

    assert service.client(retry_for=100).jobs.get("job_1") == JOB


def test_an_address_without_a_scheme_is_a_sentence() -> None:
    with pytest.raises(limbeck.LimbeckError, match="no address of a service"):
        Client("localhost:7077").jobs.get("job_1")


def test_the_key_travels_as_a_bearer() -> None:
    service = FakeService(httpx.Response(200, json=JOB))

    service.client().jobs.get("job_1")

    assert service.requests[0].headers["Authorization"] == "Bearer lmb_key"


@pytest.mark.parametrize("key", ["lmb_k\u00e9y", "lmb_key\n", "two words"])
def test_a_key_that_no_header_can_carry_is_a_sentence(key: str) -> None:
    with pytest.raises(limbeck.LimbeckError, match="the API key holds characters"):
        Client("http://service", key)


@pytest.mark.parametrize("answer", [httpx.Response(404), httpx.Response(200, text="<html>hello</html>")])
def test_what_is_no_limbeck_is_told_from_one(answer: httpx.Response) -> None:
    client = Client("http://service", transport=httpx.MockTransport(lambda request: answer))

    with pytest.raises(limbeck.LimbeckError, match="no Limbeck service"):
        client.jobs.get("job_1")


def test_a_proxy_whose_service_still_starts_is_given_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport.time, "sleep", lambda seconds: None)
    answers = [httpx.Response(502), httpx.Response(200, json={"status": "ok"}), httpx.Response(200, json=JOB)]
    client = Client("http://service", transport=httpx.MockTransport(lambda request: answers.pop(0)))

    assert client.jobs.get("job_1") == JOB


def test_an_id_cannot_lead_to_another_address() -> None:
    service = FakeService(problem(404))

    with pytest.raises(limbeck.NotFound):
        service.client().jobs.get("../files?limit=1#x")

    assert service.requests[0].url.raw_path == b"/v1/jobs/..%2Ffiles%3Flimit%3D1%23x"
