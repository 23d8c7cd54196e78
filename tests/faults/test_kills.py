"""Kill -9 of the process, of its supervisor, of the worker; and a supervisor that freezes."""

import os
import signal
import subprocess
import time
from datetime import timedelta

import psutil
import psycopg
import pytest
from sqlalchemy import text

from ledger.database import connect
from ledger.errors import DatabaseBusy
from tests.faults.yard import Yard
from worker import processes
from worker.sandbox import detect

STEADY = """
start = 40 if resumed() else 0
progress(start + 1)
if not start:
    checkpoint(40, b"state at 40")
while not resumed():
    time.sleep(0.05); metric(int(time.monotonic() * 1000) % 10**9, 1.0); print("on", flush=True)
assert pathlib.Path("in/checkpoint").read_bytes() == b"state at 40"
finish()
"""


def running_with_checkpoint(yard: Yard) -> tuple["subprocess.Popen[bytes]", str]:
    worker = yard.work()
    job_id = yard.submit(STEADY)
    yard.until(lambda: len(yard.checkpoints(job_id)) == 1)
    return worker, job_id


def assert_resumed(yard: Yard, job_id: str, *, first_ended: str) -> None:
    yard.until_status(job_id, "succeeded", beat=True)
    first, second = yard.attempts(job_id)
    assert first.exit_kind == first_ended
    assert (second.exit_kind, second.resumed_from_step) == ("ok", 40)
    numbers = [event.number for event in yard.events(job_id)]
    assert numbers == list(range(1, len(numbers) + 1))
    yard.until(lambda: yard.inside() == [])


def has_succeeded(yard: Yard, job_id: str) -> bool:
    """Not while the database does not answer: the recovery may begin some time after the kill."""
    try:
        return yard.job(job_id).status == "succeeded"
    except DatabaseBusy:
        return False


def assert_gone(yard: Yard, *, within_s: float = 2.0) -> None:
    deadline = time.monotonic() + within_s
    while left := yard.inside():
        assert time.monotonic() < deadline, f"orphans: {left}"
        time.sleep(0.01)


def test_a_killed_process_goes_on_from_its_checkpoint_at_once(yard: Yard) -> None:
    _, job_id = running_with_checkpoint(yard)
    for pid in yard.inside():
        processes.send(pid, signal.SIGKILL)
    assert_resumed(yard, job_id, first_ended="signal")


def test_a_killed_supervisor_takes_its_process_along_and_the_sweep_takes_the_job_back(yard: Yard) -> None:
    worker, job_id = running_with_checkpoint(yard)
    os.kill(yard.supervisor(worker, job_id), signal.SIGKILL)
    assert_gone(yard)
    assert_resumed(yard, job_id, first_ended="lost_worker")


def test_a_killed_worker_leaves_no_process_and_the_next_one_no_folder(yard: Yard) -> None:
    worker, job_id = running_with_checkpoint(yard)
    worker.kill()
    worker.wait()
    assert_gone(yard)
    folders = yard.settings.work_dir / "attempts"
    assert len(list(folders.iterdir())) == 1
    yard.work()
    assert_resumed(yard, job_id, first_ended="lost_worker")
    yard.until(lambda: list(folders.iterdir()) == [])


def test_a_supervisor_and_its_process_killed_together_lose_nothing(yard: Yard) -> None:
    worker, job_id = running_with_checkpoint(yard)
    supervisor = yard.supervisor(worker, job_id)
    for pid in (supervisor, *yard.inside()):
        processes.send(pid, signal.SIGKILL)
    assert_gone(yard)
    assert_resumed(yard, job_id, first_ended="lost_worker")


def test_a_supervisor_frozen_past_its_lease_writes_nothing_and_its_process_dies(yard: Yard) -> None:
    worker, job_id = running_with_checkpoint(yard)
    supervisor = yard.supervisor(worker, job_id)
    leader = yard.attempts(job_id)[0].pid
    assert leader is not None
    yard.freeze(supervisor)
    yard.until_status(job_id, "queued", beat=True)
    before = [(event.number, event.type) for event in yard.events(job_id)]
    assert processes.start_time(leader) is not None, "the process runs on, and talks to a frozen supervisor"
    os.kill(supervisor, signal.SIGCONT)
    yard.until(lambda: processes.start_time(leader) is None, within_s=10)
    yard.until(lambda: len(yard.attempts(job_id)) == 2 or yard.job(job_id).status == "queued")
    assert_resumed(yard, job_id, first_ended="lost_worker")
    after = yard.events(job_id)
    assert [(event.number, event.type) for event in after[: len(before)]] == before
    assert {event.attempt for event in after[len(before) :]} == {2}, "a stale write landed"


