"""Models and datasets: a name is a line of versions, a version never changes."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distill.config.architectures import ARCHITECTURES
from distill.config.document import architecture_problems, problems_of
from distill.config.folder import InspectDataset, InspectModel
from distill.config.networks import Layer, Network
from distill.config.problem import Problem
from distill.config.section import Section
from distill.config.students import NetworkToBuild
from ledger.aliases import require_unnamed
from ledger.blobs import refer, release
from ledger.errors import DatabaseBusy, InUse, NotFound, SpecInvalid
from ledger.identifiers import new_id
from ledger.inputs import Inputs, inputs_of, needing_model
from ledger.states import InputStatus
from ledger.tables import Chore, Dataset, File, Job, Model

_ATTEMPTS = 10
_NAMED_USERS = 10

Row = TypeVar("Row", Model, Dataset)
Request = TypeVar("Request", bound=Section)


def register_model(session: Session, *, project_id: str, declared: dict[str, Any], file_id: str) -> Model:
    """The next version of the model `declared["name"]`, and the chore that inspects its file.

    Raises:
        SpecInvalid: the file is not there, or the description contradicts itself.
    """
    file = _file(session, project_id, file_id)
    asked = {name: declared[name] for name in InspectModel.model_fields if declared.get(name) is not None}
    if "key_map" in asked:
        asked["key_map"] = [_rule(rule) for rule in asked["key_map"]]
    request = _checked(InspectModel, {**asked, "command": "inspect-model", "filename": file.filename})
    _require_architecture(request)
    model = _next_version(
        session,
        Model,
        lambda version: Model(
            id=new_id("mdl_"),
            project_id=project_id,
            name=declared["name"],
            version=version,
            status=InputStatus.INSPECTING,
            file_id=file.id,
            declared=declared,
        ),
        project_id,
        declared["name"],
    )
    _add_inspection(session, "inspect_model", model, request)
    return model


def register_dataset(
    session: Session, *, project_id: str, declared: dict[str, Any], file_id: str | None
) -> Dataset:
    """The next version of the dataset `declared["name"]`, and the chore that inspects it.

    Raises:
        SpecInvalid: the file is not there, or the description contradicts itself.
    """
    file = _file(session, project_id, file_id) if file_id is not None else None
    asked = {name: declared[name] for name in InspectDataset.model_fields if declared.get(name) is not None}
    filename = file.filename if file is not None else None
    request = _checked(InspectDataset, {**asked, "command": "inspect-dataset", "filename": filename})
    dataset = _next_version(
        session,
        Dataset,
        lambda version: Dataset(
            id=new_id("dst_"),
            project_id=project_id,
            name=declared["name"],
            version=version,
            status=InputStatus.INSPECTING,
            file_id=file.id if file is not None else None,
            declared=declared,
        ),
        project_id,
        declared["name"],
    )
    _add_inspection(session, "inspect_dataset", dataset, request)
    return dataset


def add_student(
    session: Session, job: Job, network: Network, figures: dict[str, Any], layers: Sequence[Layer]
) -> Model:
    """Register a finished student as the next version of the model that its job's `output` names.

    The licenses of the models that are in it bind it too.

    Raises:
        BlobDoomed: its bytes must be kept again first.
    """
    name = job.resolved_spec["output"]["name"]
    declared = {"name": name, **_license_of_student(inputs_of(session, job))}
    model = _next_version(
        session,
        Model,
        lambda version: Model(
            id=new_id("mdl_"),
            project_id=job.project_id,
            name=name,
            version=version,
            status=InputStatus.READY,
            job_id=job.id,
            conclusion=job.conclusion,
            declared=declared,
            network=network.model_dump(mode="json"),
            inspection={
                "parameters": figures.get("parameters"),
                "size_bytes": figures.get("size_bytes"),
                "layers": [layer.model_dump() for layer in layers],
                "report": {},
            },
        ),
        job.project_id,
        name,
    )
    model.inspected_at = model.created_at
    refer(session, model.id, network.files.values())
    return model


def _license_of_student(inputs: Inputs) -> dict[str, str]:
    """All licenses in one; nothing where there is no model in it, or one whose license nobody told."""
    models = [*inputs.teachers, *([inputs.student] if inputs.student is not None else [])]
    told = [str(model.declared["license"]) for model in models if model.declared.get("license") is not None]
    return {"license": " and ".join(dict.fromkeys(told))} if models and len(told) == len(models) else {}


def delete_model(session: Session, project_id: str, model_id: str) -> None:
    """Remove a version that no job and no alias names.

    Raises:
        NotFound: the project has no such model.
        InUse: jobs name it; `users` are their ids, or aliases as `name@alias`.
    """
    model = _locked(session, Model, "model", project_id, model_id)
    _require_unused(session, "model", Job.id.in_(needing_model(model.id)))
    require_unnamed(session, Model.id == model.id, "this model")
    _remove(session, model)


def delete_dataset(session: Session, project_id: str, dataset_id: str) -> None:
    """Remove a version that no job names.

    Raises:
        NotFound: the project has no such dataset.
        InUse: jobs name it; `users` are their ids.
    """
    dataset = _locked(session, Dataset, "dataset", project_id, dataset_id)
    _require_unused(session, "dataset", Job.dataset_id == dataset.id)
    _remove(session, dataset)


def _file(session: Session, project_id: str, file_id: str) -> File:
    """The file, which cannot be deleted before this transaction ends."""
    file = session.scalars(
        select(File)
        .where(File.project_id == project_id, File.id == file_id)
        .with_for_update(read=True, key_share=True)
    ).one_or_none()
    if file is None:
        raise SpecInvalid(
            [Problem("/file_id", f"there is no file {file_id!r}; upload it first", "unknown_file")]
        )
    return file


def _rule(rule: Any) -> Any:
    """`{from: regex, to}` of the contract as the pair that the inspection takes."""
    return (rule["from"], rule["to"]) if isinstance(rule, dict) and {"from", "to"} <= set(rule) else rule


def _checked(schema: type[Request], asked: dict[str, Any]) -> Request:
    try:
        return schema.model_validate(asked)
    except ValidationError as error:
        raise SpecInvalid(problems_of(error, schema, asked)) from None


def _require_architecture(request: InspectModel) -> None:
    """Where an architecture is named, it is a known one with parameters that it takes."""
    if request.architecture is None:
        return
    if request.architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        detail = f"there is no architecture {request.architecture!r}; there are: {known}"
        raise SpecInvalid([Problem("/architecture", detail, "unknown_architecture")])
    network = NetworkToBuild(architecture=request.architecture, config=request.config or {})
    problems = architecture_problems(network, ("config",))
    if problems:
        raise SpecInvalid(problems)


def _next_version(
    session: Session, table: type[Row], make: Callable[[int], Row], project_id: str, name: str
) -> Row:
    """Insert the next version; where another request took the number first, the one after."""
    newest = select(func.max(table.version)).where(table.project_id == project_id, table.name == name)
    for _ in range(_ATTEMPTS):
        row = make((session.scalars(newest).one() or 0) + 1)
        try:
            with session.begin_nested():
                session.add(row)
        except IntegrityError:
            continue
        return row
    raise DatabaseBusy(f"too many versions of {name!r} are being registered at once")


def _add_inspection(session: Session, kind: str, subject: Model | Dataset, request: Section) -> None:
    session.add(
        Chore(
            id=new_id("chr_"),
            project_id=subject.project_id,
            kind=kind,
            subject_id=subject.id,
            request=request.model_dump(mode="json"),
        )
    )
    session.flush()


def _locked(session: Session, table: type[Row], kind: str, project_id: str, id: str) -> Row:
    session.scalars(
        select(Chore.id).where(Chore.subject_id == id).with_for_update()
    ).all()  # as a worker does
    row = session.scalars(
        select(table).where(table.project_id == project_id, table.id == id).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound(kind, id)
    return row


def _require_unused(session: Session, kind: str, names_it: ColumnElement[bool]) -> None:
    users = session.scalars(select(Job.id).where(names_it).order_by(Job.id).limit(_NAMED_USERS)).all()
    if users:
        raise InUse(f"jobs name this {kind}: {', '.join(users)}; delete them first", users)


def _remove(session: Session, row: Model | Dataset) -> None:
    release(session, row.id)
    session.execute(delete(Chore).where(Chore.subject_id == row.id))
    session.delete(row)
    session.flush()
