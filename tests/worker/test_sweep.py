import time
from pathlib import Path

import pytest
import redis
from sqlalchemy import update

from ledger import blobs, lifecycle, tables, workers
from ledger.database import Sessions
from ledger.files import Store
from ledger.queries import events_after, get_job
from ledger.queue import Doorbell
from ledger.settings import Settings
from ledger.states import Lane
from tests.worker.scripted import keep, quick, ready_dataset, submit
from worker.sweep import Sweep


class Bells(Doorbell):
    """Counts rings instead of delivering them."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.on_their_way = 0

    def ring(self, lane: str) -> None:
        self.rung.append(lane)

    def waiting(self, lane: str) -> int:
        return self.on_their_way


@pytest.fixture
def bells() -> Bells:
    return Bells()


@pytest.fixture
def sweep(sessions: Sessions, store: Store, settings: Settings, bells: Bells) -> Sweep:
    return Sweep(quick(settings), sessions, store, bells, owner="one")


@pytest.fixture
def waiting_jobs(sessions: Sessions, store: Store, project_id: str, tmp_path: Path) -> list[str]:
    ready_dataset(sessions, store, project_id, tmp_path)
    return [submit(sessions, project_id) for _ in range(5)]


def announce(sessions: Sessions, name: str, slots: int, *lanes: str, devices: tuple[str, ...] = ()) -> None:
    with sessions.writing() as session:
        workers.announce(
            session,
            name=name,
            lanes=lanes,
            slots=slots,
            devices=devices,
            memory_bytes=1,
            sandbox="limits",
        )


def test_it_rings_once_for_each_free_slot_and_no_more(
    sweep: Sweep, bells: Bells, sessions: Sessions, waiting_jobs: list[str]
) -> None:
    announce(sessions, "w", 3, "cpu")
    with sessions.writing() as session:
        assert lifecycle.claim_next(session, lanes=["cpu"], worker="w", lease_s=60)
    assert sweep.beat()
    assert bells.rung == [Lane.CPU] * 2


def test_it_rings_once_for_each_waiting_job_and_no_more(
    sweep: Sweep, bells: Bells, sessions: Sessions, waiting_jobs: list[str]
) -> None:
    announce(sessions, "w", 8, "cpu")
    sweep.beat()
    assert len(bells.rung) == 5


def test_it_does_not_ring_while_rings_are_on_their_way(
    sweep: Sweep, bells: Bells, sessions: Sessions, waiting_jobs: list[str]
) -> None:
    announce(sessions, "w", 8, "cpu")
    bells.on_their_way = 1
    sweep.beat()
    assert bells.rung == []


def test_it_does_not_ring_where_nobody_would_hear(
    sweep: Sweep, bells: Bells, sessions: Sessions, waiting_jobs: list[str]
) -> None:
    announce(sessions, "w", 8, "chores")
    announce(sessions, "g", 8, "gpu", devices=("0",))
    sweep.beat()
    assert bells.rung == []


def test_a_lease_that_is_over_goes_back_to_the_queue(
    sweep: Sweep, sessions: Sessions, project_id: str, waiting_jobs: list[str]
) -> None:
    with sessions.writing() as session:
        claim = lifecycle.claim_next(session, lanes=["cpu"], worker="dead", lease_s=-1)
        assert claim is not None
    sweep.beat()
    with sessions.reading() as session:
        job = get_job(session, project_id, claim.job.id)
    assert (job.status, job.fruitless_attempts) == ("queued", 1)


def test_of_two_sweeps_one_acts_and_the_other_takes_over_when_it_leaves(
    sweep: Sweep, sessions: Sessions, store: Store, settings: Settings, bells: Bells
) -> None:
    other = Sweep(quick(settings), sessions, store, bells, owner="two")
    assert sweep.beat()
    assert not other.beat()
    assert sweep.beat()
    sweep.leave()
    assert other.beat()
    assert not sweep.beat()


def test_or_when_it_is_silent_for_three_beats(
    sweep: Sweep, sessions: Sessions, store: Store, settings: Settings, bells: Bells
) -> None:
    other = Sweep(quick(settings), sessions, store, bells, owner="two")
    sweep.beat()
    deadline = time.monotonic() + 10
    while not other.beat():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_garbage_goes_and_what_is_needed_stays(
    sweep: Sweep, sessions: Sessions, store: Store, waiting_jobs: list[str], tmp_path: Path
) -> None:
    garbage = keep(sessions, store, b"nobody needs this", tmp_path / "garbage")
    with sessions.writing() as session:
        for blob in session.query(tables.Blob):
            blob.touched_at -= 25 * 3600
        needed = [row.sha256 for row in session.query(tables.Reference)]
        session.add(
            tables.IdempotencyKey(
                project_id="p",
                key="k",
                method="POST",
                path="/",
                token="t",
                created_at=0.0,
                status=201,
                body={},
            )
        )
    sweep.beat()
    assert not store.exists(garbage)
    assert needed
    assert all(store.exists(sha256) for sha256 in needed)
    with sessions.reading() as session:
        assert session.query(tables.IdempotencyKey).count() == 0


def test_a_broker_that_is_away_delays_the_ring_and_nothing_else(
    sweep: Sweep, sessions: Sessions, waiting_jobs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(lane: str) -> int:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(sweep.doorbell, "waiting", away)
    announce(sessions, "w", 1, "cpu")
    assert sweep.beat()
    assert sweep.beat()


def test_a_great_deal_of_garbage_goes_in_parts_so_that_leases_are_looked_at_in_between(
    sweep: Sweep, sessions: Sessions, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.sweep._GARBAGE_AT_ONCE_S", 0.0)
    monkeypatch.setattr(sweep, "_collect_blobs", lambda: blobs.collect(sessions, store, limit=1))
    garbage = [keep(sessions, store, content, tmp_path / "garbage") for content in (b"one", b"two", b"three")]
    with sessions.writing() as session:
        session.execute(update(tables.Blob).values(touched_at=0.0))
    left = []
    for _ in range(4):
        sweep.beat()
        left.append(sum(store.exists(sha256) for sha256 in garbage))
    assert left == [2, 1, 0, 0]
    assert sweep.garbage_at > 0


def test_what_a_job_left_behind_goes_when_the_settings_say_so(
    sweep: Sweep, sessions: Sessions, project_id: str, waiting_jobs: list[str]
) -> None:
    with sessions.writing() as session:
        for job_id in waiting_jobs[:2]:
            lifecycle.cancel(session, project_id, job_id)
        session.get_one(tables.Job, waiting_jobs[0]).finished_at = 1.0
    sweep.beat()
    with sessions.reading() as session:
        told = [len(events_after(session, job_id)) for job_id in waiting_jobs[:2]]
    assert told == [1, 2]
