"""Any order of what workers, users and the sweep may do to jobs, against a model of twenty lines."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, select, update

from ledger import lifecycle
from ledger.database import Sessions, clock
from ledger.errors import HoldLost, NotAllowedNow
from ledger.lifecycle import Hold, JobError
from ledger.tables import Attempt, Event, Job
from tests.ledger.builders import a_dataset, checkpoint, finished, submitted

MAX_ATTEMPTS = 2
CRASH = JobError("process_died", "infrastructure", "the process died", retryable=True)
WORKERS = ("w1", "w2", "w3")


@dataclass
class Expected:
    """What a job must be."""

    priority: int
    status: str = "queued"
    attempt: int = 0
    fruitless: int = 0
    headway: bool = False
    """Whether the current attempt added a checkpoint."""
    wish: str | None = None
    token: str | None = None
    told: list[str] = field(default_factory=lambda: ["queued"])

    def turn(self, status: str) -> None:
        self.status = status
        self.told.append(status)
        if status != "running":
            self.wish = self.token = None

    def break_off(self, *, counted: bool) -> None:
        if counted:
            self.fruitless = 0 if self.headway else self.fruitless + 1
        if self.wish == "cancel":
            self.turn("cancelled")
        elif counted and self.fruitless >= MAX_ATTEMPTS:
            self.turn("failed")
        else:
            self.turn("paused" if self.wish == "pause" else "queued")


class Lifecycle(RuleBasedStateMachine):
    """Holds are never thrown away, so that late workers come back with them."""

    def __init__(self, sessions: Sessions, project_id: str) -> None:
        super().__init__()
        self.sessions = sessions
        self.project_id = project_id
        self.jobs: dict[str, Expected] = {}
        self.holds: list[Hold] = []
        with sessions.writing() as session:
            session.execute(delete(Job))

    @precondition(lambda self: len(self.jobs) < 3)
    @rule(priority=st.integers(-1, 1))
    def submit(self, priority: int) -> None:
        with self.sessions.writing() as session:
            limits = {"max_attempts": MAX_ATTEMPTS}
            job = submitted(session, self.project_id, priority=priority, limits=limits)
        self.jobs[job.id] = Expected(priority)

    @rule(worker=st.sampled_from(WORKERS))
    def claim(self, worker: str) -> None:
        with self.sessions.writing() as session:
            claim = lifecycle.claim_next(session, lanes=["cpu"], worker=worker, lease_s=60)
        waiting = [id for id, job in self.jobs.items() if job.status == "queued"]
        if claim is None:
            assert waiting == []
            return
        assert claim.job.id == min(waiting, key=lambda id: (-self.jobs[id].priority, id))
        job = self.jobs[claim.job.id]
        job.attempt += 1
        job.token, job.headway = claim.hold.token, False
        job.turn("running")
        assert claim.hold.attempt == job.attempt
        self.holds.append(claim.hold)

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        hold = self.some_hold(data)
        with self.fenced(hold), self.sessions.writing() as session:
            assert lifecycle.renew(session, hold, lease_s=60) == self.jobs[hold.id].wish
            assert lifecycle.look(session, hold) == self.jobs[hold.id].wish

    @precondition(lambda self: self.holds)
    @rule(data=st.data())
    def add_checkpoint(self, data: st.DataObject) -> None:
        hold = self.some_hold(data)
        with self.fenced(hold), self.sessions.writing() as session:
            lifecycle.record(session, hold, checkpoint(session))
            self.jobs[hold.id].headway |= self.current(hold)

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), ending=st.sampled_from(["succeed", "fail", "crash", "drain", "cancel", "pause"]))
    def end(self, data: st.DataObject, ending: str) -> None:
        hold = self.some_hold(data)
        job = self.jobs[hold.id]
        with self.fenced(hold):
            with self.sessions.writing() as session:
                match ending:
                    case "succeed":
                        lifecycle.succeed(session, hold, finished=finished(), artifacts=[])
                    case "fail":
                        lifecycle.fail(session, hold, error=CRASH, exit_kind="failed", exit_code=10)
                    case "crash":
                        lifecycle.requeue(session, hold, exit_kind="signal", exit_code=-9, counted=True)
                    case _:
                        lifecycle.stopped(session, hold, wish=ending, exit_code=11)  # type: ignore[arg-type]
            match ending:
                case "succeed":
                    job.fruitless = 0
                    job.turn("succeeded")
                case "fail":
                    job.turn("failed")
                case "crash" | "drain":
                    job.break_off(counted=ending == "crash")
                case "cancel":
                    job.turn("cancelled")
                case "pause":
                    job.turn("cancelled" if job.wish == "cancel" else "paused")

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def lose_a_worker(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(self.jobs)))
        with self.sessions.writing() as session:
            session.execute(
                update(Job).where(Job.id == id, Job.status == "running").values(lease_expires_at=clock() - 1)
            )
            lifecycle.sweep.expire(session, retry_delay_s=0.0)
        if self.jobs[id].status == "running":
            self.jobs[id].break_off(counted=True)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), verb=st.sampled_from(["cancel", "pause", "resume", "retry"]))
    def ask(self, data: st.DataObject, verb: str) -> None:
        id = data.draw(st.sampled_from(sorted(self.jobs)))
        job = self.jobs[id]
        target, from_states = {
            "cancel": ("cancelled", {"queued", "paused"}),
            "pause": ("paused", {"queued"}),
            "resume": ("queued", {"paused"}),
            "retry": ("queued", {"failed", "cancelled"}),
        }[verb]
        running = job.status == "running" and verb in ("cancel", "pause")
        refused = not (
            job.status == target
            or job.status in from_states
            or (running and not (verb == "pause" and job.wish == "cancel"))
        )
        try:
            with self.sessions.writing() as session:
                change = getattr(lifecycle, verb)(session, self.project_id, id)
        except NotAllowedNow:
            assert refused
            return
        assert not refused
        assert change.changed == (job.status != target)
        if running:
            job.wish = verb
        elif job.status in from_states:
            job.fruitless = 0 if verb == "retry" else job.fruitless
            job.turn(target)

    @invariant()
    def the_ledger_is_as_expected(self) -> None:
        with self.sessions.reading() as session:
            for id, expected in self.jobs.items():
                job = session.get_one(Job, id)
                seen = (job.status, job.attempt, job.fruitless_attempts, job.token)
                assert seen == (expected.status, expected.attempt, expected.fruitless, expected.token)
                assert (job.lease_expires_at is not None) == (expected.status == "running")
                events = session.scalars(select(Event).where(Event.job_id == id).order_by(Event.number)).all()
                assert [event.number for event in events] == list(range(1, job.last_event + 1))
                assert [event.data["status"] for event in events if event.type == "state"] == expected.told
                attempts = session.scalars(select(Attempt).where(Attempt.job_id == id)).all()
                assert sorted(attempt.number for attempt in attempts) == list(range(1, job.attempt + 1))
                unfinished = [attempt for attempt in attempts if attempt.ended_at is None]
                assert len(unfinished) == (1 if expected.status == "running" else 0)

    def some_hold(self, data: st.DataObject) -> Hold:
        return self.holds[-1 - data.draw(st.integers(0, min(3, len(self.holds) - 1)))]

    def current(self, hold: Hold) -> bool:
        job = self.jobs[hold.id]
        return job.status == "running" and job.token == hold.token

    def fenced(self, hold: Hold) -> AbstractContextManager[object]:
        return nullcontext() if self.current(hold) else pytest.raises(HoldLost)


@pytest.mark.parametrize(
    "orders", [12, pytest.param(200, marks=[pytest.mark.long, pytest.mark.faults, pytest.mark.timeout(900)])]
)
def test_no_order_of_events_breaks_the_lifecycle_of_a_job(
    sessions: Sessions, project_id: str, orders: int
) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
    run_state_machine_as_test(
        lambda: Lifecycle(sessions, project_id),
        settings=settings(
            max_examples=orders,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
