"""For load balancers and monitoring, without a key."""

from dataclasses import asdict

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from redis import RedisError
from sqlalchemy import func, select

from api.dependencies import HouseDep
from api.problems import Problem
from api.schemas.operations import Health, Readiness, WorkerHealth
from ledger.queue import Doorbell
from ledger.states import JobStatus, Lane
from ledger.tables import Job
from ledger.workers import list_workers

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz")
def readyz(house: HouseDep) -> Readiness:
    """The database takes a write, the broker and the store give back what they were given."""
    checks = house.readiness.checks()
    if not checks.passed:
        broken = ", ".join(part for part, outcome in asdict(checks).items() if outcome != "ok")
        raise Problem(
            503,
            "not_ready",
            f"Not usable now: {broken}.",
            headers={"Retry-After": "5"},
            members={"checks": asdict(checks)},
        )
    with house.sessions.reading() as session:
        workers = [WorkerHealth.model_validate(worker) for worker in list_workers(session)]
    return Readiness(checks=asdict(checks), workers=workers)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus' text format.", "content": {CONTENT_TYPE_LATEST: {}}}},
)
def metrics(house: HouseDep) -> Response:
    """Requests, jobs by status, messages and workers by lane."""
    with house.sessions.reading() as session:
        counted = session.execute(select(Job.status, func.count()).group_by(Job.status))
        jobs = dict.fromkeys(JobStatus, 0) | {JobStatus(status): count for status, count in counted}
        workers = list_workers(session)
    exposition = house.telemetry.exposition(
        jobs=jobs,
        waiting=_depths(house.doorbell),
        workers={lane: sum(lane in worker.lanes for worker in workers) for lane in Lane},
    )
    return Response(exposition, media_type=CONTENT_TYPE_LATEST)


def _depths(doorbell: Doorbell) -> dict[Lane, int]:
    """Unheard rings by lane; nothing while the broker is away, so that the other figures still come."""
    try:
        return {lane: doorbell.waiting(lane) for lane in Lane}
    except RedisError:
        return {}
