"""Attempts that fail, crash or lose their job, on both databases."""

import errno
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from ledger import lifecycle, tables
from ledger.errors import DatabaseBusy
from ledger.lifecycle import Flush, Hold
from ledger.queries import artifacts, checkpoints, events_after
from tests.worker.bench import Bench, at_step
from tests.worker.scripted import Scripted
from worker import child as children
from worker import processes
from worker.child import Child
from worker.folders import Folder
from worker.run import run_jobs

PATIENT = {"lease": timedelta(seconds=60), "give_up_after": timedelta(seconds=45)}


def test_a_failure_is_told_in_its_own_words_and_not_tried_again(bench: Bench) -> None:
    job_id = bench.submit()
    run_jobs(
        bench.slot(
            "say(type='failed', code='shape', error_class='user', message='8x8 is not 9x9', hint='resize', "
            "details={'pointer': '/student'})\n"
            "sys.exit(10)"
        )
    )
    job = bench.job(job_id)
    assert job.status == "failed"
    assert job.error == {
        "code": "shape",
        "class": "user",
        "message": "8x8 is not 9x9",
        "hint": "resize",
        "retryable": False,
        "pointer": "/student",
    }
    (attempt,) = bench.attempts(job_id)
    assert (attempt.exit_kind, attempt.exit_code) == ("failed", 10)


def test_the_log_is_kept_whatever_killed_the_process(bench: Bench, tmp_path: Path) -> None:
    job_id = bench.submit(limits={"max_attempts": 1})
    run_jobs(bench.slot("print('last words', flush=True); os.kill(os.getpid(), 11)"))
    job = bench.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert "SIGSEGV" in job.error["message"]
    assert bench.log(job_id) == "last words\n"
    with bench.sessions.reading() as session:
        (log,) = artifacts(session, job_id)
    bench.store.fetch(log.sha256, tmp_path / "log")
    assert (log.kind, (tmp_path / "log").read_bytes()) == ("log", b"last words\n")


def test_attempts_that_add_no_checkpoint_use_up_their_number(bench: Bench) -> None:
    job_id = bench.submit(limits={"max_attempts": 3})
    run_jobs(bench.slot("os.kill(os.getpid(), 9)"))
    assert bench.job(job_id).status == "failed"
    assert [attempt.exit_kind for attempt in bench.attempts(job_id)] == ["signal"] * 3


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("say(type='promoted'); time.sleep(60)", "protocol_broken"),
        ("raise RuntimeError('a bug')", "process_failed"),
        ("pass", "process_failed"),
        (
            "file = write('out/student.safetensors', b'x'); file['sha256'] = '0' * 64\n"
            "say(type='finished', result={}, conclusion='no_gate', student=None, environment={}, artifacts=["
            "{'kind': 'student', 'format': 's', 'filename': 's', 'media_type': 'm', **file}])",
            "artifact_wrong",
        ),
        (
            "os.symlink('/etc/passwd', 'out/student')\n"
            "say(type='finished', result={}, conclusion='no_gate', student=None, environment={}, artifacts=["
            "{'kind': 'student', 'format': 's', 'filename': 's', 'media_type': 'm', 'path': 'out/student',"
            " 'sha256': '0' * 64, 'bytes': 1}])",
            "artifact_wrong",
        ),
    ],
    ids=["nonsense", "a traceback", "silence", "a wrong hash", "a link out of the folder"],
)
def test_what_no_user_can_help_is_internal_and_leaves_no_artifact_but_the_log(
    bench: Bench, script: str, code: str
) -> None:
    job_id = bench.submit()
    run_jobs(bench.slot(script))
    job = bench.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error["code"], job.error["class"]) == (code, "internal")
    assert bench.attempts(job_id)[0].exit_kind == "internal"
    with bench.sessions.reading() as session:
        assert [artifact.kind for artifact in artifacts(session, job_id)] == ["log"]


def test_an_input_that_the_store_lost_brings_the_job_back_and_fails_it_in_the_end(bench: Bench) -> None:
    job_id = bench.submit(limits={"max_attempts": 2})
    for blob in Path(bench.settings.store_url.removeprefix("file://")).rglob("*"):
        if blob.is_file():
            blob.write_bytes(b"tampered")
    run_jobs(bench.slot("finish()"))
    job = bench.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error["code"], job.error["class"]) == ("not_staged", "infrastructure")
    assert len(bench.attempts(job_id)) == 2


def give_away(bench: Bench, job_id: str) -> None:
    with bench.sessions.writing() as session:
        session.get_one(tables.Job, job_id).lease_expires_at = 0.0
        lifecycle.sweep.expire(session)
        assert lifecycle.claim_next(session, lanes=["cpu"], worker="other", lease_s=600)


def test_a_job_that_is_given_away_while_its_artifacts_are_kept_gets_none_of_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = bench.submit()
    put = bench.store.put

    def put_and_lose(path: Path, sha256: str) -> None:
        put(path, sha256)
        if path.name == "student.safetensors":
            give_away(bench, job_id)

    monkeypatch.setattr(bench.store, "put", put_and_lose)
    run_jobs(bench.slot("finish()"))
    job = bench.job(job_id)
    assert (job.status, job.worker, job.attempt, job.result) == ("running", "other", 2, None)
    with bench.sessions.reading() as session:
        assert artifacts(session, job_id) == []


