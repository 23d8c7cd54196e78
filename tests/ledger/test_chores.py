"""Short work, and the inputs that it makes ready or rejects."""

import pytest
from sqlalchemy import update

from distill.config.document import parse_job
from distill.config.events import DatasetInspected, Failed, ModelInspected, Planned
from ledger import catalog, lifecycle, queries
from ledger.database import Sessions, clock
from ledger.errors import BlobDoomed, HoldLost, InputsNotReady
from ledger.lifecycle.chores import MAX_CRASHES
from ledger.resolve import resolve
from ledger.states import ChoreStatus, InputStatus, JobStatus
from ledger.tables import Blob, Chore, File, Model, Reference
from tests.ledger.builders import (
    a_dataset,
    data,
    kept_blob,
    network,
    raw_document,
    registered,
    sha256_of,
    submitted,
    taken,
)

UNREADABLE = Failed(
    code="file_unreadable", error_class="user", message="it is no checkpoint", hint="send one"
)


def inspected(sessions: Sessions) -> ModelInspected:
    with sessions.writing() as session:
        sha256 = kept_blob(session, "weights")
    return ModelInspected(
        network=network(files={"model.safetensors": sha256}),
        parameters=12,
        size_bytes=48,
        layers=[{"name": "fc", "shape": [10], "kind": "Linear"}],
        report={"stripped": []},
    )


def test_an_inspected_model_is_ready_and_holds_its_bytes(sessions: Sessions, file: File) -> None:
    model = registered(sessions, file)
    claim = taken(sessions)
    event = inspected(sessions)
    with sessions.writing() as session:
        lifecycle.finish_model(session, claim.hold, event)
    with sessions.reading() as session:
        ready = queries.get_model(session, file.project_id, model.id)
        assert session.get(Reference, (model.id, sha256_of("weights"))) is not None
        assert queries.get_chore(session, file.project_id, claim.chore.id).status == ChoreStatus.DONE
    assert ready.status == InputStatus.READY
    assert ready.network == event.network.model_dump(mode="json")
    assert ready.inspection is not None
    assert ready.inspection["parameters"] == 12


def test_a_model_whose_bytes_are_not_kept_does_not_become_ready(sessions: Sessions, file: File) -> None:
    model = registered(sessions, file)
    claim = taken(sessions)
    event = inspected(sessions)
    with sessions.writing() as session:
        session.execute(update(Blob).where(Blob.sha256 == sha256_of("weights")).values(doomed_at=clock()))
    with pytest.raises(BlobDoomed), sessions.writing() as session:
        lifecycle.finish_model(session, claim.hold, event)
    with sessions.reading() as session:
        assert session.get_one(Model, model.id).status == InputStatus.INSPECTING


def test_an_inspected_dataset_is_ready_with_its_splits_and_tables(
    sessions: Sessions, project_id: str
) -> None:
    with sessions.writing() as session:
        declared = {"name": "digits", "builtin": "digits", "task": "image-classification"}
        catalog.register_dataset(session, project_id=project_id, declared=declared, file_id=None)
        kept_blob(session, "split")
        parquet = kept_blob(session, "parquet")
    claim = taken(sessions)
    assert claim.file is None
    tables = {"train": {"path": "out/train.parquet", "sha256": parquet}}
    event = DatasetInspected(dataset=data(), tables=tables, report={"duplicates": 0}, preview=[])
    with sessions.writing() as session:
        dataset = lifecycle.finish_dataset(session, claim.hold, event)
    assert dataset.status == InputStatus.READY
    assert dataset.tables == {"train": {"sha256": parquet, "bytes": len("parquet")}}


def test_a_rejection_names_its_problem_and_fails_the_jobs_that_wait(sessions: Sessions, file: File) -> None:
    model = registered(sessions, file)
    with sessions.writing() as session:
        a_dataset(session, file.project_id)
        waiting = submitted(session, file.project_id, teacher=model.id)
        other = submitted(session, file.project_id)
    claim = taken(sessions)
    with sessions.writing() as session:
        lifecycle.reject(session, claim.hold, UNREADABLE)
    with sessions.reading() as session:
        rejected = queries.get_model(session, file.project_id, model.id)
        failed = queries.get_job(session, file.project_id, waiting.id)
        assert queries.get_job(session, file.project_id, other.id).status == JobStatus.QUEUED
    assert rejected.status == InputStatus.REJECTED
    assert rejected.problem is not None
    assert (rejected.problem["code"], rejected.problem["class"]) == ("file_unreadable", "user")
    assert failed.status == JobStatus.FAILED
    assert failed.error is not None
    assert (failed.error["code"], failed.error["class"]) == ("input_rejected", "user")
    assert "it is no checkpoint" in failed.error["message"]
    assert failed.last_event == 2


