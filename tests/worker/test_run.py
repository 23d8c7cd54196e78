"""Attempts whose process is a script, on both databases."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import lifecycle, tables
from ledger.database import Sessions
from ledger.errors import DatabaseBusy
from ledger.files import Store
from ledger.queries import artifacts, attempts, checkpoints, events_after, get_job, log_text, metrics
from ledger.settings import Settings
from tests.worker.scripted import Scripted, quick, ready_dataset, scripted, submit
from worker import processes
from worker.run import run_jobs


@pytest.fixture
def drain() -> Iterator[tuple[int, int]]:
    hears, says = os.pipe()
    yield hears, says
    os.close(hears)
    os.close(says)


class Bench:
    """A ready dataset, and slots to run scripted jobs in."""

    def __init__(
        self, sessions: Sessions, store: Store, settings: Settings, project_id: str, drain: tuple[int, int]
    ) -> None:
        self.sessions = sessions
        self.store = store
        self.settings = quick(settings)
        self.project_id = project_id
        self.drain = drain

    def slot(self, script: str, **changes: Any) -> Scripted:
        settings = self.settings.model_copy(update=changes)
        return scripted(self.sessions, self.store, settings, script, drain=self.drain[0])

    def submit(self, **changes: Any) -> str:
        return submit(self.sessions, self.project_id, **changes)

    def job(self, job_id: str) -> tables.Job:
        with self.sessions.reading() as session:
            return get_job(session, self.project_id, job_id)

    def attempts(self, job_id: str) -> list[tables.Attempt]:
        with self.sessions.reading() as session:
            return attempts(session, job_id)

    def states(self, job_id: str) -> list[str]:
        with self.sessions.reading() as session:
            return [e.data["status"] for e in events_after(session, job_id) if e.type == "state"]

    def log(self, job_id: str, attempt: int = 1) -> str:
        with self.sessions.reading() as session:
            return log_text(session, job_id, attempt)

    def when(
        self, job_id: str, happened: Callable[[tables.Job], bool], act: Callable[[], object]
    ) -> threading.Thread:
        """Do `act` from another thread as soon as `happened`."""

        def wait() -> None:
            deadline = time.monotonic() + 20
            while not happened(self.job(job_id)):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            act()

        thread = threading.Thread(target=wait)
        thread.start()
        return thread

    def wish(self, verb: Callable[..., Any], job_id: str) -> Callable[[], None]:
        def ask() -> None:
            with self.sessions.writing() as session:
                verb(session, self.project_id, job_id)

        return ask


@pytest.fixture
def bench(
    sessions: Sessions,
    store: Store,
    settings: Settings,
    project_id: str,
    tmp_path: Path,
    drain: tuple[int, int],
) -> Bench:
    ready_dataset(sessions, store, project_id, tmp_path)
    return Bench(sessions, store, settings, project_id, drain)


def at_step(step: int) -> Callable[[tables.Job], bool]:
    return lambda job: job.progress is not None and job.progress["step"] >= step


def test_a_job_succeeds_with_its_figures_its_log_and_its_artifacts_in_the_store(
    bench: Bench, tmp_path: Path
) -> None:
    job_id = bench.submit()
    run_jobs(
        bench.slot(
            "print('hello', flush=True)\n"
            "print(sorted(os.listdir('in/dataset')), json.load(open('in/request.json'))['resume'])\n"
            "say(type='phase', name='training', status='running')\n"
            "for step in range(3): metric(step, step / 2)\n"
            "progress(3); finish()"
        )
    )
    job = bench.job(job_id)
    assert job.status == "succeeded", job.error
    assert job.result == {"step": 100}
    assert [phase["name"] for phase in job.phases] == ["staging", "training"]
    assert all(phase["status"] == "done" for phase in job.phases)
    assert (
        bench.log(job_id)
        == "hello\n['test.safetensors', 'train.safetensors', 'validation.safetensors'] False\n"
    )
    with bench.sessions.reading() as session:
        kept = {artifact.filename: artifact for artifact in artifacts(session, job_id)}
        assert [row.value for row in metrics(session, job_id)] == [0.0, 0.5, 1.0]
        numbers = [event.number for event in events_after(session, job_id)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert set(kept) == {"student.safetensors", "log.txt"}
    bench.store.fetch(kept["student.safetensors"].sha256, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == b"weights"
    (attempt,) = bench.attempts(job_id)
    assert (attempt.exit_kind, attempt.exit_code) == ("ok", 0)


def test_nothing_of_an_attempt_is_left_on_the_machine(bench: Bench) -> None:
    bench.submit()
    run_jobs(bench.slot("finish()"))
    assert list((bench.settings.work_dir / "attempts").iterdir()) == []
    assert processes.inside(bench.settings.work_dir / "attempts") == []


def test_one_look_runs_all_that_waits(bench: Bench) -> None:
    ids = [bench.submit() for _ in range(3)]
    run_jobs(bench.slot("finish()"))
    assert [bench.job(id).status for id in ids] == ["succeeded"] * 3


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


def test_a_killed_process_is_tried_again_at_once_and_goes_on_from_its_checkpoint(bench: Bench) -> None:
    job_id = bench.submit()
    run_jobs(
        bench.slot(
            "request = json.load(open('in/request.json'))\n"
            "if request['resume']:\n"
            "    assert open('in/checkpoint', 'rb').read() == b'state at 40'\n"
            "    finish()\n"
            "else:\n"
            "    checkpoint(40, b'state at 40'); os.kill(os.getpid(), 9)"
        )
    )
    assert bench.job(job_id).status == "succeeded"
    first, second = bench.attempts(job_id)
    assert (first.exit_kind, first.exit_code, first.resumed_from_step) == ("signal", -9, 0)
    assert (second.exit_kind, second.resumed_from_step) == ("ok", 40)
    assert bench.states(job_id) == ["queued", "running", "queued", "running", "succeeded"]


def test_only_the_newest_two_checkpoints_are_kept(bench: Bench) -> None:
    job_id = bench.submit()
    run_jobs(
        bench.slot(
            "for step in (10, 20, 30, 40):\n    checkpoint(step, b'%d' % step); time.sleep(0.5)\nfinish()"
        )
    )
    with bench.sessions.reading() as session:
        assert sorted(row.step for row in checkpoints(session, job_id)) == [30, 40]


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_it(bench: Bench) -> None:
    job_id = bench.submit()
    script = (
        "if json.load(open('in/request.json'))['resume']:\n"
        "    assert open('in/checkpoint', 'rb').read() == b'ten'\n"
        "    finish()\n"
        "else:\n"
        "    checkpoint(10, b'ten'); time.sleep(0.5); checkpoint(20, b'twenty'); time.sleep(0.5)\n"
        "    say(type='stopped', wish='pause'); sys.exit(11)"
    )
    pausing = bench.when(job_id, lambda job: job.status == "running", bench.wish(lifecycle.pause, job_id))
    run_jobs(bench.slot(script))
    pausing.join()
    assert bench.job(job_id).status == "paused"
    with bench.sessions.reading() as session:
        newest = checkpoints(session, job_id)[0]
        assert newest.step == 20
    blob = bench.settings.store_url.removeprefix("file://")
    (path,) = Path(blob).rglob(newest.sha256)
    path.write_bytes(b"tampered")
    bench.wish(lifecycle.resume, job_id)()
    run_jobs(bench.slot(script))
    assert bench.job(job_id).status == "succeeded", bench.job(job_id).error
    assert bench.attempts(job_id)[1].resumed_from_step == 10
    with bench.sessions.reading() as session:
        warnings = [event.data["code"] for event in events_after(session, job_id) if event.type == "warning"]
    assert warnings == ["checkpoint_damaged"]


@pytest.mark.parametrize(
    ("verb", "status", "exit_kind"),
    [(lifecycle.cancel, "cancelled", "cancelled"), (lifecycle.pause, "paused", "paused")],
)
def test_a_wish_reaches_the_process_as_a_line_and_ends_the_attempt(
    bench: Bench, verb: Callable[..., Any], status: str, exit_kind: str
) -> None:
    job_id = bench.submit()
    wishing = bench.when(job_id, at_step(1), bench.wish(verb, job_id))
    run_jobs(
        bench.slot(
            "progress(1); word = wish(); checkpoint(7, b'seven')\n"
            "say(type='stopped', wish=word); print(word, flush=True); sys.exit(11)"
        )
    )
    wishing.join()
    assert bench.job(job_id).status == status
    assert bench.log(job_id) in ("cancel\n", "pause\n")
    (attempt,) = bench.attempts(job_id)
    assert (attempt.exit_kind, attempt.exit_code) == (exit_kind, 11)
    with bench.sessions.reading() as session:
        assert [row.step for row in checkpoints(session, job_id)] == [7]


def test_a_process_that_will_not_stop_is_killed_when_its_grace_is_over(bench: Bench) -> None:
    job_id = bench.submit()
    wishing = bench.when(job_id, at_step(1), bench.wish(lifecycle.cancel, job_id))
    run_jobs(bench.slot("progress(1); time.sleep(60)"))
    wishing.join()
    assert bench.job(job_id).status == "cancelled"
    assert bench.attempts(job_id)[0].exit_code == -9


def test_a_drain_gives_the_job_back_uncounted_and_takes_no_other(bench: Bench) -> None:
    first, second = bench.submit(), bench.submit()
    draining = bench.when(first, at_step(1), lambda: os.write(bench.drain[1], b"."))
    run_jobs(
        bench.slot(
            "progress(1); word = wish(); checkpoint(3, b'three')\n"
            "say(type='stopped', wish=word); sys.exit(11)"
        )
    )
    draining.join()
    job = bench.job(first)
    assert (job.status, job.fruitless_attempts) == ("queued", 0)
    assert bench.attempts(first)[0].exit_kind == "drained"
    assert bench.attempts(second) == []


def test_a_job_past_its_time_fails_with_its_checkpoint_kept(bench: Bench) -> None:
    job_id = bench.submit(limits={"max_runtime_s": 1})
    run_jobs(
        bench.slot(
            "progress(1); word = wish(); checkpoint(5, b'five')\nsay(type='stopped', wish=word); sys.exit(11)"
        )
    )
    job = bench.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert job.error["class"] == "timeout"
    assert bench.attempts(job_id)[0].exit_kind == "timeout"
    with bench.sessions.reading() as session:
        assert [row.step for row in checkpoints(session, job_id)] == [5]


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


def test_the_lease_is_kept_while_a_large_checkpoint_is_copied(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = bench.submit()
    put = bench.store.put

    def slow_put(path: Path, sha256: str) -> None:
        time.sleep(bench.settings.lease.total_seconds() * 1.2)
        put(path, sha256)

    monkeypatch.setattr(bench.store, "put", slow_put)
    run_jobs(bench.slot("checkpoint(1, b'large'); progress(1); finish()", flush_every=timedelta(seconds=0.1)))
    job = bench.job(job_id)
    assert (job.status, job.attempt) == ("succeeded", 1)


def test_no_transaction_is_open_while_bytes_are_copied(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.submit()
    open_during: list[int] = []
    put, fetch = bench.store.put, bench.store.fetch
    pool: Any = bench.sessions.engine.pool

    def spied_put(path: Path, sha256: str) -> None:
        time.sleep(0.2)  # a flush may just be under way in the other thread
        open_during.append(min(pool.checkedout() for _ in range(200)))
        put(path, sha256)

    def spied_fetch(sha256: str, to: Path) -> None:
        open_during.append(min(pool.checkedout() for _ in range(200)))
        fetch(sha256, to)

    monkeypatch.setattr(bench.store, "put", spied_put)
    monkeypatch.setattr(bench.store, "fetch", spied_fetch)
    run_jobs(bench.slot("checkpoint(1, b'x'); finish()"))
    assert len(open_during) >= 5
    assert set(open_during) == {0}
