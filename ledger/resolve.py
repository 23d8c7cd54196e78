"""From the document as written to the one that runs: names become ids, inputs are matched."""

from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select, case, select
from sqlalchemy.orm import Session

from distill.config.consistency import Problem
from distill.config.job import JobDocument
from ledger.errors import SpecInvalid
from ledger.identifiers import is_id
from ledger.matching import misfits, unfit_by_itself
from ledger.states import InputStatus
from ledger.tables import Dataset, Model

Input = TypeVar("Input", Model, Dataset)


@dataclass(frozen=True)
class Resolved:
    document: JobDocument
    """With ids for names, and every default filled in."""
    teacher: Model | None
    """None where the job trains its teacher itself."""
    dataset: Dataset
    waiting_for: tuple[str, ...]
    """Ids of inputs that are still being inspected."""


def resolve(session: Session, *, project_id: str, document: JobDocument, holding: bool = False) -> Resolved:
    """Find what the document refers to, and check all that needs no network to be built.

    `holding` keeps what was found from being deleted before the transaction, a writing one, ends.

    Raises:
        SpecInvalid: names every problem with its pointer.
    """
    problems = list(unfit_by_itself(document))
    teacher = None
    if isinstance(document.teacher, str):
        teacher = _find(session, Model, project_id, document.teacher, "/teacher", problems, holding)
    dataset = _find(session, Dataset, project_id, document.dataset, "/dataset", problems, holding)
    if dataset is not None and (teacher is not None or not isinstance(document.teacher, str)):
        problems.extend(misfits(document, teacher, dataset))
    if problems or dataset is None:
        raise SpecInvalid(problems)
    inputs: list[Model | Dataset] = [dataset] if teacher is None else [teacher, dataset]
    return Resolved(
        document=_filled(document, teacher, dataset),
        teacher=teacher,
        dataset=dataset,
        waiting_for=tuple(one.id for one in inputs if one.status == InputStatus.INSPECTING),
    )


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
    """The document in a stored `resolved_spec`."""
    return JobDocument.model_validate({**spec, "stages": spec["stages"] if spec["losses"] is None else None})


def _find(
    session: Session,
    table: type[Input],
    project_id: str,
    reference: str,
    pointer: str,
    problems: list[Problem],
    holding: bool,
) -> Input | None:
    kind = pointer.strip("/")
    if "@" in reference:
        problems.append(
            Problem(pointer, "aliases are not available in this version yet", "not_available_yet")
        )
        return None
    query = version_meant(table, project_id, reference)
    if holding:
        query = query.with_for_update(read=True, key_share=True)
    found = session.scalars(query).one_or_none()
    if found is None:
        what = "model" if table is Model else "dataset"
        problems.append(
            Problem(pointer, f"there is no {what} {reference!r}; register it first", f"unknown_{what}")
        )
        return None
    if found.status == InputStatus.REJECTED:
        reason = (found.problem or {}).get("message", "it cannot be used")
        problems.append(
            Problem(pointer, f"the {kind} {found.name!r} was rejected: {reason}", "input_rejected")
        )
        return None
    return found


def _filled(document: JobDocument, teacher: Model | None, dataset: Dataset) -> JobDocument:
    changes: dict[str, Any] = {"dataset": dataset.id}
    if teacher is not None:
        changes["teacher"] = teacher.id
    return document.model_copy(update=changes)
