"""The science itself under real workers: one job from end to end, and one that is killed on the way."""

import signal
from pathlib import Path

import pytest

from ledger import catalog, tables
from ledger.queries import artifacts
from ledger.settings import Settings
from ledger.states import Lane
from tests.faults.yard import Yard
from tests.worker.scripted import submit
from worker import processes

SPEC = {
    "name": "digits",
    "dataset": "real-digits",
    "labels": {"count": 100},
    "teacher": {
        "train": {
            "architecture": "mlp",
            "config": {"depth": 3, "width": 64},
            "training": {"epochs": 4, "checkpoint_every_s": 1},
        }
    },
    "student": {"architecture": "mlp", "config": {"depth": 2, "width": 16}},
    "training": {"epochs": 30, "checkpoint_every_s": 1},
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"threads": 1})


def digits(yard: Yard) -> str:
    with yard.sessions.writing() as session:
        dataset = catalog.register_dataset(
            session,
            project_id=yard.project_id,
            declared={"name": "real-digits", "builtin": "digits", "task": "image-classification"},
            file_id=None,
        )
    yard.doorbell.ring(Lane.CHORES)
    return dataset.id


def weights(yard: Yard, job_id: str) -> tables.Artifact:
    with yard.sessions.reading() as session:
        kept = artifacts(session, job_id)
    (student,) = (one for one in kept if one.filename == "student.safetensors")
    return student


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)
def test_a_killed_job_ends_with_the_same_weights_as_an_unbroken_one(yard: Yard, tmp_path: Path) -> None:
    yard.settings = yard.settings.model_copy(update={"stop_grace": yard.settings.lease * 5})
    yard.work("--lanes", "chores", real=True)
    dataset_id = digits(yard)
    unbroken = submit(yard.sessions, yard.project_id, **SPEC)  # waits for its dataset
    killed = submit(yard.sessions, yard.project_id, **SPEC)
    yard.work("--lanes", "cpu", real=True)
    yard.until_status(unbroken, "succeeded", within_s=120, beat=True)
    with yard.sessions.reading() as session:
        assert session.get_one(tables.Dataset, dataset_id).status == "ready"

    yard.until(lambda: any(row.step > 0 for row in yard.checkpoints(killed)), within_s=120, beat=True)
    for pid in yard.inside():
        processes.send(pid, signal.SIGKILL)
    yard.until_status(killed, "succeeded", within_s=120, beat=True)

    first, second = yard.attempts(killed)
    assert first.exit_kind == "signal"
    assert second.resumed_from_step > 0
    assert len(yard.attempts(unbroken)) == 1
    assert weights(yard, killed).sha256 == weights(yard, unbroken).sha256
    with yard.sessions.reading() as session:
        kept = artifacts(session, killed)
    for artifact in kept:
        yard.store.fetch(artifact.sha256, tmp_path / "fetched")  # verifies
    kinds = {artifact.kind for artifact in kept}
    assert {"student", "teacher", "predictions", "metrics", "report", "log"} <= kinds
    assert yard.inside() == []
