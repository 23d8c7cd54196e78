"""A supervisor that stands still beyond its lease, at the moment before each of its writes."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.doomed import Strike
from tests.faults.fleet import Fleet
from tests.faults.tally import Tally
from tests.faults.test_points import chain, count
from tests.faults.whole import assert_nothing_lost, assert_whole
from tests.faults.yard import Yard
from worker import processes

STEPS = 40
"""Slow enough that the second attempt is on its way when the first wakes up."""
TIMES = 25
"""On each database."""
TRIES = 5
MOMENTS = (
    ("worker.notebook.Notebook._write: begin", 2),
    ("worker.run._run.renew: begin", 1),
    ("ledger.blobs.keep: begin", 1),
    ("ledger.files._put_in_folder replace: before", 1),
    ("worker.child.start: after", 1),
    ("worker.child.Child.reap: after", 1),
    ("worker.keep.end: begin", 1),
    ("worker.run._take: committed", 1),
)


@pytest.fixture
def pair(yard: Yard, tmp_path: Path) -> Iterator[Fleet]:
    """Two workers, so that one goes on while the other stands still."""
    fleet = Fleet(yard, tmp_path, workers=2)
    yield fleet
    fleet.close()


def frozen_at(fleet: Fleet, point: str, hit: int) -> None:
    """A job whose supervisor freezes there until another attempt runs, and then goes on."""
    fleet.place.arm(Strike(point, hit, "freeze"))
    job_id = fleet.submit(chain(STEPS))
    fleet.until(lambda: fleet.place.struck() is not None or fleet.ended(job_id))
    pid = fleet.place.struck()
    assert pid is not None, f"never came to {point}"
    fleet.until(lambda: fleet.frozen(pid))
    try:
        if fleet.yard.writable():  # another thread of it may hold the one write lock of SQLite
            fleet.until(lambda: fleet.yard.job(job_id).attempt > 1)
    finally:
        processes.send(pid, signal.SIGCONT)
    fleet.until_ended(job_id)
    assert_whole(fleet, job_id, steps=STEPS)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_stood_still_at_the_very_end_writes_nothing(pair: Fleet, tally: Tally) -> None:
    """Now and then it holds the write lock of SQLite, so that nobody can take its job from it, or finds
    its lease over before it writes: then it is tried again."""
    pair.start()
    while len(pair.submitted) < TRIES and pair.place.rejected() == 0:
        frozen_at(pair, "worker.keep.end: begin", 1)
    assert pair.place.rejected() > 0
    assert_nothing_lost(pair)
    count(pair, tally, "SIGSTOP beyond the lease", len(pair.submitted))


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.timeout(600)
def test_who_stood_still_beyond_the_lease_writes_nothing(pair: Fleet, tally: Tally) -> None:
    pair.start()
    for number in range(TIMES):
        frozen_at(pair, *MOMENTS[number % len(MOMENTS)])
    assert_nothing_lost(pair)
    assert pair.place.rejected() > 0, "no stale write came to the ledger: this proves nothing"
    count(pair, tally, "SIGSTOP beyond the lease", TIMES)
