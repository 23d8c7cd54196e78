"""Things by their id and lists of them. Every lookup is by (project, id)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, Select, false, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from ledger.errors import NotFound
from ledger.tables import Artifact, Chore, Dataset, File, Job, Model
from ledger.versions import version_meant

Item = TypeVar("Item", Job, Model, Dataset, File, Artifact, Chore)


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Newest first; ask on with `after` = the id of the last item."""

    items: list[Item]
    has_more: bool


@dataclass(frozen=True)
class Head:
    """As much of a watched thing as tells whether to look again."""

    status: str
    last_event: int
    """0 for what has no events."""


def get_job(session: Session, project_id: str, job_id: str) -> Job:
    return _get(session, Job, "job", project_id, job_id)


def get_model(session: Session, project_id: str, model_id: str) -> Model:
    return _get(session, Model, "model", project_id, model_id)


def get_dataset(session: Session, project_id: str, dataset_id: str) -> Dataset:
    return _get(session, Dataset, "dataset", project_id, dataset_id)


def get_file(session: Session, project_id: str, file_id: str) -> File:
    return _get(session, File, "file", project_id, file_id)


def get_artifact(session: Session, project_id: str, artifact_id: str) -> Artifact:
    return _get(session, Artifact, "artifact", project_id, artifact_id)


def get_chore(session: Session, project_id: str, chore_id: str) -> Chore:
    return _get(session, Chore, "chore", project_id, chore_id)


def find_model(session: Session, project_id: str, reference: str) -> Model:
    """By id, name or `name@alias`, as `ledger.versions.version_meant` says."""
    kind = "alias" if "@" in reference else "model"
    return _one(session, version_meant(Model, project_id, reference), kind, reference)


def find_dataset(session: Session, project_id: str, reference: str) -> Dataset:
    """By id, or by name as `ledger.versions.version_meant` says."""
    return _one(session, version_meant(Dataset, project_id, reference), "dataset", reference)


def list_jobs(
    session: Session,
    project_id: str,
    *,
    limit: int,
    after: str | None = None,
    status: str | None = None,
    name: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Page[Job]:
    """Jobs, newest first; each entry of `metadata` must be equal."""
    wanted = _with_metadata(session, metadata) if metadata else []
    return _list(session, Job, project_id, limit, after, [*wanted, *_equal(Job, status=status, name=name)])


def _with_metadata(session: Session, wanted: Mapping[str, str]) -> list[ColumnElement[bool]]:
    if not all(_can_be_stored(key + value) for key, value in wanted.items()):
        return [false()]
    if session.get_bind().dialect.name == "postgresql":  # its index answers this question alone
        return [type_coerce(Job.user_metadata, JSONB).contains(dict(wanted))]
    return [Job.user_metadata[key].as_string() == value for key, value in wanted.items()]


def list_models(
    session: Session,
    project_id: str,
    *,
    limit: int,
    after: str | None = None,
    status: str | None = None,
    name: str | None = None,
) -> Page[Model]:
    return _list(session, Model, project_id, limit, after, _equal(Model, status=status, name=name))


def list_datasets(
    session: Session,
    project_id: str,
    *,
    limit: int,
    after: str | None = None,
    status: str | None = None,
    name: str | None = None,
) -> Page[Dataset]:
    return _list(session, Dataset, project_id, limit, after, _equal(Dataset, status=status, name=name))


def list_files(
    session: Session,
    project_id: str,
    *,
    limit: int,
    after: str | None = None,
    purpose: str | None = None,
) -> Page[File]:
    return _list(session, File, project_id, limit, after, _equal(File, purpose=purpose))


def heads(session: Session, ids: Iterable[str]) -> dict[str, Head]:
    """The heads of jobs, models, datasets and chores that are still there."""
    wanted = list(ids)
    found: dict[str, Head] = {}
    jobs = select(Job.id, Job.status, Job.last_event).where(Job.id.in_(wanted))
    found.update({id: Head(status, last_event) for id, status, last_event in session.execute(jobs)})
    for table in (Model, Dataset, Chore):
        rows = session.execute(select(table.id, table.status).where(table.id.in_(wanted)))
        found.update({id: Head(status, 0) for id, status in rows})
    return found


def _get(session: Session, table: type[Item], kind: str, project_id: str, id: str) -> Item:
    wanted = select(table).where(table.project_id == project_id, table.id == id)
    return _one(session, wanted, kind, id)


def _one(session: Session, wanted: Select[Item], kind: str, reference: str) -> Item:
    row = session.scalars(wanted).one_or_none() if _can_be_stored(reference) else None
    if row is None:
        raise NotFound(kind, reference)
    return row


def _list(
    session: Session,
    table: type[Item],
    project_id: str,
    limit: int,
    after: str | None,
    wanted: Iterable[ColumnElement[bool]],
) -> Page[Item]:
    query = select(table).where(table.project_id == project_id, *wanted)
    if after is not None:
        query = query.where(table.id < after.partition("\0")[0])
    rows = session.scalars(query.order_by(table.id.desc()).limit(limit + 1)).all()
    return Page(list(rows[:limit]), has_more=len(rows) > limit)


def _can_be_stored(text: str) -> bool:
    """PostgreSQL's text cannot hold the character NUL, and does not even look for it."""
    return "\0" not in text


def _equal(table: type[Item], **fields: str | None) -> list[ColumnElement[bool]]:
    return [
        getattr(table, name) == value if _can_be_stored(value) else false()
        for name, value in fields.items()
        if value is not None
    ]
