"""A checkpoint becomes an artifact of its job: a chore, for only the science can read one."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from distill.config.events import Failed
from distill.config.folder import PromoteCheckpoint
from distill.config.section import Section
from ledger.blobs import refer
from ledger.errors import NotFound
from ledger.identifiers import new_id
from ledger.inputs import Inputs, inputs_of
from ledger.lifecycle.chores import end_chore, reject_chore
from ledger.lifecycle.endings import KeptArtifact, artifact_of
from ledger.lifecycle.hold import Hold, held
from ledger.resolve import document_of_job
from ledger.states import ChoreStatus
from ledger.tables import Artifact, Checkpoint, Chore, Job

KIND = "promote"
TOKENIZER = "tokenizer.json"
_JOB_GONE = Failed(
    code="job_deleted",
    error_class="user",
    message="the job of this checkpoint was deleted",
    hint="there is nothing left to take home",
)


class Promotion(Section):
    """What such a chore is asked: which bytes its process needs, and whose the artifact is."""

    job_id: str
    attempt: int
    checkpoint: str
    """The sha256 of its file; it is kept for as long as the chore is not over."""
    tokenizer: str | None
    asked: PromoteCheckpoint


def add_promotion(session: Session, *, project_id: str, checkpoint_id: str) -> Chore:
    """The chore that makes an artifact of this checkpoint; asked again, the one that did or does, though
    the checkpoint may have made way for newer ones since.

    Raises:
        NotFound: the project has no such checkpoint, or it made way before anybody asked.
    """
    checkpoint = session.scalars(
        select(Checkpoint)
        .where(Checkpoint.project_id == project_id, Checkpoint.id == checkpoint_id)
        .with_for_update()
    ).one_or_none()
    asked = session.scalars(
        select(Chore)
        .where(
            Chore.project_id == project_id,
            Chore.kind == KIND,
            Chore.subject_id == checkpoint_id,
            Chore.status != ChoreStatus.FAILED,
        )
        .order_by(Chore.id.desc())
        .limit(1)
    ).one_or_none()
    if asked is not None and (asked.status != ChoreStatus.DONE or promoted(session, asked) is not None):
        return asked
    if checkpoint is None:
        raise NotFound("checkpoint", checkpoint_id)
    return _add(session, checkpoint)


def promoted(session: Session, chore: Chore) -> Artifact | None:
    """What came of a promotion that is done; None where it is not, or the artifact is gone."""
    return session.get(Artifact, (chore.result or {}).get("artifact_id", ""))


def finish_promotion(session: Session, hold: Hold, kept: KeptArtifact) -> Chore:
    """The artifact is there. Its bytes are kept already.

    Raises:
        HoldLost: nothing was written.
        BlobDoomed: the bytes must be kept again first.
    """
    chore = held(session, Chore, hold)
    promotion = Promotion.model_validate(chore.request)
    job = session.scalars(select(Job).where(Job.id == promotion.job_id).with_for_update()).one_or_none()
    if job is None:
        reject_chore(session, chore, _JOB_GONE)
        return chore
    artifact = artifact_of(session, job, kept, attempt=promotion.attempt)
    chore.result = {"artifact_id": artifact.id}
    end_chore(session, chore, ChoreStatus.DONE)
    return chore


def _add(session: Session, checkpoint: Checkpoint) -> Chore:
    job = session.get_one(Job, checkpoint.job_id)
    promotion = Promotion(
        job_id=job.id,
        attempt=checkpoint.attempt,
        checkpoint=checkpoint.sha256,
        tokenizer=_tokenizer(inputs_of(session, job)),
        asked=PromoteCheckpoint(document=document_of_job(job)),
    )
    chore = Chore(
        id=new_id("chr_"),
        project_id=checkpoint.project_id,
        kind=KIND,
        subject_id=checkpoint.id,
        request=promotion.model_dump(mode="json"),
    )
    session.add(chore)
    session.flush()
    refer(session, chore.id, [checkpoint.sha256])
    return chore


def _tokenizer(inputs: Inputs) -> str | None:
    """The sha256 of that with which every network of the job reads, where it reads text."""
    files: list[dict[str, Any]] = [(model.network or {}).get("files", {}) for _, _, model in inputs.parts()]
    return next((each[TOKENIZER] for each in files if TOKENIZER in each), None)
