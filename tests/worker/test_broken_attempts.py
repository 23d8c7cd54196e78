"""Attempts that fail, crash or lose their job, on both databases."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ledger import lifecycle, tables
from ledger.errors import DatabaseBusy
from ledger.queries import artifacts, events_after
from tests.worker.bench import Bench, at_step
from tests.worker.scripted import Scripted
from worker import processes
from worker.run import run_jobs


def test_a_failure_is_told_in_its_own_words_and_not_tried_again(bench: Bench) -> None:
    job_id = bench.submit()
    run_jobs(
        bench.slot(
            "say(type='failed', code='shape', error_class='user', message='8x8 is not 9x9', hint='resize')\n"
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


def test_a_job_that_was_given_away_is_let_go_without_a_word(bench: Bench) -> None:
    job_id = bench.submit()

    def give_away() -> None:
        with bench.sessions.writing() as session:
            session.get_one(tables.Job, job_id).lease_expires_at = 0.0
            lifecycle.sweep.expire(session)
            assert lifecycle.claim_next(session, lanes=["cpu"], worker="other", lease_s=600)

    giving = bench.when(job_id, at_step(1), give_away)
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


def run_jobs_once(slot: Scripted) -> None:
    """One attempt, where the database is away by the time the next is looked for."""
    with pytest.raises(DatabaseBusy):
        run_jobs(slot)
