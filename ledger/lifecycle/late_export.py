"""Another format of a finished student: a chore, whose files become artifacts of the student's job."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from distill.config.events import Failed, StudentExported
from distill.config.exporting import export_problems
from distill.config.exports import Export
from distill.config.folder import ExportStudent
from distill.config.job import Latency
from distill.config.networks import Dataset as Data
from distill.config.networks import Network
from distill.config.problem import Problem
from distill.config.section import Section
from ledger.blobs import refer, release
from ledger.errors import NotExportable, NotFound, SpecInvalid
from ledger.identifiers import new_id
from ledger.lifecycle.chores import end_chore, reject_chore
from ledger.lifecycle.endings import KeptArtifact, artifact_of
from ledger.lifecycle.hold import Hold, held
from ledger.resolve import document_of_job
from ledger.states import ChoreStatus
from ledger.tables import Artifact, Chore, Dataset, Job, Model
from ledger.versions import version_meant

KIND = "export"
_OWN = "safetensors"
_JOB_GONE = Failed(
    code="job_deleted",
    error_class="user",
    message="the job of this student was deleted",
    hint="there is nothing left to which the file could belong",
)


class LateExport(Section):
    """What such a chore is asked: whose the files will be, and what its process reads."""

    job_id: str
    asked: ExportStudent

    def files(self) -> dict[str, dict[str, str]]:
        """For each folder in `in` the names of its files and their sha256."""
        splits = self.asked.dataset.splits.values()
        return {
            "student": self.asked.network.files,
            "dataset": {split.file: split.sha256 for split in splits},
        }


def add_late_export(session: Session, *, project_id: str, reference: str, export: Export) -> Chore:
    """The chore that makes this format of a student; asked again, the one that makes or has made it.

    Raises:
        NotFound: the project has no such model.
        NotExportable: it is no student of a job that is there, or the job has left this format.
        SpecInvalid: the student cannot have this format.
    """
    # Two requests for one model take turns; whoever only needs it to stay does not wait.
    wanted = version_meant(Model, project_id, reference).with_for_update(key_share=True)
    model = session.scalars(wanted).one_or_none()
    if model is None:
        raise NotFound("model", reference)
    job = _job_of(session, model)
    earlier = late_exports(session, model)
    same = next((chore for chore in earlier if _format(chore) == export.format), None)
    if same is not None and _stands(same):
        return same
    _require_new(session, job, export, earlier)
    document = document_of_job(job)
    if problems := list(export_problems(document.model_copy(update={"exports": [export]}))):
        raise SpecInvalid([Problem("/format", problem.detail, problem.code) for problem in problems])
    target = document.evaluation.latency
    asked = ExportStudent(
        network=Network.model_validate(model.network),
        dataset=Data.model_validate(session.get_one(Dataset, job.dataset_id).data),
        export=export,
        latency=target if target.device == "cpu" else Latency(),  # no worker for chores owns a GPU
        seed=document.seed,
    )
    late = LateExport(job_id=job.id, asked=asked)
    chore = Chore(
        id=new_id("chr_"),
        project_id=project_id,
        kind=KIND,
        subject_id=model.id,
        request=late.model_dump(mode="json"),
    )
    session.add(chore)
    session.flush()
    refer(session, chore.id, [sha256 for files in late.files().values() for sha256 in files.values()])
    return chore


def late_exports(session: Session, model: Model) -> list[Chore]:
    """What was asked for of this student, newest first."""
    of_it = (Chore.project_id == model.project_id, Chore.kind == KIND, Chore.subject_id == model.id)
    return list(session.scalars(select(Chore).where(*of_it).order_by(Chore.id.desc())))


def late_artifacts(session: Session, chores: Sequence[Chore]) -> list[Artifact]:
    """The files of these exports that are still there."""
    ids = [id for chore in chores for id in (chore.result or {}).get("artifacts", ())]
    return list(session.scalars(select(Artifact).where(Artifact.id.in_(ids)).order_by(Artifact.id)))


def finish_late_export(
    session: Session, hold: Hold, event: StudentExported, kept: Sequence[KeptArtifact]
) -> Chore:
    """The export is proved, or not; its files, whose bytes are kept already, belong to the job. Those of
    an earlier try at the same format make way.

    Raises:
        HoldLost: nothing was written.
        BlobDoomed: the bytes must be kept again first.
    """
    chore = held(session, Chore, hold)
    late = LateExport.model_validate(chore.request)
    job = session.scalars(select(Job).where(Job.id == late.job_id).with_for_update()).one_or_none()
    if job is None:
        reject_chore(session, chore, _JOB_GONE)
        return chore
    model = session.get_one(Model, chore.subject_id)
    tries = [each for each in late_exports(session, model) if _format(each) == late.asked.export.format]
    for artifact in late_artifacts(session, tries):
        release(session, artifact.id)
        session.delete(artifact)
    artifacts = [artifact_of(session, job, each, attempt=job.attempt) for each in kept]
    chore.result = {"export": event.export, "artifacts": [artifact.id for artifact in artifacts]}
    end_chore(session, chore, ChoreStatus.DONE)
    return chore


def _job_of(session: Session, model: Model) -> Job:
    if model.job_id is None:
        raise NotExportable(
            f"the model {model.id} was uploaded, and nothing says on which test split a file of it is to be "
            "proved; only students of jobs are exported"
        )
    kept = select(Job).where(Job.id == model.job_id).with_for_update(read=True, key_share=True)
    job = session.scalars(kept).one_or_none()
    if job is None:
        raise NotExportable(f"the job of {model.id} was deleted, and with it the data to prove a file on")
    return job


def _require_new(session: Session, job: Job, export: Export, earlier: Sequence[Chore]) -> None:
    """The name of the file is not taken by one that the job left itself."""
    own = select(Artifact.id).where(
        Artifact.job_id == job.id, Artifact.kind == "export", Artifact.format == export.format
    )
    late = {artifact.id for artifact in late_artifacts(session, earlier)}
    if export.format == _OWN or set(session.scalars(own)) - late:
        raise NotExportable(f"the job {job.id} has left {export.format} itself, and proved it; pull that")


def _format(chore: Chore) -> str:
    form: str = chore.request["asked"]["export"]["format"]
    return form


def _stands(chore: Chore) -> bool:
    """Whether there is no sense in another try: it is under way, or it was verified."""
    if chore.status == ChoreStatus.DONE:
        return bool((chore.result or {})["export"]["status"] == "verified")
    return chore.status != ChoreStatus.FAILED
