"""The workers as they last said of themselves, and roles that one process at a time may play."""

from collections.abc import Sequence

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from ledger.database import clock, insert_or_keep, insert_or_replace, now
from ledger.tables import Lease, Worker

SEEN_WITHIN_S = 60.0
_FORGOTTEN_AFTER_S = 24 * 3600.0


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
    insert_or_replace(session, Worker, [{**row, "seen_at": now(session)}])


def depart(session: Session, name: str) -> None:
    """The worker has ended in good order."""
    session.execute(delete(Worker).where(Worker.name == name))


def forget(session: Session) -> None:
    """Drop workers that have not been heard of for a day."""
    session.execute(delete(Worker).where(Worker.seen_at < clock() - _FORGOTTEN_AFTER_S))


def list_workers(session: Session, *, seen_within_s: float = SEEN_WITHIN_S) -> list[Worker]:
    """Workers that were heard of lately, by name."""
    alive = select(Worker).where(Worker.seen_at >= clock() - seen_within_s)
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
