"""Short work: inspect a model or a dataset, plan a job, promote a checkpoint, export a student. Claimed
like a job, with lease and fence."""

import hashlib
import json
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from distill.config.events import DatasetInspected, Failed, ModelInspected, Planned
from ledger.blobs import refer, release
from ledger.database import clock, now
from ledger.errors import InputsNotReady
from ledger.identifiers import new_id
from ledger.inputs import Inputs, inputs_named
from ledger.lifecycle.hold import Hold, held, new_token
from ledger.lifecycle.rejected import fail_jobs_with_rejected_inputs
from ledger.resolve import Resolved, document_of, resolved_spec
from ledger.states import ChoreStatus, InputStatus
from ledger.tables import Blob, Chore, Dataset, File, Model

MAX_CRASHES = 3
_CRASHED = {"plan": "plan_crashed", "promote": "promotion_crashed", "export": "export_crashed"}
_INPUT_GONE = Failed(
    code="input_deleted",
    error_class="user",
    message="a model or the dataset of this job was deleted",
    hint="register it again, then ask again",
)


@dataclass(frozen=True)
class ChoreClaim:
    """A chore that is now the caller's, with the rows that its process needs."""

    hold: Hold
    chore: Chore
    file: File | None
    """The upload to inspect; None for what is built in, and for a plan."""
    inputs: Inputs | None
    """Of a plan."""


def add_plan(session: Session, *, project_id: str, resolved: Resolved) -> Chore:
    """The chore that plans this job; the same question finds the same chore, answered or not.

    Raises:
        InputsNotReady: nothing can be planned before the inputs are inspected.
    """
    if resolved.waiting_for:
        raise InputsNotReady(resolved.waiting_for)
    request = resolved_spec(resolved.document)
    question = json.dumps(request, sort_keys=True, separators=(",", ":"))
    request_sha256 = hashlib.sha256(question.encode()).hexdigest()
    asked = session.scalars(
        select(Chore)
        .where(
            Chore.project_id == project_id,
            Chore.kind == "plan",
            Chore.request_sha256 == request_sha256,
            Chore.status != ChoreStatus.FAILED,
        )
        .order_by(Chore.id)
        .limit(1)
    ).one_or_none()
    if asked is not None:
        return asked
    chore = Chore(
        id=new_id("chr_"),
        project_id=project_id,
        kind="plan",
        request=request,
        request_sha256=request_sha256,
    )
    session.add(chore)
    session.flush()
    return chore


def claim_chore(session: Session, *, worker: str, lease_s: float) -> ChoreClaim | None:
    """Take the oldest waiting chore. A plan whose inputs were deleted fails, and the next is tried."""
    while (chore := _take(session, worker, lease_s)) is not None:
        claim = _with_inputs(session, chore)
        if claim is not None:
            return claim
        reject_chore(session, chore, _INPUT_GONE)
    return None


