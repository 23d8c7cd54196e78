"""What must be true of a job, and of the service, whatever happened on the way."""

import hashlib
from collections import Counter
from itertools import pairwise

from sqlalchemy import select

from ledger import tables
from ledger.queries import artifacts, events_after, metrics
from tests.faults.fleet import Fleet
from tests.faults.stand_in.distill.chain import METRIC, course

_NEXT = {
    "queued": {"running", "paused", "cancelled", "failed"},
    "running": {"queued", "succeeded", "failed", "cancelled", "paused"},
    "paused": {"queued", "cancelled"},
}


def assert_whole(fleet: Fleet, *job_ids: str, steps: int) -> None:
    """These jobs are done: each once, right to the last byte; and of none is a process left."""
    for job_id in job_ids:
        _assert_done_once(fleet, job_id)
        _assert_told_in_order(fleet, job_id)
        _assert_right(fleet, job_id, steps)
        _assert_logged(fleet, job_id)
    fleet.until(lambda: not fleet.yard.inside(), within_s=10)


def assert_stopped(fleet: Fleet, *job_ids: str) -> None:
    """These jobs were cancelled; of none is a process left."""
    for job_id in job_ids:
        assert fleet.yard.job(job_id).status == "cancelled"
        assert None not in [attempt.ended_at for attempt in fleet.yard.attempts(job_id)]
        _assert_told_in_order(fleet, job_id)
    fleet.until(lambda: not fleet.yard.inside(), within_s=10)


def assert_nothing_lost(fleet: Fleet) -> None:
    """As many jobs as were submitted, and every blob that a row needs is there as it was written."""
    with fleet.yard.sessions.reading() as session:
        jobs = set(session.scalars(select(tables.Job.id)))
        needed = set(session.scalars(select(tables.Reference.sha256)))
    assert jobs == set(fleet.submitted)
    for sha256 in needed:
        assert _content(fleet, sha256) is not None, f"the blob {sha256} is missing or corrupt"


def _assert_done_once(fleet: Fleet, job_id: str) -> None:
    job, attempts = fleet.yard.job(job_id), fleet.yard.attempts(job_id)
    assert job.status == "succeeded", (job.status, job.error, fleet.log())
    assert [attempt.number for attempt in attempts] == list(range(1, job.attempt + 1))
    assert None not in [attempt.ended_at for attempt in attempts]
    assert [attempt.number for attempt in attempts if attempt.exit_kind == "ok"] == [job.attempt]
    assert job.result is not None
    assert job.result["attempt"] == job.attempt, "the result is that of an attempt that was over"
    assert (job.token, job.lease_expires_at) == (None, None)


def _assert_told_in_order(fleet: Fleet, job_id: str) -> None:
    with fleet.yard.sessions.reading() as session:
        events = events_after(session, job_id, limit=10_000)
    assert [event.number for event in events] == list(range(1, fleet.yard.job(job_id).last_event + 1))
    states = [event.data["status"] for event in events if event.type == "state"]
    assert states[0] == "queued"
    assert all(after in _NEXT[before] for before, after in pairwise(states)), states
    assert len([state for state in states if state in ("succeeded", "failed", "cancelled")]) == 1


def _assert_right(fleet: Fleet, job_id: str, steps: int) -> None:
    weights, figures = course(job_id, steps)
    with fleet.yard.sessions.reading() as session:
        kept = artifacts(session, job_id)
        rows = metrics(session, job_id)
    counts = Counter(artifact.filename for artifact in kept)
    assert max(counts.values()) == 1, f"kept twice: {counts}"
    assert {"student.safetensors", "metrics.csv"} <= set(counts)
    contents = {artifact.filename: _content(fleet, artifact.sha256) for artifact in kept}
    assert None not in contents.values(), "an artifact is missing or corrupt"
    assert contents["student.safetensors"] == weights
    csv = "".join(f"{step},{figure!r}\n" for step, figure in figures.items())
    assert contents["metrics.csv"] == csv.encode()
    assert {row.step: row.value for row in rows if row.name == METRIC} == figures


def _assert_logged(fleet: Fleet, job_id: str) -> None:
    for attempt in fleet.yard.attempts(job_id):
        lines = fleet.yard.log(job_id, attempt.number).splitlines(keepends=True)
        steps = [line.split()[3:] for line in lines if line.startswith(f"attempt {attempt.number} step ")]
        assert len(steps) == len(lines), f"of another attempt than {attempt.number}: {lines}"
        found = [int(step) for (step,) in steps]
        assert found == list(range(attempt.resumed_from_step + 1, attempt.resumed_from_step + 1 + len(found)))


def _content(fleet: Fleet, sha256: str) -> bytes | None:
    if not fleet.yard.store.exists(sha256):
        return None
    content = b"".join(fleet.yard.store.open_stream(sha256))
    return content if hashlib.sha256(content).hexdigest() == sha256 else None
