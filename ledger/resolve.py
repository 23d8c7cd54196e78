"""From the document as written to the one that runs: names become ids, inputs are matched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select
from sqlalchemy.orm import Session

from distill.config.job import JobDocument
from distill.config.problem import Problem
from ledger.errors import SpecInvalid
from ledger.inputs import Inputs
from ledger.matching import misfits, places_of_incumbents, places_of_teachers, unfit_by_itself
from ledger.states import InputStatus, Lane
from ledger.tables import Dataset, Job, Model
from ledger.versions import Input, nothing_meant, version_meant
from ledger.workers import REMEMBERED_DAYS, is_out_of_reach


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
    incumbents = {
        reference: search.model("incumbent", reference, at=at)
        for reference, at in places_of_incumbents(document)
    }
    problems = [*unfit_by_itself(document), *_out_of_reach(session, lane_of(document)), *search.problems]
    found = tuple(teacher for teacher in teachers if teacher is not None)
    if search.problems or dataset is None:
        raise SpecInvalid(problems)
    beside = {reference: model for reference, model in incumbents.items() if model is not None}
    by_id = {model.id: model for model in beside.values()}  # two references may mean one version
    inputs = Inputs(found, student, dataset, tuple(by_id.values()))
    filled = _filled(document, inputs, beside)
    problems += misfits(filled, inputs)
    if problems:
        raise SpecInvalid(problems)
    return Resolved(filled, inputs, inputs.being_inspected())


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
        return self._find(Model, part, reference, at)

    def dataset(self, reference: str) -> Dataset | None:
        return self._find(Dataset, "dataset", reference, "/dataset")

    def _find(self, table: type[Input], part: str, reference: str, at: str) -> Input | None:
        found = self.session.scalars(self._query(table, reference)).one_or_none()
        if found is None:
            self.problems.append(nothing_meant(self.session, table, self.project_id, reference, at=at))
        elif found.status == InputStatus.REJECTED:
            reason = (found.problem or {}).get("message", "it cannot be used")
            detail = f"the {part} {found.name!r} was rejected: {reason}"
            self.problems.append(Problem(at, detail, "input_rejected"))
        return found

    def _query(self, table: type[Input], reference: str) -> Select[Input]:
        query = version_meant(table, self.project_id, reference)
        return query.with_for_update(read=True, key_share=True) if self.holding else query


def _filled(document: JobDocument, inputs: Inputs, beside: Mapping[str, Model]) -> JobDocument:
    """The document with ids for names; `beside` has the model of each reference in a gate."""
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
    if beside:
        changes["gates"] = [
            gate
            if gate.incumbent is None
            else gate.model_copy(update={"relative_to": beside[gate.incumbent].id})
            for gate in document.gates
        ]
    return document.model_copy(update=changes)
