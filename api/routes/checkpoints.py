"""Checkpoints beside their listing: what one was training can be taken home."""

from fastapi import Response
from starlette.concurrency import run_in_threadpool

from api.chores import answered, refusal
from api.dependencies import CallerDep, House, HouseDep
from api.once import BodylessOnceDep
from api.openapi import problems
from api.problems import Problem
from api.routes.guarded import guarded_router
from api.schemas.jobs import ArtifactRead
from ledger import lifecycle
from ledger.errors import NotFound
from ledger.states import ChoreStatus
from ledger.tables import Chore

router = guarded_router("/v1/checkpoints", "checkpoints")

_PATIENCE_S = 30.0


@router.post(
    "/{checkpoint_id}/promote",
    status_code=201,
    responses={
        200: {"description": "It was promoted before; the same artifact.", "model": ArtifactRead},
        **problems(404, 409),
    },
)
async def promote_checkpoint(
    checkpoint_id: str, once: BodylessOnceDep, house: HouseDep, caller: CallerDep, response: Response
) -> ArtifactRead:
    """Make an artifact of a checkpoint: a .zip of a student folder, whose weights are those that the run
    would have gone on with. Nothing in it was measured on the test split."""
    await run_in_threadpool(once.abandon)  # asked again, the same checkpoint gives the same artifact
    chore = await run_in_threadpool(_ask, house, caller.project_id, checkpoint_id)
    response.status_code = 200 if chore.status == ChoreStatus.DONE else 201
    over = await answered(house, chore, within=_PATIENCE_S)
    if over is None:
        raise Problem(
            503,
            "promotion_unavailable",
            "No worker for chores has promoted this checkpoint in time; is one running? Ask again.",
            headers={"Retry-After": "10"},
        )
    if over.status == ChoreStatus.FAILED:
        raise refusal(over)
    artifact = await run_in_threadpool(_found, house, over)
    response.headers["Location"] = f"/v1/artifacts/{artifact.id}"
    return artifact


def _ask(house: House, project_id: str, checkpoint_id: str) -> Chore:
    with house.sessions.writing() as session:
        return lifecycle.add_promotion(session, project_id=project_id, checkpoint_id=checkpoint_id)


def _found(house: House, chore: Chore) -> ArtifactRead:
    with house.sessions.reading() as session:
        artifact = lifecycle.promoted(session, chore)
        if artifact is None:  # its job was deleted in this very moment
            raise NotFound("checkpoint", chore.subject_id or "")
        return ArtifactRead.model_validate(artifact)
