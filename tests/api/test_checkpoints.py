"""A checkpoint is listed, and promoted to an artifact by a worker for chores."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from distill.config.events import Failed
from ledger import lifecycle
from ledger.database import Sessions
from ledger.files import Store
from ledger.lifecycle import ChoreClaim, KeptArtifact
from tests.api.seeds import World, kept
from tests.api.test_planning import next_chore

ARCHIVE = b"a student folder"


@pytest.fixture
def worker(sessions: Sessions, store: Store, tmp_path: Path) -> Callable[[ChoreClaim], None]:
    """Does what a worker for chores does with a promotion."""

    def work(claim: ChoreClaim) -> None:
        sha256 = kept(sessions, store, ARCHIVE, tmp_path / "archive")
        archive = KeptArtifact(
            "checkpoint", "zip", "student-step-50.zip", "application/zip", sha256, len(ARCHIVE)
        )
        with sessions.writing() as session:
            lifecycle.finish_promotion(session, claim.hold, archive)

    return work


def asked(pool: ThreadPoolExecutor, client: TestClient, world: World) -> Future:
    return pool.submit(client.post, f"/v1/checkpoints/{world.checkpoint_id}/promote")


def test_a_promoted_checkpoint_is_an_artifact_that_can_be_downloaded(
    client: TestClient, sessions: Sessions, world: World, worker: Callable[[ChoreClaim], None]
):
    with ThreadPoolExecutor(1) as pool:
        answer = asked(pool, client, world)
        worker(next_chore(sessions))
        made = answer.result(20)
    again = client.post(f"/v1/checkpoints/{world.checkpoint_id}/promote")

    artifact = made.json()
    assert made.status_code == 201
    assert made.headers["Location"] == f"/v1/artifacts/{artifact['id']}"
    assert (artifact["kind"], artifact["format"], artifact["filename"]) == (
        "checkpoint",
        "zip",
        "student-step-50.zip",
    )
    assert client.get(f"/v1/artifacts/{artifact['id']}/content").content == ARCHIVE
    listed = client.get(f"/v1/jobs/{world.job_id}/artifacts").json()["data"]
    assert artifact in listed
    assert (again.status_code, again.json()) == (200, artifact)


def test_a_checkpoint_that_cannot_be_read_is_a_422_that_says_why(
    client: TestClient, sessions: Sessions, world: World
):
    failed = Failed(
        code="checkpoint_damaged", error_class="data", message="it was cut", hint="take another one"
    )
    with ThreadPoolExecutor(1) as pool:
        answer = asked(pool, client, world)
        claim = next_chore(sessions)
        with sessions.writing() as session:
            lifecycle.reject(session, claim.hold, failed)
        refused = answer.result(20)

    assert (refused.status_code, refused.json()["code"]) == (422, "checkpoint_damaged")
    assert "take another one" in refused.json()["detail"]


def test_without_a_worker_for_chores_the_caller_is_told_when_to_come_back(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.routes.checkpoints._PATIENCE_S", 0.1)

    answer = client.post(f"/v1/checkpoints/{world.checkpoint_id}/promote")

    assert (answer.status_code, answer.json()["code"]) == (503, "promotion_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_checkpoint_that_made_way_or_is_anothers_is_not_there(
    client: TestClient, stranger: TestClient, world: World
):
    assert client.post("/v1/checkpoints/ckpt_gone/promote").status_code == 404
    assert stranger.post(f"/v1/checkpoints/{world.checkpoint_id}/promote").status_code == 404


def test_a_checkpoint_is_listed_with_its_figure_and_whether_it_is_the_best(client: TestClient, world: World):
    (checkpoint,) = client.get(f"/v1/jobs/{world.job_id}/checkpoints").json()["data"]

    assert (checkpoint["id"], checkpoint["figure"], checkpoint["best"]) == (world.checkpoint_id, None, False)
