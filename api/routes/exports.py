"""Another format of a finished student, without another distillation."""

from typing import Annotated

from fastapi import Depends, Response
from sqlalchemy.orm import Session

from api.bodies import checked, takes
from api.dependencies import CallerDep, HouseDep, PagingDep
from api.once import OnceDep
from api.openapi import problems
from api.references import Reference
from api.routes.guarded import guarded_router
from api.schemas.exports import ExportRead
from api.schemas.shared import Page
from api.views import show_late_exports
from api.waiting import WaitSeconds, held
from distill.config.exports import Export
from ledger import lifecycle, queries
from ledger.errors import NotFound
from ledger.states import ChoreStatus, Lane
from ledger.tables import Chore

router = guarded_router("/v1/models", "exports")


@router.post(
    "/{model_id}/exports",
    status_code=202,
    openapi_extra=takes(Export),
    responses=problems(404, 409),
)
def export_model(
    model_id: Reference,
    once: OnceDep,
    body: Annotated[Export, Depends(checked(Export))],
    house: HouseDep,
    caller: CallerDep,
    response: Response,
) -> ExportRead:
    """Make another format of a student, and prove it on the test split of its job as the job would have.

    Asked again, it is the same export, unless that failed. A format that the job left itself is 409
    `not_exportable`, and so is a model that was uploaded.
    """
    with house.sessions.writing() as session:
        chore = lifecycle.add_late_export(
            session, project_id=caller.project_id, reference=model_id, export=body
        )
        (answer,) = show_late_exports(session, [chore])
        location = {"Location": f"/v1/models/{chore.subject_id}/exports/{chore.id}"}
        once.keep(session, 202, answer, location)
    house.doorbell.ring(Lane.CHORES)
    response.headers.update(location)
    return answer


@router.get("/{model_id}/exports", responses=problems(404))
def list_exports(
    model_id: Reference, house: HouseDep, caller: CallerDep, paging: PagingDep
) -> Page[ExportRead]:
    """What was asked for of a student after its job, newest first."""
    with house.sessions.reading() as session:
        model = queries.find_model(session, caller.project_id, model_id)
        shown = show_late_exports(session, lifecycle.late_exports(session, model))
    return paging.of(shown, lambda export: export.id)


@router.get("/{model_id}/exports/{export_id}", responses=problems(404))
async def get_export(
    model_id: Reference, export_id: str, house: HouseDep, caller: CallerDep, wait: WaitSeconds = 0
) -> ExportRead:
    """One of them. `wait` holds the answer until it is over."""

    def look() -> tuple[ExportRead, str, str]:
        with house.sessions.reading() as session:
            chore = _chore(session, caller.project_id, model_id, export_id)
            return show_late_exports(session, [chore])[0], chore.id, chore.status

    return await held(house.watch, look, while_=[ChoreStatus.QUEUED, ChoreStatus.RUNNING], at_most_s=wait)


def _chore(session: Session, project_id: str, reference: str, export_id: str) -> Chore:
    model = queries.find_model(session, project_id, reference)
    asked = {chore.id: chore for chore in lifecycle.late_exports(session, model)}
    if export_id not in asked:
        raise NotFound("export", export_id)
    return asked[export_id]
