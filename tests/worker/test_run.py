"""Attempts whose process is a script, on both databases."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import lifecycle
from ledger.queries import artifacts, checkpoints, events_after, metrics
from tests.worker.bench import Bench
from worker import processes
from worker.run import run_jobs


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
    telling = bench.tell_when_kept(job_id, 10, 20, 30, 40)
    run_jobs(
        bench.slot(
            "for step in (10, 20, 30, 40):\n    checkpoint(step, b'%d' % step); until_kept(step)\nfinish()"
        )
    )
    telling.join()
    with bench.sessions.reading() as session:
        assert sorted(row.step for row in checkpoints(session, job_id)) == [30, 40]


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_it(bench: Bench) -> None:
    job_id = bench.submit()
    script = (
        "if json.load(open('in/request.json'))['resume']:\n"
        "    assert open('in/checkpoint', 'rb').read() == b'ten'\n"
        "    finish()\n"
        "else:\n"
        "    checkpoint(10, b'ten'); until_kept(10); checkpoint(20, b'twenty'); until_kept(20)\n"
        "    say(type='stopped', wish='pause'); sys.exit(11)"
    )
    pausing = bench.when(job_id, lambda job: job.status == "running", bench.wish(lifecycle.pause, job_id))
    telling = bench.tell_when_kept(job_id, 10, 20)
    run_jobs(bench.slot(script))
    pausing.join()
    telling.join()
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


def test_what_a_slot_that_died_left_is_cleared_before_the_next_job(bench: Bench) -> None:
    left = bench.settings.work_dir / "attempts" / "job_1-1-abcd"
    (left / "out").mkdir(parents=True)
    (left / "out" / "checkpoint").write_bytes(b"large")
    job_id = bench.submit()
    run_jobs(bench.slot("finish()"))
    assert bench.job(job_id).status == "succeeded"
    assert not left.exists()
