"""Models: uploaded teachers, and the students that jobs made."""

from typing import Annotated

from fastapi import Depends, Response

from api.bodies import checked, takes
from api.dependencies import CallerDep, HouseDep, PagingDep
from api.once import OnceDep
from api.openapi import problems
from api.references import Reference, one_version
from api.routes.guarded import guarded_router
from api.schemas.inputs import Status
from api.schemas.models import ModelRead, ModelToRegister
from api.schemas.shared import Page
from api.views import show_model, show_models
from api.waiting import WaitSeconds, held
from ledger import catalog, queries
from ledger.states import InputStatus, Lane

router = guarded_router("/v1/models", "models")


@router.post("", status_code=201, openapi_extra=takes(ModelToRegister), responses=problems(409))
def register_model(
    once: OnceDep,
    body: Annotated[ModelToRegister, Depends(checked(ModelToRegister))],
    house: HouseDep,
    caller: CallerDep,
    response: Response,
) -> ModelRead:
    """Register an uploaded checkpoint. It is `inspecting` at first, then `ready` or `rejected`."""
    with house.sessions.writing() as session:
        model = catalog.register_model(
            session, project_id=caller.project_id, declared=body.declared(), file_id=body.file_id
        )
        answer = show_model(session, model)
        location = {"Location": f"/v1/models/{model.id}"}
        once.keep(session, 201, answer, location)
    house.doorbell.ring(Lane.CHORES)
    response.headers.update(location)
    return answer


@router.get("")
def list_models(
    house: HouseDep,
    caller: CallerDep,
    paging: PagingDep,
    status: Status | None = None,
    name: str | None = None,
) -> Page[ModelRead]:
    """The project's models, newest first."""
    with house.sessions.reading() as session:
        page = queries.list_models(
            session,
            caller.project_id,
            limit=paging.limit,
            after=paging.after_id("mdl_"),
            status=status,
            name=name,
        )
        return Page(data=show_models(session, page.items), has_more=page.has_more)


@router.get("/{model_id}", responses=problems(404))
async def get_model(
    model_id: Reference, house: HouseDep, caller: CallerDep, wait: WaitSeconds = 0
) -> ModelRead:
    """One version. By name it is the newest that is ready, else the newest; `name@alias` is where it points.

    `wait` holds the answer while the model is `inspecting`.
    """

    def look() -> tuple[ModelRead, str, str]:
        with house.sessions.reading() as session:
            found = queries.find_model(session, caller.project_id, model_id)
            return show_model(session, found), found.id, found.status

    return await held(house.watch, look, while_=[InputStatus.INSPECTING], at_most_s=wait)


@router.delete("/{model_id}", status_code=204, responses=problems(404, 409))
def delete_model(model_id: str, house: HouseDep, caller: CallerDep) -> None:
    """Forget a version. One that a job or an alias names stays: 409 names them."""
    with house.sessions.writing() as session:
        catalog.delete_model(session, caller.project_id, one_version(model_id, "mdl_"))