def test_sigterm_saves_the_running_job_and_gives_it_back_uncounted(yard: Yard) -> None:
    worker = yard.work()
    job_id = yard.submit(
        "if resumed(): finish(); sys.exit()\n"
        "progress(1); word = wish(); print(word, flush=True); checkpoint(9, b'nine')\n"
        "say(type='stopped', wish=word); sys.exit(11)"
    )
    yard.until_step(job_id, 1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0
    assert yard.inside() == []
    job = yard.job(job_id)
    assert (job.status, job.fruitless_attempts) == ("queued", 0)
    assert yard.attempts(job_id)[0].exit_kind == "drained"
    assert yard.log(job_id) == "drain\n"
    yard.work()
    yard.until_status(job_id, "succeeded")
    assert yard.attempts(job_id)[1].resumed_from_step == 9


def test_a_worker_says_that_it_is_there_and_that_it_goes(yard: Yard) -> None:
    worker = yard.work("--lanes", "cpu", "--concurrency", "2")
    yard.until(lambda: len(yard.workers()) == 1)
    (row,) = yard.workers()
    assert (row.lanes, row.slots, row.devices) == (["cpu"], 2, [])
    assert row.sandbox == detect("auto").kind
    assert row.memory_bytes > 2**28
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0
    assert yard.workers() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_forks_the_slots_never_has_the_database_open(yard: Yard) -> None:
    """SQLite's locks in the memory of a process do not survive a fork: a slot that inherits one waits
    for ever for itself."""
    worker = yard.work("--lanes", "cpu", "--concurrency", "2")
    yard.until(lambda: len(yard.workers()) == 1)
    file = yard.settings.database_url.removeprefix("sqlite:///")
    opened = {row.path for process in psutil.Process(worker.pid).children() for row in process.open_files()}
    assert any(path.startswith(file) for path in opened)
    assert not any(row.path.startswith(file) for row in psutil.Process(worker.pid).open_files())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_crashes_and_recovers_costs_a_running_job_nothing(yard: Yard) -> None:
    """PostgreSQL answers a killed backend by ending all of them and recovering."""
    with psycopg.connect(yard.plain_url(), autocommit=True) as connection:  # the tests' server forgets
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET synchronous_commit = on")
    yard.work(lease=timedelta(seconds=60), give_up_after=timedelta(seconds=45))
    job_id = yard.submit(
        "for step in range(1, 81):\n"
        "    progress(step); metric(step, 1.0); print('line', step, flush=True); time.sleep(0.05)\n"
        "    if step == 5: checkpoint(step, b'five')\n"
        "finish()"
    )
    yard.until_step(job_id, 10)
    with psycopg.connect(yard.plain_url(), autocommit=True) as connection:
        connection.execute("SELECT 1")
        os.kill(connection.info.backend_pid, signal.SIGKILL)
    yard.until(lambda: has_succeeded(yard, job_id))
    assert [attempt.exit_kind for attempt in yard.attempts(job_id)] == ["ok"]
    assert yard.log(job_id) == "".join(f"line {step}\n" for step in range(1, 81))
    numbers = [event.number for event in yard.events(job_id)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(yard.checkpoints(job_id)) == 1


def test_postgresql_ends_the_transaction_of_a_frozen_process_and_frees_its_rows(postgresql_url: str) -> None:
    sessions = connect(postgresql_url)
    with sessions.reading() as session:
        assert session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "15s"
    sessions.dispose()


def test_not_even_many_rows_at_once_keep_postgresql_from_it(postgresql_url: str) -> None:
    sessions, others = connect(postgresql_url), connect(postgresql_url)

    def gone(backend: int) -> bool:
        with others.reading() as session:
            alive = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
            return session.scalar(alive, {"pid": backend}) == 0

    def freeze() -> None:
        with sessions.writing() as session:
            session.execute(text("SET idle_in_transaction_session_timeout = 200"))
            session.execute(text("CREATE TEMPORARY TABLE figures (step int)"))
            backend = session.scalar(text("SELECT pg_backend_pid()"))
            figures = [{"step": step} for step in range(3)]
            session.execute(text("INSERT INTO figures VALUES (:step)"), figures)
            deadline = time.monotonic() + 10
            while not gone(backend):
                assert time.monotonic() < deadline, "it may hold its locks for ever"
                time.sleep(0.05)

    for _ in range(5):  # it depends on how the pieces of the conversation fall
        with pytest.raises(DatabaseBusy):
            freeze()
    sessions.dispose()
    others.dispose()
