"""The workers as they last said of themselves, and roles that one process at a time may play."""

from collections.abc import Sequence

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from ledger.database import clock, insert_or_keep, insert_or_replace, now
from ledger.states import Lane
from ledger.tables import Lease, Worker

SEEN_WITHIN_S = 60.0
REMEMBERED_DAYS = 30
"""For so long a worker tells which jobs can be run here, though it is gone."""


def announce(
    session: Session,
    *,
    name: str,
    lanes: Sequence[str],
    slots: int,
    devices: Sequence[str],
    memory_bytes: int,
    sandbox: str,
) -> None:
    """The worker is alive, and this is what it can do. Say it at start and then every few seconds."""
    row = {
        "name": name,
        "lanes": list(lanes),
        "slots": slots,
        "devices": list(devices),
        "memory_bytes": memory_bytes,
        "sandbox": sandbox,
    }
    insert_or_replace(session, Worker, [{**row, "seen_at": now(session), "departed_at": None}])


def depart(session: Session, name: str) -> None:
    """The worker has ended in good order."""
    session.execute(update(Worker).where(Worker.name == name).values(departed_at=clock()))


def forget(session: Session) -> None:
    """Drop workers that have not been heard of for long."""
    session.execute(delete(Worker).where(Worker.seen_at < clock() - REMEMBERED_DAYS * 86_400.0))


def is_out_of_reach(session: Session, lane: Lane) -> bool:
    """Whether jobs of this lane would wait for ever: workers that run jobs are known, and none of them
    has ever served it. Where none is known yet, one may still come."""
    known = [set(lanes) for lanes in session.scalars(select(Worker.lanes).distinct())]
    of_jobs = [lanes for lanes in known if lanes - {Lane.CHORES}]
    return bool(of_jobs) and not any(lane in lanes for lanes in of_jobs)


def list_workers(session: Session, *, seen_within_s: float = SEEN_WITHIN_S) -> list[Worker]:
    """Workers that were heard of lately, by name."""
    alive = select(Worker).where(Worker.seen_at >= clock() - seen_within_s, Worker.departed_at.is_(None))
    return list(session.scalars(alive.order_by(Worker.name)))


def play(session: Session, role: str, *, owner: str, lease_s: float) -> bool:
    """Take the role, or keep it for `lease_s` more; False where another owner has it."""
    if insert_or_keep(session, Lease, {"role": role, "owner": owner, "expires_at": clock() + lease_s}):
        return True
    taken = session.execute(
        update(Lease)
        .where(Lease.role == role, or_(Lease.owner == owner, Lease.expires_at < clock()))
        .values(owner=owner, expires_at=clock() + lease_s)
        .returning(Lease.role)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    return taken is not None


def leave_role(session: Session, role: str, *, owner: str) -> None:
    """Give the role up at once."""
    session.execute(delete(Lease).where(Lease.role == role, Lease.owner == owner))
