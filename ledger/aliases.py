"""Aliases: names that point to one version of a model, and move only past its gates.

Whoever moves one holds its row, the version and that version's job until the transaction ends: so moves
of one alias take turns, and what an alias points to, or a job's files behind it, cannot go meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from distill.config.problem import Problem
from ledger.database import insert_or_keep
from ledger.errors import GatesNotPassed, InputRejected, InputsNotReady, InUse, NotFound, SpecInvalid
from ledger.states import InputStatus
from ledger.tables import Alias, AliasMove, Job, Model
from ledger.versions import nothing_meant, version_meant

PASSED = ("passed", "no_gate")
"""The conclusions of a job past which an alias moves by itself; an upload has none, and may be named."""


@dataclass(frozen=True)
class Wish:
    """Where an alias is to point, by whose word."""

    version: int | str
    """A number among the versions of the name, or a reference to one of them."""
    by: str
    """The id of an API key."""
    reason: str | None = None
    force: bool = False
    """Past gates that were not passed."""


@dataclass(frozen=True)
class Pointing:
    """An alias that points somewhere, and the move that made it."""

    alias: Alias
    last: AliasMove


def move(session: Session, *, project_id: str, name: str, alias: str, wish: Wish) -> Pointing:
    """Point `name@alias` to a version; where it points there already, nothing happens.

    Raises:
        NotFound: the project has no such model.
        SpecInvalid: it has no such version.
        InputsNotReady, InputRejected: the version cannot be used yet, or ever.
        GatesNotPassed: the job of the version says so, and nobody insists.
    """
    _require_line(session, project_id, name)
    model = _version(session, project_id, name, wish.version)
    _require_ready(model)
    # Its artifacts go with it: they stay while this is undecided.
    job = session.scalars(
        select(Job).where(Job.id == model.job_id).with_for_update(read=True, key_share=True)
    ).one_or_none()
    passed = model.conclusion is None or model.conclusion in PASSED
    if not passed and not wish.force:
        raise _not_passed(model, job)
    return _point(session, model, alias, by=wish.by, reason=wish.reason, forced=not passed)


def move_to_student(session: Session, job: Job, model: Model) -> str | None:
    """At the success of a job: point its `output.alias` to its student, where the gates allow it.

    Returns why it stayed where it was.
    """
    alias = job.resolved_spec["output"].get("alias")
    if alias is None:
        return None
    if model.conclusion not in PASSED:
        return f"{model.name}@{alias} stays where it is: {_not_passed(model, job)}"
    _point(session, model, alias, by=job.id, reason=None, forced=False)
    return None


def remove(session: Session, *, project_id: str, name: str, alias: str, by: str) -> None:
    """Let `name@alias` point to nothing; its history stays.

    Raises:
        NotFound: it points to nothing already.
    """
    row = session.scalars(select(Alias).where(*_of(project_id, name, alias)).with_for_update()).one_or_none()
    if row is None or row.model_id is None:
        raise NotFound("alias", f"{name}@{alias}")
    _turn(session, row, None, by=by, reason=None, forced=False)


def pointing(session: Session, project_id: str, name: str) -> list[Pointing]:
    """The aliases of the name that point somewhere, in the order of the alphabet.

    Raises:
        NotFound: the project has no such model.
    """
    _require_line(session, project_id, name)
    return _pointing(session, Alias.project_id == project_id, Alias.name == name)


def pointing_of(session: Session, project_id: str, name: str, alias: str) -> Pointing:
    """Where `name@alias` points.

    Raises:
        NotFound: nowhere.
    """
    found = _pointing(session, *_of(project_id, name, alias))
    if not found:
        raise NotFound("alias", f"{name}@{alias}")
    return found[0]


def moves(session: Session, project_id: str, name: str, alias: str) -> list[AliasMove]:
    """Every move of `name@alias`, newest first, also of one that points nowhere any more.

    Raises:
        NotFound: it never pointed anywhere.
    """
    of_it = (AliasMove.project_id == project_id, AliasMove.name == name, AliasMove.alias == alias)
    found = session.scalars(select(AliasMove).where(*of_it).order_by(AliasMove.number.desc())).all()
    if not found:
        raise NotFound("alias", f"{name}@{alias}")
    return list(found)


def require_unnamed(session: Session, names_it: ColumnElement[bool], what: str) -> None:
    """Refuse to remove `what` an alias points to; `names_it` is said of `Model`.

    Raises:
        InUse: `users` are the aliases, as `name@alias`.
    """
    named = select(Alias).join(Model, Model.id == Alias.model_id).where(names_it)
    users = [f"{row.name}@{row.alias}" for row in session.scalars(named.order_by(Alias.name, Alias.alias))]
    if users:
        raise InUse(f"an alias points to {what}: {', '.join(users)}; move or remove it first", users)


def _require_line(session: Session, project_id: str, name: str) -> None:
    known = select(Model.id).where(Model.project_id == project_id, Model.name == name).limit(1)
    if session.scalars(known).one_or_none() is None:
        raise NotFound("model", name)


def _version(session: Session, project_id: str, name: str, version: int | str) -> Model:
    """The version, which cannot be deleted before this transaction ends."""
    if isinstance(version, int):
        wanted = select(Model).where(
            Model.project_id == project_id, Model.name == name, Model.version == version
        )
    else:
        wanted = version_meant(Model, project_id, version)
    found = session.scalars(wanted.with_for_update(read=True, key_share=True)).one_or_none()
    if found is None:
        raise SpecInvalid([_no_such_version(session, project_id, name, version)])
    if found.name != name:
        detail = f"that is a version of {found.name!r}; an alias of {name!r} points to a version of {name!r}"
        raise SpecInvalid([Problem("/model", detail, "version_of_another_model")])
    return found


def _no_such_version(session: Session, project_id: str, name: str, version: int | str) -> Problem:
    if isinstance(version, str):
        return nothing_meant(session, Model, project_id, version, at="/model")
    newest = select(func.max(Model.version)).where(Model.project_id == project_id, Model.name == name)
    detail = f"{name!r} has no version {version}; the newest is {session.scalars(newest).one()}"
    return Problem("/version", detail, "unknown_version")


def _require_ready(model: Model) -> None:
    if model.status == InputStatus.INSPECTING:
        raise InputsNotReady([model.id])
    if model.status == InputStatus.REJECTED:
        reason = (model.problem or {}).get("message", "it cannot be used")
        raise InputRejected(f"the model {model.id} was rejected: {reason}; no alias may point to it")


def _not_passed(model: Model, job: Job | None) -> GatesNotPassed:
    result: dict[str, Any] = (job.result if job is not None else None) or {}
    gates = [gate for gate in result.get("gates") or [] if gate.get("verdict") != "passed"]
    exports = [
        form for form, export in (result.get("exports") or {}).items() if export.get("status") == "failed"
    ]
    why = [*map(_gate_in_words, gates), *(f"the export {form} failed" for form in exports)]
    said = "; ".join(why) or f"its job ended as {model.conclusion}"
    detail = f"version {model.version} of {model.name!r} has not passed: {said}"
    return GatesNotPassed(detail, str(model.conclusion), gates, exports)


def _gate_in_words(gate: dict[str, Any]) -> str:
    beside = f" relative to {gate['relative_to']}" if gate.get("relative_to") else ""
    return f"{gate.get('metric')} on {gate.get('on', 'student')}{beside} is {gate.get('verdict')}"


def _point(
    session: Session, model: Model, alias: str, *, by: str, reason: str | None, forced: bool
) -> Pointing:
    first = {"project_id": model.project_id, "name": model.name, "alias": alias, "moves": 0}
    insert_or_keep(session, Alias, first)
    of_it = _of(model.project_id, model.name, alias)
    row = session.scalars(
        select(Alias).where(*of_it).with_for_update().execution_options(populate_existing=True)
    ).one()
    if row.model_id == model.id:
        return Pointing(row, session.get_one(AliasMove, (row.project_id, row.name, row.alias, row.moves)))
    return Pointing(row, _turn(session, row, model, by=by, reason=reason, forced=forced))


def _turn(
    session: Session, row: Alias, model: Model | None, *, by: str, reason: str | None, forced: bool
) -> AliasMove:
    """Where the alias points from here on, on a row that the caller has locked."""
    row.model_id = model.id if model is not None else None
    row.moves += 1
    moved = AliasMove(
        project_id=row.project_id,
        name=row.name,
        alias=row.alias,
        number=row.moves,
        model_id=row.model_id,
        version=model.version if model is not None else None,
        by=by,
        reason=reason,
        forced=forced,
    )
    session.add(moved)
    session.flush()
    return moved


def _pointing(session: Session, *wanted: ColumnElement[bool]) -> list[Pointing]:
    last = (
        (AliasMove.project_id == Alias.project_id)
        & (AliasMove.name == Alias.name)
        & (AliasMove.alias == Alias.alias)
        & (AliasMove.number == Alias.moves)
    )
    query = select(Alias, AliasMove).join(AliasMove, last).where(*wanted, Alias.model_id.is_not(None))
    return [Pointing(*row) for row in session.execute(query.order_by(Alias.alias))]


def _of(project_id: str, name: str, alias: str) -> Sequence[ColumnElement[bool]]:
    return (Alias.project_id == project_id, Alias.name == name, Alias.alias == alias)
