"""What a job refers to: models that teach, that its student starts from or is put beside, and a dataset."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    exists,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import Session

from distill.config.job import JobDocument
from ledger.states import InputStatus
from ledger.tables import Dataset, Job, JobModel, Model

TEACHER, STUDENT, INCUMBENT = "teacher", "student", "incumbent"
"""The parts that a model may have in a job."""


@dataclass(frozen=True)
class Inputs:
    """The rows that one document refers to."""

    teachers: tuple[Model, ...]
    """In the order of the document; none where the job makes its teacher itself."""
    student: Model | None
    """The model that the student starts from, where the document names one."""
    dataset: Dataset
    incumbents: tuple[Model, ...] = ()
    """Those beside which gates put the student, each once, in the order of the resolved document."""

    def parts(self) -> Iterator[tuple[str, int, Model]]:
        """Every model with its part and its position in that part."""
        for position, teacher in enumerate(self.teachers):
            yield TEACHER, position, teacher
        if self.student is not None:
            yield STUDENT, 0, self.student
        for position, incumbent in enumerate(self.incumbents):
            yield INCUMBENT, position, incumbent

    def being_inspected(self) -> tuple[str, ...]:
        """Ids of those that are not known yet."""
        rows: list[Model | Dataset] = [*(model for _, _, model in self.parts()), self.dataset]
        return tuple(row.id for row in rows if row.status == InputStatus.INSPECTING)


def inputs_of(session: Session, job: Job) -> Inputs:
    """What this job refers to; none of it can be deleted while the job is there."""
    tied = (
        select(JobModel.role, Model)
        .join(Model, Model.id == JobModel.model_id)
        .where(JobModel.job_id == job.id)
        .order_by(JobModel.position)
    )
    models = session.execute(tied).all()
    return Inputs(
        teachers=tuple(model for role, model in models if role == TEACHER),
        student=next((model for role, model in models if role == STUDENT), None),
        dataset=session.get_one(Dataset, job.dataset_id),
        incumbents=tuple(model for role, model in models if role == INCUMBENT),
    )


def inputs_named(session: Session, document: JobDocument) -> Inputs | None:
    """The rows behind a resolved document, which names ids; None where one was deleted since."""
    teachers = _all(session, [teacher.model for teacher in document.uploaded_teachers])
    student = _all(session, [document.student.model] if document.student.model is not None else [])
    incumbents = _all(session, document.incumbents)
    dataset = session.get(Dataset, document.dataset)
    if dataset is None or teachers is None or student is None or incumbents is None:
        return None
    return Inputs(teachers, student[0] if student else None, dataset, incumbents)


def _all(session: Session, ids: list[str]) -> tuple[Model, ...] | None:
    """These models in order; None where one of them is gone."""
    found = tuple(model for id in ids if (model := session.get(Model, id)) is not None)
    return found if len(found) == len(ids) else None


def tie(session: Session, job: Job, inputs: Inputs) -> None:
    """Note which models the job needs: these stay as long as it does."""
    for role, position, model in inputs.parts():
        session.add(
            JobModel(
                job_id=job.id, project_id=job.project_id, role=role, position=position, model_id=model.id
            )
        )
    session.flush()


def needing_model(model_id: str) -> Select[str]:
    """Ids of the jobs that need this model."""
    return select(JobModel.job_id).where(JobModel.model_id == model_id)


def all_ready() -> ColumnElement[bool]:
    """Whether every input of a job has been inspected and found good."""
    return and_(
        not_(_some_model(Model.status != InputStatus.READY)),
        exists().where(Dataset.id == Job.dataset_id, Dataset.status == InputStatus.READY),
    )


def some_rejected() -> ColumnElement[bool]:
    """Whether an input of a job was found unusable."""
    return or_(
        _some_model(Model.status == InputStatus.REJECTED),
        exists().where(Dataset.id == Job.dataset_id, Dataset.status == InputStatus.REJECTED),
    )


def being_inspected(job_ids: BindParameter[Any]) -> CompoundSelect[str, str, int, str]:
    """`job_id`, `part`, `position` and `id` of what these jobs wait for, if for anything."""
    models = (
        select(JobModel.job_id, JobModel.role.label("part"), JobModel.position, Model.id)
        .join(Model, Model.id == JobModel.model_id)
        .where(JobModel.job_id.in_(job_ids), Model.status == InputStatus.INSPECTING)
    )
    datasets = (
        select(Job.id, literal("dataset"), literal(0), Dataset.id)
        .join(Dataset, Dataset.id == Job.dataset_id)
        .where(Job.id.in_(job_ids), Dataset.status == InputStatus.INSPECTING)
    )
    return models.union_all(datasets)


def _some_model(holds: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether this holds of a model of the job."""
    return exists().where(JobModel.job_id == Job.id, Model.id == JobModel.model_id, holds)
