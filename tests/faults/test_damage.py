"""Checkpoints whose bytes are not what was written, and rows that should not be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text, update

from ledger import lifecycle, tables
from tests.faults.fleet import Fleet
from tests.faults.tally import Tally
from tests.faults.test_points import chain, count
from tests.faults.whole import assert_whole
from tests.faults.yard import Yard

STEPS = 40
Damage = Callable[[Path], None]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def remove(path: Path) -> None:
    path.unlink()


def blob(fleet: Fleet, sha256: str) -> Path:
    """Where the store, a folder, keeps it."""
    (path,) = Path(fleet.settings.store_url.removeprefix("file://")).rglob(sha256)
    return path


def paused_with_two(fleet: Fleet) -> str:
    """A job that is paused and has two checkpoints."""
    job_id = fleet.submit(chain(STEPS, pace_s=0.1))
    fleet.until(lambda: len(fleet.yard.checkpoints(job_id)) == 2)
    fleet.ask("POST", f"/v1/jobs/{job_id}/pause")
    fleet.until(lambda: fleet.yard.job(job_id).status == "paused")
    return job_id


def resumed_from(fleet: Fleet, job_id: str) -> int:
    """The step from which the next attempt goes on."""
    before = fleet.yard.job(job_id).attempt
    fleet.ask("POST", f"/v1/jobs/{job_id}/resume")
    fleet.until_ended(job_id)
    assert_whole(fleet, job_id, steps=STEPS)
    return fleet.yard.attempts(job_id)[before].resumed_from_step


def warnings(fleet: Fleet, job_id: str) -> set[str]:
    """What the job said was damaged."""
    events = [event for event in fleet.yard.events(job_id) if event.type == "warning"]
    return {event.data["message"] for event in events if event.data["code"] == "checkpoint_damaged"}


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.timeout(300)
def test_of_a_damaged_checkpoint_the_one_before_it_is_used(fleet: Fleet, tally: Tally) -> None:
    fleet.start()
    damages: list[Damage] = [flip, cut_short, remove]
    for damage in damages:
        job_id = paused_with_two(fleet)
        newest, older = fleet.yard.checkpoints(job_id)
        damage(blob(fleet, newest.sha256))
        assert resumed_from(fleet, job_id) == older.step
        assert [newest.id in message for message in warnings(fleet, job_id)] == [True]
    job_id = paused_with_two(fleet)
    for checkpoint in fleet.yard.checkpoints(job_id):
        flip(blob(fleet, checkpoint.sha256))
    assert resumed_from(fleet, job_id) == 0
    assert len(warnings(fleet, job_id)) == 2
    count(fleet, tally, "damaged checkpoint", len(damages) + 2)


def allow_anything(connection: Connection) -> None:
    """From now on, no check of the schema holds for running jobs."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        return
    checks = inspect(connection).get_check_constraints("jobs")
    (name,) = (check["name"] for check in checks if str(check["name"]).endswith("running_leased"))
    connection.execute(text(f"ALTER TABLE jobs DROP CONSTRAINT {name}"))


def test_a_running_job_of_which_nobody_knows_the_lease_is_taken_back(yard: Yard, tally: Tally) -> None:
    """The schema forbids such a row; a database that was restored by hand may have one."""
    job_id = yard.submit(ring=False)
    with yard.sessions.writing() as session:
        assert lifecycle.claim_next(session, lanes=["cpu"], worker="gone", lease_s=60) is not None
    with yard.sessions.engine.connect() as connection:
        allow_anything(connection)
        connection.execute(update(tables.Job).values(lease_expires_at=None))
        connection.commit()
        if yard.sessions.engine.dialect.name == "sqlite":
            connection.execute(text("PRAGMA ignore_check_constraints = OFF"))
    yard.sweep.beat()
    assert yard.job(job_id).status == "queued", "a job without a lease waits for ever"
    tally.add("running without a lease", 1, jobs=1, attempts=1)
