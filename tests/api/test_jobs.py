"""Jobs from submit to delete."""

import pytest
from starlette.testclient import TestClient

from distill.config.networks import Layer
from ledger import lifecycle
from ledger.database import Sessions
from ledger.queue import Doorbell
from tests.api.seeds import World
from tests.ledger import builders
from tests.ledger.builders import raw_document


def test_a_submitted_job_is_shown_whole(client: TestClient, world: World):
    document = raw_document(teacher="teacher", metadata={"commit": "abc123"}, priority=5)

    answer = client.post("/v1/jobs", json=document)

    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["object"], job["status"], job["priority"]) == ("job", "queued", 5)
    assert job["spec"] == document
    assert job["resolved_spec"]["teacher"] == world.model_id
    assert job["resolved_spec"]["dataset"] == world.dataset_id
    assert job["resolved_spec"]["stages"][0]["training"]["epochs"] == 20
    assert job["metadata"] == {"commit": "abc123"}
    assert job["queue"]["reason"] == "no worker of the lane 'cpu' is alive; start one"
    assert job["attempts"] == job["artifacts"] == []
    assert client.get(job["links"]["self"]).json() == job


def test_a_job_that_has_run_shows_what_came_of_it(client: TestClient, world: World):
    job = client.get(f"/v1/jobs/{world.job_id}").json()

    assert (job["status"], job["conclusion"], job["queue"]) == ("succeeded", "no_gate", None)
    assert job["result"]["distillation"] == "helped"
    assert [phase["name"] for phase in job["phases"]] == ["training"]
    assert job["finished_at"] >= job["started_at"] >= job["created_at"]
    (attempt,) = job["attempts"]
    assert (attempt["number"], attempt["pid"], attempt["exit_kind"]) == (1, 4242, "ok")
    assert {artifact["kind"] for artifact in job["artifacts"]} == {"student", "report"}


def test_a_finished_student_is_a_model_that_shows_what_it_is(
    client: TestClient, sessions: Sessions, world: World
):
    document = raw_document(output={"name": "kid"}, priority=9)
    job_id = client.post("/v1/jobs", json=document).json()["id"]
    layers = [Layer(name="classifier", shape=[10], kind="Linear")]
    with sessions.writing() as session:
        hold = builders.claimed(session).hold
        finished = builders.finished(student=builders.network(), layers=layers)
        lifecycle.succeed(session, hold, finished=finished, artifacts=[])

    model = client.get("/v1/models/kid").json()

    assert (model["status"], model["version"], model["job_id"]) == ("ready", 1, job_id)
    assert (model["parameters"], model["size_bytes"]) == (12, 48)
    assert model["labels"] == builders.LABELS
    assert model["layers"] == [{"name": "classifier", "shape": [10], "kind": "Linear"}]


def test_a_name_that_is_not_there_is_answered_at_its_place(client: TestClient, world: World):
    answer = client.post("/v1/jobs", json=raw_document(teacher="nobody", dataset="nothing"))

    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/teacher", "/dataset"}


def test_a_repeated_dedupe_key_finds_the_job_that_has_it(client: TestClient, world: World):
    document = raw_document(dedupe_key="nightly")
    first, again = (client.post("/v1/jobs", json=document) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]


def test_the_doorbell_rings_after_the_commit(
    client: TestClient, world: World, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
):
    heard: list[tuple[str, int]] = []

    def ring(bell: Doorbell, lane: str) -> None:
        with sessions.reading() as session:
            heard.append((lane, len(builders.story(session, client.get("/v1/jobs").json()["data"][0]["id"]))))

    monkeypatch.setattr(Doorbell, "ring", ring)

    client.post("/v1/jobs", json=raw_document())

    assert heard == [("cpu", 1)]


def test_lists_are_filtered_by_status_name_and_metadata(client: TestClient, world: World):
    def ids(**filters: str) -> list[str]:
        return [job["id"] for job in client.get("/v1/jobs", params=filters).json()["data"]]

    assert ids() == [world.queued_job_id, world.job_id]
    assert ids(status="succeeded") == [world.job_id]
    assert ids(name="waiting") == [world.queued_job_id]
    assert ids(**{"metadata[commit]": "abc"}) == [world.job_id]
    assert ids(**{"metadata[commit]": "abc", "status": "queued"}) == []
    assert client.get("/v1/jobs?status=sleeping").status_code == 422


@pytest.mark.parametrize(
    ("actions", "statuses"),
    [
        (["cancel", "cancel"], [202, 200]),
        (["pause", "pause", "resume", "resume"], [202, 200, 202, 200]),
        (["cancel", "retry", "retry"], [202, 202, 200]),
        (["pause", "cancel", "resume"], [202, 202, 409]),
        (["retry", "resume"], [200, 200]),
        (["clone"], [409]),
        (["cancel", "clone"], [202, 201]),
    ],
)
def test_what_changes_is_202_what_is_so_is_200_what_cannot_be_is_409(
    client: TestClient, world: World, actions: list[str], statuses: list[int]
):
    answers = [client.post(f"/v1/jobs/{world.queued_job_id}/{action}") for action in actions]

    assert [answer.status_code for answer in answers] == statuses


