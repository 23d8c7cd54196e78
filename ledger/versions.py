"""What a reference means: an id, a name for its newest version, or `name@alias`."""

from difflib import get_close_matches
from typing import TypeVar

from sqlalchemy import ScalarSelect, Select, case, false, select
from sqlalchemy.orm import Session

from distill.config.problem import Problem
from ledger.identifiers import is_id
from ledger.states import InputStatus
from ledger.tables import Alias, Dataset, Model

Input = TypeVar("Input", Model, Dataset)


def version_meant(table: type[Input], project_id: str, reference: str) -> Select[Input]:
    """What an id, a name or `name@alias` means: of a name the newest version that is ready, else that is
    being inspected, else the newest."""
    query = select(table).where(table.project_id == project_id)
    if is_id(reference, "mdl_" if table is Model else "dst_"):
        return query.where(table.id == reference)
    name, at, alias = reference.partition("@")
    if at:
        return query.where(table.id == _pointed_to(project_id, name, alias) if table is Model else false())
    readiness = case(
        (table.status == InputStatus.READY, 0), (table.status == InputStatus.INSPECTING, 1), else_=2
    )
    return query.where(table.name == reference).order_by(readiness, table.version.desc()).limit(1)


def nothing_meant(
    session: Session, table: type[Input], project_id: str, reference: str, *, at: str
) -> Problem:
    """Why a reference in a document means nothing, with what there is instead."""
    kind = "model" if table is Model else "dataset"
    name, has_alias, alias = reference.partition("@")
    if has_alias and table is Dataset:
        return Problem(at, "a dataset has no aliases; give its name or its id", "unknown_dataset")
    known = select(table.id).where(table.project_id == project_id, table.name == name).limit(1)
    if not has_alias or session.scalars(known).one_or_none() is None:
        return Problem(at, f"there is no {kind} {name!r}; register it first", f"unknown_{kind}")
    aliases = aliases_of(session, project_id, name)
    nearest = get_close_matches(alias, aliases, n=1) or sorted(aliases)
    there_are = f"it has {', '.join(nearest)}" if nearest else "it has none"
    detail = f"the model {name!r} has no alias {alias!r}; {there_are}"
    return Problem(at, detail, "unknown_alias")


def aliases_of(session: Session, project_id: str, name: str) -> list[str]:
    """The aliases that point to a version of the model, in the order of the alphabet."""
    pointing = (Alias.project_id == project_id, Alias.name == name, Alias.model_id.is_not(None))
    return list(session.scalars(select(Alias.alias).where(*pointing).order_by(Alias.alias)))


def _pointed_to(project_id: str, name: str, alias: str) -> ScalarSelect[str | None]:
    chosen = (Alias.project_id == project_id, Alias.name == name, Alias.alias == alias)
    return select(Alias.model_id).where(*chosen).scalar_subquery()