def _take(session: Session, worker: str, lease_s: float) -> Chore | None:
    oldest = (
        select(Chore.id)
        .where(Chore.status == ChoreStatus.QUEUED, Chore.run_after <= clock())
        .order_by(Chore.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return session.scalars(
        update(Chore)
        .where(Chore.id == oldest, Chore.status == ChoreStatus.QUEUED)
        .values(
            status=ChoreStatus.RUNNING,
            attempt=Chore.attempt + 1,
            token=new_token(),
            worker=worker,
            lease_expires_at=clock() + lease_s,
        )
        .returning(Chore)
        .execution_options(synchronize_session=False, populate_existing=True)
    ).one_or_none()


def _with_inputs(session: Session, chore: Chore) -> ChoreClaim | None:
    """The claim with its rows; None where what it is to plan with was deleted."""
    assert chore.token is not None
    hold = Hold(chore.id, chore.attempt, chore.token)
    if chore.kind != "plan":
        subject = _subject(session, chore)
        file = session.get_one(File, subject.file_id) if subject and subject.file_id else None
        return ChoreClaim(hold, chore, file, None)
    inputs = inputs_named(session, document_of(chore.request))
    return ChoreClaim(hold, chore, None, inputs) if inputs is not None else None


def renew_chore(session: Session, hold: Hold, *, lease_s: float) -> None:
    """Hold on for `lease_s` seconds more.

    Raises:
        HoldLost: the chore is another's, or gone.
    """
    held(session, Chore, hold).lease_expires_at = now(session) + lease_s


def finish_model(session: Session, hold: Hold, event: ModelInspected) -> Model:
    """The model is ready. The bytes of its network's files are kept already.

    Raises:
        HoldLost: nothing was written.
        BlobDoomed: a file must be kept again first.
    """
    chore = held(session, Chore, hold)
    model = session.get_one(Model, chore.subject_id)
    model.status = InputStatus.READY
    model.network = event.network.model_dump(mode="json")
    model.inspection = {
        "parameters": event.parameters,
        "size_bytes": event.size_bytes,
        "layers": event.layers,
        "report": event.report,
    }
    model.inspected_at = now(session)
    refer(session, model.id, event.network.files.values())
    end_chore(session, chore, ChoreStatus.DONE)
    return model


def finish_dataset(session: Session, hold: Hold, event: DatasetInspected) -> Dataset:
    """The dataset is ready. The bytes of its splits and their parquet files are kept already.

    Raises:
        HoldLost: nothing was written.
        BlobDoomed: a file must be kept again first.
    """
    chore = held(session, Chore, hold)
    dataset = session.get_one(Dataset, chore.subject_id)
    parquet = {split: table["sha256"] for split, table in event.tables.items()}
    refer(
        session, dataset.id, [*(split.sha256 for split in event.dataset.splits.values()), *parquet.values()]
    )
    dataset.status = InputStatus.READY
    dataset.data = event.dataset.model_dump(mode="json")
    dataset.tables = {
        split: {"sha256": sha256, "bytes": session.get_one(Blob, sha256).bytes}
        for split, sha256 in parquet.items()
    }
    dataset.inspection = event.report
    dataset.preview = event.preview
    dataset.inspected_at = now(session)
    end_chore(session, chore, ChoreStatus.DONE)
    return dataset


def finish_plan(session: Session, hold: Hold, event: Planned) -> Chore:
    """The plan is answered.

    Raises:
        HoldLost: nothing was written.
    """
    chore = held(session, Chore, hold)
    chore.result = event.model_dump(mode="json", exclude={"type"})
    end_chore(session, chore, ChoreStatus.DONE)
    return chore


def reject(session: Session, hold: Hold, failed: Failed) -> None:
    """The upload cannot be used, or the job cannot be built; jobs that wait for it fail with it.

    Raises:
        HoldLost: nothing was written.
    """
    reject_chore(session, held(session, Chore, hold), failed)


def requeue_chore(
    session: Session,
    hold: Hold,
    *,
    counted: bool,
    failed: Failed | None = None,
    delay_s: float = 0.0,
) -> Chore:
    """The process ended without a word; try again, or reject after `MAX_CRASHES`.

    Raises:
        HoldLost: nothing was written.
    """
    chore = held(session, Chore, hold)
    put_chore_back(session, chore, counted=counted, failed=failed, delay_s=delay_s)
    return chore


def put_chore_back(
    session: Session, chore: Chore, *, counted: bool, failed: Failed | None = None, delay_s: float = 0.0
) -> None:
    """`requeue_chore` on a row that the caller has locked already."""
    chore.crashes += 1 if counted else 0
    if chore.crashes >= MAX_CRASHES:
        reject_chore(session, chore, failed or _never_finished(chore))
        return
    chore.status = ChoreStatus.QUEUED
    chore.run_after = now(session) + delay_s
    chore.token = chore.worker = chore.lease_expires_at = None
    session.flush()


def _subject(session: Session, chore: Chore) -> Model | Dataset | None:
    match chore.kind:
        case "inspect_model":
            return session.get(Model, chore.subject_id)
        case "inspect_dataset":
            return session.get(Dataset, chore.subject_id)
    return None


def reject_chore(session: Session, chore: Chore, failed: Failed) -> None:
    """`reject` on a row that the caller has locked already."""
    problem = failed.model_dump(mode="json", exclude={"type"})
    problem["class"] = problem.pop("error_class")
    subject = _subject(session, chore)
    if subject is not None:
        subject.status = InputStatus.REJECTED
        subject.problem = problem
        subject.inspected_at = now(session)
    chore.error = problem
    end_chore(session, chore, ChoreStatus.FAILED)
    if subject is not None:
        fail_jobs_with_rejected_inputs(session)


def end_chore(session: Session, chore: Chore, status: ChoreStatus) -> None:
    """Nobody holds it any more, and it needs no bytes of its own."""
    release(session, chore.id)
    chore.status = status
    chore.finished_at = now(session)
    chore.token = chore.worker = chore.lease_expires_at = None
    session.flush()


def _never_finished(chore: Chore) -> Failed:
    return Failed(
        code=_CRASHED.get(chore.kind, "inspection_crashed"),
        error_class="internal",
        message=f"the process that works on it broke off {chore.crashes} times without a word",
        hint="check that the file is what it says it is, and try a smaller one",
    )