def test_a_job_that_was_given_away_is_let_go_without_a_word(bench: Bench) -> None:
    job_id = bench.submit()
    giving = bench.when(job_id, at_step(1), lambda: give_away(bench, job_id))
    run_jobs(
        bench.slot(
            "for step in range(1, 10**6): progress(step); metric(step, 1.0); print(step); time.sleep(0.02)"
        )
    )
    giving.join()
    with bench.sessions.reading() as session:
        told = [(event.type, event.attempt) for event in events_after(session, job_id)]
    taken = told.index(("state", 2))
    assert told[taken:] == [("state", 2)], "a stale write landed"
    assert (bench.job(job_id).worker, bench.job(job_id).attempt) == ("other", 2)


def test_a_supervisor_that_cannot_renew_kills_its_process_and_writes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = bench.submit()
    slot = bench.slot("progress(1); time.sleep(60); finish()")
    gone = threading.Event()
    writing = slot.sessions.writing

    def unreachable() -> Any:
        if gone.is_set():
            raise DatabaseBusy("gone")
        return writing()

    monkeypatch.setattr(slot.sessions, "writing", unreachable)
    going = bench.when(job_id, at_step(1), gone.set)
    before = time.monotonic()
    run_jobs_once(slot)
    assert time.monotonic() - before < 20
    going.join()
    monkeypatch.undo()
    job = bench.job(job_id)
    assert (job.status, job.attempt) == ("running", 1)
    assert bench.attempts(job_id)[0].ended_at is None
    assert processes.inside(bench.settings.work_dir / "attempts") == []


def test_a_database_that_is_away_for_a_moment_costs_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Away from before the ledger knows of the process until that is half done."""
    slot = bench.slot(
        "print('one', flush=True); progress(1); time.sleep(1.5); print('two'); finish()", **PATIENT
    )
    job_id = bench.submit()
    away_until: list[float] = []
    writing, start = slot.sessions.writing, children.start

    def sometimes() -> Any:
        if away_until and time.monotonic() < away_until[0]:
            raise DatabaseBusy("away")
        return writing()

    def start_without_database(*words: Any, **named: Any) -> Child:
        away_until.append(time.monotonic() + 1.2)
        return start(*words, **named)

    monkeypatch.setattr(slot.sessions, "writing", sometimes)
    monkeypatch.setattr(children, "start", start_without_database)
    run_jobs(slot)
    assert bench.job(job_id).status == "succeeded", bench.job(job_id).error
    assert [attempt.exit_kind for attempt in bench.attempts(job_id)] == ["ok"]
    assert bench.log(job_id) == "one\ntwo\n"


def test_a_flush_whose_answer_is_lost_is_not_written_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = bench.slot(
        "for step in range(1, 9):\n"
        "    print('line', step, flush=True); metric(step, 1.0)\n"
        "    say(type='warning', code=f'w{step}', message='')\n"
        "    checkpoint(step, b'%d' % step); time.sleep(0.1)\n"
        "finish()",
        **PATIENT,
    )
    job_id = bench.submit()
    writing, record = slot.sessions.writing, lifecycle.record
    sent: list[Flush] = []

    @contextmanager
    def without_answer() -> Iterator[Session]:
        with writing() as session:
            before = len(sent)
            yield session
        if len(sent) > before and len(sent) % 2:
            raise DatabaseBusy("no answer")

    def spied(session: Session, hold: Hold, flush: Flush) -> int:
        if flush.after is not None:
            sent.append(flush)
        return record(session, hold, flush)

    monkeypatch.setattr(slot.sessions, "writing", without_answer)
    monkeypatch.setattr(lifecycle, "record", spied)
    run_jobs(slot)
    assert bench.job(job_id).status == "succeeded", bench.job(job_id).error
    assert len(sent) >= 4
    with bench.sessions.reading() as session:
        told = events_after(session, job_id)
        kept = [row.step for row in checkpoints(session, job_id)]
    assert [event.data["code"] for event in told if event.type == "warning"] == [f"w{n}" for n in range(1, 9)]
    assert bench.log(job_id) == "".join(f"line {step}\n" for step in range(1, 9))
    ranges = [event.data for event in told if event.type == "log"]
    assert sum(one["bytes"] for one in ranges) == len(bench.log(job_id))
    assert len(kept) == len(set(kept))


def test_a_disk_that_is_full_when_the_process_begins_leaves_no_process(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Folder, "remember", full)
    job_id = bench.submit(limits={"max_attempts": 1})
    run_jobs(bench.slot("time.sleep(60)"))
    assert bench.job(job_id).status == "failed"
    assert processes.inside(bench.settings.work_dir / "attempts") == []


def run_jobs_once(slot: Scripted) -> None:
    """One attempt, where the database is away by the time the next is looked for."""
    with pytest.raises(DatabaseBusy):
        run_jobs(slot)