@pytest.mark.parametrize("late", ["renew", "finish", "reject", "requeue"])
def test_a_worker_that_lost_its_chore_can_write_nothing(sessions: Sessions, file: File, late: str) -> None:
    registered(sessions, file)
    lost = taken(sessions).hold
    with sessions.writing() as session:
        lifecycle.requeue_chore(session, lost, counted=False)
    again = taken(sessions).hold
    assert (again.id, again.attempt) == (lost.id, 2)
    event = inspected(sessions)
    verbs = {
        "renew": lambda session: lifecycle.renew_chore(session, lost, lease_s=60),
        "finish": lambda session: lifecycle.finish_model(session, lost, event),
        "reject": lambda session: lifecycle.reject(session, lost, UNREADABLE),
        "requeue": lambda session: lifecycle.requeue_chore(session, lost, counted=True),
    }
    with pytest.raises(HoldLost), sessions.writing() as session:
        verbs[late](session)


def test_an_upload_that_kills_every_process_is_rejected_in_the_end(sessions: Sessions, file: File) -> None:
    model = registered(sessions, file)
    for _ in range(MAX_CRASHES):
        claim = taken(sessions)
        with sessions.writing() as session:
            lifecycle.requeue_chore(session, claim.hold, counted=True)
    with sessions.writing() as session:
        assert lifecycle.claim_chore(session, worker="w", lease_s=60) is None
        rejected = session.get_one(Model, model.id)
    assert rejected.status == InputStatus.REJECTED
    assert rejected.problem is not None
    assert rejected.problem["code"] == "inspection_crashed"


def test_the_same_plan_is_asked_once_and_not_before_the_inputs_are_ready(
    sessions: Sessions, project_id: str
) -> None:
    document = parse_job(raw_document())
    with sessions.writing() as session:
        dataset = a_dataset(session, project_id, status=InputStatus.INSPECTING)
        with pytest.raises(InputsNotReady):
            lifecycle.add_plan(
                session,
                project_id=project_id,
                resolved=resolve(session, project_id=project_id, document=document),
            )
        dataset.status = InputStatus.READY
        dataset.data = data().model_dump(mode="json")
        resolved = resolve(session, project_id=project_id, document=document)
        plan = lifecycle.add_plan(session, project_id=project_id, resolved=resolved)
        assert lifecycle.add_plan(session, project_id=project_id, resolved=resolved).id == plan.id
    claim = taken(sessions)
    assert claim.inputs is not None
    assert (claim.chore.kind, claim.inputs.dataset.id, claim.inputs.teachers) == ("plan", dataset.id, ())
    planned = Planned(
        student={"parameters": 1},
        teacher={},
        fits_memory=True,
        memory_bytes=1,
        stages=document.course,
        estimate={},
        warnings=[],
    )
    with sessions.writing() as session:
        lifecycle.finish_plan(session, claim.hold, planned)
        answered = lifecycle.add_plan(session, project_id=project_id, resolved=resolved)
    assert answered.id == plan.id
    assert answered.result is not None
    assert answered.result["student"] == {"parameters": 1}


def test_a_plan_whose_dataset_was_deleted_fails_and_the_next_chore_is_taken(
    sessions: Sessions, file: File
) -> None:
    with sessions.writing() as session:
        dataset = a_dataset(session, file.project_id)
        document = parse_job(raw_document())
        resolved = resolve(session, project_id=file.project_id, document=document)
        plan = lifecycle.add_plan(session, project_id=file.project_id, resolved=resolved)
        catalog.delete_dataset(session, file.project_id, dataset.id)
    model = registered(sessions, file)
    assert taken(sessions).chore.subject_id == model.id
    with sessions.reading() as session:
        failed = session.get_one(Chore, plan.id)
    assert failed.status == "failed"
    assert failed.error is not None
    assert (failed.error["code"], failed.error["class"]) == ("input_deleted", "user")


def test_deleting_a_model_ends_its_inspection(sessions: Sessions, file: File) -> None:
    model = registered(sessions, file)
    claim = taken(sessions)
    event = inspected(sessions)
    with sessions.writing() as session:
        catalog.delete_model(session, file.project_id, model.id)
    with pytest.raises(HoldLost), sessions.writing() as session:
        lifecycle.finish_model(session, claim.hold, event)
