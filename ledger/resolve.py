"""From the document as written to the one that runs: names become ids, inputs are matched."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Select, case, select
from sqlalchemy.orm import Session

from distill.config.job import JobDocument
from distill.config.problem import Problem
from ledger.errors import SpecInvalid
from ledger.identifiers import is_id
from ledger.inputs import Inputs
from ledger.matching import misfits, places_of_teachers, unfit_by_itself
from ledger.states import InputStatus, Lane
from ledger.tables import Dataset, Job, Model
from ledger.workers import REMEMBERED_DAYS, is_out_of_reach

Input = TypeVar("Input", Model, Dataset)


@dataclass(frozen=True)
class Resolved:
    document: JobDocument
    """With ids for names, and every default filled in."""
    inputs: Inputs
    waiting_for: tuple[str, ...]
    """Ids of inputs that are still being inspected."""


def resolve(session: Session, *, project_id: str, document: JobDocument, holding: bool = False) -> Resolved:
    """Find what the document refers to, and check all that needs no network to be built.

    `holding` keeps what was found from being deleted before the transaction, a writing one, ends.

    Raises:
        SpecInvalid: names every problem with its pointer.
    """
    search = _Search(session, project_id, holding)
    teachers = [
        search.model("teacher", teacher.model, at=at)
        for teacher, at in zip(document.uploaded_teachers, places_of_teachers(document), strict=True)
    ]
    start = document.student.model
    student = search.model("student", start, at="/student/model") if start is not None else None
    dataset = search.dataset(document.dataset)
    problems = [*unfit_by_itself(document), *_out_of_reach(session, lane_of(document)), *search.problems]
    found = tuple(teacher for teacher in teachers if teacher is not None)
    if search.problems or dataset is None:
        raise SpecInvalid(problems)
    inputs = Inputs(found, student, dataset)
    problems += misfits(document, inputs)
    if problems:
        raise SpecInvalid(problems)
    return Resolved(_filled(document, inputs), inputs, inputs.being_inspected())


def version_meant(table: type[Input], project_id: str, reference: str) -> Select[Input]:
    """What an id or a name means: of a name the newest version that is ready, else that is being
    inspected, else the newest."""
    query = select(table).where(table.project_id == project_id)
    if is_id(reference, "mdl_" if table is Model else "dst_"):
        return query.where(table.id == reference)
    readiness = case(
        (table.status == InputStatus.READY, 0), (table.status == InputStatus.INSPECTING, 1), else_=2
    )
    return query.where(table.name == reference).order_by(readiness, table.version.desc()).limit(1)


def resolved_spec(document: JobDocument) -> dict[str, Any]:
    """The resolved document as it is stored and shown, `stages` always a list."""
    spec = document.model_dump(mode="json")
    return {**spec, "stages": [stage.model_dump(mode="json") for stage in document.course]}


def document_of(spec: dict[str, Any]) -> JobDocument:
    """The document in a `resolved_spec`."""
    return JobDocument.model_validate({**spec, "stages": spec["stages"] if spec["losses"] is None else None})


def document_of_job(job: Job) -> JobDocument:
    """The document that a job was submitted with, ids for names.

    Its stages are those that the user wrote: what an attempt made of `auto` is shown in the resolved
    spec, and found again by the next attempt.
    """
    return document_of({**job.resolved_spec, "stages": job.spec.get("stages")})


def lane_of(document: JobDocument) -> Lane:
    """Which workers may run the job."""
    return Lane.GPU if document.resources.gpus else Lane.CPU


def require_worker(session: Session, lane: str) -> None:
    """Refuse a job that would wait for ever.

    Raises:
        SpecInvalid: no worker that was heard of has ever served this lane.
    """
    if problems := _out_of_reach(session, Lane(lane)):
        raise SpecInvalid(problems)


def _out_of_reach(session: Session, lane: Lane) -> list[Problem]:
    if not is_out_of_reach(session, lane):
        return []
    if lane is Lane.GPU:
        detail = "no worker here owns a GPU; start one with LIMBECK_DEVICES, or ask for 0 gpus"
    else:
        detail = "every worker here runs jobs on GPUs alone; start one with --lanes cpu, or ask for 1 gpu"
    return [Problem("/resources/gpus", f"{detail} ({_AS_FAR_AS_KNOWN})", "no_worker_for_it")]


_AS_FAR_AS_KNOWN = f"judged by the workers that were heard of in the last {REMEMBERED_DAYS} days"


@dataclass
class _Search:
    """Looks up what a document refers to, and gathers what is not to be had."""

    session: Session
    project_id: str
    holding: bool
    problems: list[Problem] = field(default_factory=list)

    def model(self, part: str, reference: str, *, at: str) -> Model | None:
        return self._find(Model, "model", part, reference, at)

    def dataset(self, reference: str) -> Dataset | None:
        return self._find(Dataset, "dataset", "dataset", reference, "/dataset")

    def _find(self, table: type[Input], what: str, part: str, reference: str, at: str) -> Input | None:
        found = self.session.scalars(self._query(table, reference)).one_or_none()
        if "@" in reference:
            self._refuse(at, "aliases are not available in this version yet", "not_available_yet")
        elif found is None:
            self._refuse(at, f"there is no {what} {reference!r}; register it first", f"unknown_{what}")
        elif found.status == InputStatus.REJECTED:
            reason = (found.problem or {}).get("message", "it cannot be used")
            self._refuse(at, f"the {part} {found.name!r} was rejected: {reason}", "input_rejected")
        return found

    def _query(self, table: type[Input], reference: str) -> Select[Input]:
        query = version_meant(table, self.project_id, reference)
        return query.with_for_update(read=True, key_share=True) if self.holding else query

    def _refuse(self, pointer: str, detail: str, code: str) -> None:
        self.problems.append(Problem(pointer, detail, code))


def _filled(document: JobDocument, inputs: Inputs) -> JobDocument:
    """The document with ids for names."""
    changes: dict[str, Any] = {"dataset": inputs.dataset.id}
    if document.teachers is not None:
        changes["teachers"] = [
            teacher.model_copy(update={"model": row.id})
            for teacher, row in zip(document.teachers, inputs.teachers, strict=True)
        ]
    elif inputs.teachers:
        changes["teacher"] = inputs.teachers[0].id
    if inputs.student is not None:
        changes["student"] = document.student.model_copy(update={"model": inputs.student.id})
    return document.model_copy(update=changes)
