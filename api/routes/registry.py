"""The registry: versions of a name, the aliases that point to them, and where each came from."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy.orm import Session

from api.bodies import checked, takes
from api.dependencies import CallerDep, HouseDep, PagingDep
from api.once import OnceDep
from api.openapi import problems
from api.references import Reference
from api.routes.guarded import guarded_router
from api.schemas.models import ModelRead
from api.schemas.registry import AliasMoveRead, AliasMoveRequest, AliasRead, LineageRead
from api.schemas.shared import Page
from api.views import show_alias, show_alias_move, show_lineage, show_models
from distill.config.names import Name
from ledger import aliases, queries
from ledger.errors import NotFound

router = guarded_router("/v1", "registry")


@router.get("/models/{name}/versions", responses=problems(404))
def list_versions(name: Name, house: HouseDep, caller: CallerDep, paging: PagingDep) -> Page[ModelRead]:
    """All versions of a name, newest first."""
    with house.sessions.reading() as session:
        _require_line(session, caller.project_id, name)
        page = queries.list_models(
            session, caller.project_id, limit=paging.limit, after=paging.after_id("mdl_"), name=name
        )
        return Page(data=show_models(session, page.items), has_more=page.has_more)


@router.get("/models/{name}/aliases", responses=problems(404))
def list_aliases(name: Name, house: HouseDep, caller: CallerDep, paging: PagingDep) -> Page[AliasRead]:
    """The aliases of a model that point somewhere, in the order of the alphabet."""
    with house.sessions.reading() as session:
        found = aliases.pointing(session, caller.project_id, name)
    return paging.of([show_alias(each) for each in found], lambda alias: alias.alias)


@router.get("/models/{name}/aliases/{alias}", responses=problems(404))
def get_alias(name: Name, alias: Name, house: HouseDep, caller: CallerDep) -> AliasRead:
    """Where one alias points, since when, and by whose word."""
    with house.sessions.reading() as session:
        return show_alias(aliases.pointing_of(session, caller.project_id, name, alias))


@router.get("/models/{name}/aliases/{alias}/history", responses=problems(404))
def list_alias_moves(
    name: Name, alias: Name, house: HouseDep, caller: CallerDep, paging: PagingDep
) -> Page[AliasMoveRead]:
    """Every move of an alias, newest first, also of one that was removed. `after` is a `number`."""
    with house.sessions.reading() as session:
        moves = aliases.moves(session, caller.project_id, name, alias)
    return paging.of([show_alias_move(move) for move in moves], lambda move: move.number)


@router.put(
    "/models/{name}/aliases/{alias}",
    openapi_extra=takes(AliasMoveRequest),
    responses=problems(404, 409),
)
def move_alias(
    name: Name,
    alias: Name,
    once: OnceDep,
    body: Annotated[AliasMoveRequest, Depends(checked(AliasMoveRequest))],
    house: HouseDep,
    caller: CallerDep,
) -> AliasRead:
    """Point an alias to a version that passed its gates, had none, or was uploaded.

    Anything else is 409 `gates_not_passed`, which names the gates; `force` with a reason moves it
    nevertheless, and the history says so.
    """
    wish = aliases.Wish(
        body.meant,
        by=caller.key_id,
        reason=body.reason,
        force=body.force,
    )
    with house.sessions.writing() as session:
        moved = aliases.move(session, project_id=caller.project_id, name=name, alias=alias, wish=wish)
        answer = show_alias(moved)
        once.keep(session, 200, answer)
    return answer


@router.delete("/models/{name}/aliases/{alias}", status_code=204, responses=problems(404))
def remove_alias(name: Name, alias: Name, house: HouseDep, caller: CallerDep) -> None:
    """Let an alias point nowhere. What it pointed to stays, and may be deleted now."""
    with house.sessions.writing() as session:
        aliases.remove(session, project_id=caller.project_id, name=name, alias=alias, by=caller.key_id)


@router.get("/models/{model_id}/lineage", responses=problems(404))
def get_lineage_of_model(model_id: Reference, house: HouseDep, caller: CallerDep) -> LineageRead:
    """Where a version came from (data, teachers, job), and what came of it (exports, who learned from it)."""
    with house.sessions.reading() as session:
        model = queries.find_model(session, caller.project_id, model_id)
        return show_lineage(model.id, queries.lineage_of_model(session, model))


@router.get("/datasets/{dataset_id}/lineage", responses=problems(404))
def get_lineage_of_dataset(dataset_id: Reference, house: HouseDep, caller: CallerDep) -> LineageRead:
    """What was learned from a dataset: jobs, students, exports, and their students in turn."""
    with house.sessions.reading() as session:
        dataset = queries.find_dataset(session, caller.project_id, dataset_id)
        return show_lineage(dataset.id, queries.lineage_of_dataset(session, dataset))


def _require_line(session: Session, project_id: str, name: str) -> None:
    if not queries.list_models(session, project_id, limit=1, name=name).items:
        raise NotFound("model", name)
