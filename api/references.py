"""A model or a dataset in an address: its id, or its name for the newest version."""

from typing import Annotated, Protocol, TypeVar

from fastapi import Path
from sqlalchemy.orm import Session

from api.problems import Problem
from ledger import queries
from ledger.errors import NotFound
from ledger.identifiers import is_id
from ledger.queries import Page
from ledger.tables import Dataset, Model

Reference = Annotated[str, Path(description="An id or a name.")]
Row = TypeVar("Row", Model, Dataset)


class _Lists(Protocol[Row]):
    def __call__(
        self, session: Session, project_id: str, *, limit: int, status: str | None, name: str
    ) -> Page[Row]: ...


def find_model(session: Session, project_id: str, reference: str) -> Model:
    """
    Raises:
        NotFound: the project has no such model.
    """
    if is_id(reference, "mdl_"):
        return queries.get_model(session, project_id, reference)
    return _newest(queries.list_models, "model", session, project_id, reference)


def find_dataset(session: Session, project_id: str, reference: str) -> Dataset:
    """
    Raises:
        NotFound: the project has no such dataset.
    """
    if is_id(reference, "dst_"):
        return queries.get_dataset(session, project_id, reference)
    return _newest(queries.list_datasets, "dataset", session, project_id, reference)


def one_version(reference: str, prefix: str) -> str:
    """The id of what is to be deleted: a name stands for a line of versions, which nothing deletes.

    Raises:
        Problem: 404, it is no id.
    """
    if not is_id(reference, prefix):
        raise Problem(404, "not_found", f"'{reference}' is no id; a version is deleted by its id alone.")
    return reference


def _newest(lists: _Lists[Row], kind: str, session: Session, project_id: str, name: str) -> Row:
    """The newest version that is ready, else the newest."""
    for status in ("ready", None):
        page = lists(session, project_id, limit=1, status=status, name=name)
        if page.items:
            return page.items[0]
    raise NotFound(kind, name)