def test_what_is_impossible_now_says_what_is_possible(client: TestClient, world: World):
    answer = client.post(f"/v1/jobs/{world.job_id}/cancel")

    assert answer.status_code == 409
    assert answer.json()["detail"] == "A job that has succeeded cannot be cancelled."
    assert answer.json()["allowed_actions"] == ["clone", "delete"]
    assert answer.headers["X-Should-Retry"] == "false"


def test_a_running_job_takes_a_wish_and_runs_on(client: TestClient, world: World, sessions: Sessions):
    with sessions.writing() as session:
        builders.claimed(session)

    answer = client.post(f"/v1/jobs/{world.queued_job_id}/cancel")

    assert answer.status_code == 202
    assert answer.json()["status"] == "running"
    assert answer.json()["cancel_requested_at"] is not None


def test_a_change_needs_the_version_that_was_read(client: TestClient, world: World):
    address = f"/v1/jobs/{world.queued_job_id}"
    etag = client.get(address).headers["ETag"]

    changed = client.patch(address, json={"priority": 7}, headers={"If-Match": etag})
    stale = client.patch(address, json={"priority": 8}, headers={"If-Match": etag})
    nonsense = client.patch(address, json={"priority": 8}, headers={"If-Match": "seven"})
    unconditional = client.patch(address, json={"metadata": {"a": "b"}})

    assert (changed.status_code, changed.json()["priority"]) == (200, 7)
    assert changed.headers["ETag"] != etag
    assert (stale.status_code, nonsense.status_code) == (412, 412)
    assert unconditional.json()["metadata"] == {"a": "b"}
    assert unconditional.json()["priority"] == 7


@pytest.mark.parametrize(
    "change",
    [
        {"priority": 5000},
        {"name": "x"},
        {"metadata": {"k": 1}},
        {"metadata": {"k" * 65: "v"}},
        {"metadata": {'"': "v"}},
    ],
)
def test_a_change_of_what_cannot_change_is_refused(client: TestClient, world: World, change: dict):
    assert client.patch(f"/v1/jobs/{world.queued_job_id}", json=change).status_code == 422


def test_only_a_job_that_has_ended_can_be_deleted(client: TestClient, world: World):
    assert client.delete(f"/v1/jobs/{world.queued_job_id}").status_code == 409
    assert client.delete(f"/v1/jobs/{world.job_id}").status_code == 204
    assert client.get(f"/v1/jobs/{world.job_id}").status_code == 404
    assert client.get(f"/v1/artifacts/{world.artifact_id}").status_code == 404


def test_the_queue_says_what_each_job_waits_for(client: TestClient, world: World):
    urgent = client.post("/v1/jobs", json=raw_document(priority=9)).json()

    queue = client.get("/v1/queue").json()["data"]

    assert [(job["id"], job["position"]) for job in queue] == [(urgent["id"], 1), (world.queued_job_id, 2)]


def test_metrics_come_by_name_and_thinned_with_their_extremes(client: TestClient, world: World):
    address = f"/v1/jobs/{world.job_id}/metrics"

    whole = client.get(address).json()["data"]
    thinned = client.get(address, params={"max_points": 10, "names": "train.loss.total"}).json()["data"]

    assert [point["step"] for point in whole] == list(range(1, 51))
    assert len(thinned) <= 10
    assert {thinned[0]["step"], thinned[-1]["step"]} == {1, 50}
    assert client.get(address, params={"names": "nothing"}).json() == {"data": []}
    assert client.get(address, params={"run": "teacher"}).json() == {"data": []}


def test_the_log_is_plain_text_of_an_attempt(client: TestClient, world: World):
    from tests.api.seeds import LOG

    newest = client.get(f"/v1/jobs/{world.job_id}/logs")

    assert newest.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert newest.text == client.get(f"/v1/jobs/{world.job_id}/logs?attempt=1").text == LOG
    assert client.get(f"/v1/jobs/{world.job_id}/logs?attempt=2").status_code == 404
    assert client.get(f"/v1/jobs/{world.queued_job_id}/logs").text == ""


def test_attempts_checkpoints_and_artifacts_are_listed(client: TestClient, world: World):
    for part, ids in (
        ("checkpoints", [world.checkpoint_id]),
        ("attempts", [1]),
    ):
        page = client.get(f"/v1/jobs/{world.job_id}/{part}").json()
        assert [item.get("id", item.get("number")) for item in page["data"]] == ids
        assert page["has_more"] is False
    first = client.get(f"/v1/jobs/{world.job_id}/artifacts?limit=1").json()
    rest = client.get(f"/v1/jobs/{world.job_id}/artifacts?after={first['data'][0]['id']}").json()
    assert first["has_more"] is True
    assert {item["kind"] for item in first["data"] + rest["data"]} == {"student", "report"}
