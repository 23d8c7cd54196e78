"""Attempts that are asked to stop, on both databases."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import lifecycle
from ledger.queries import checkpoints
from tests.worker.bench import Bench, at_step
from worker.run import run_jobs


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


def test_a_wish_in_a_quiet_phase_is_seen_long_before_the_lease_is_renewed(bench: Bench) -> None:
    job_id = bench.submit(limits={"max_runtime_s": 20})
    wishing = bench.when(job_id, at_step(1), bench.wish(lifecycle.cancel, job_id))
    never = timedelta(hours=1)
    run_jobs(
        bench.slot(
            "progress(1); say(type='stopped', wish=wish()); sys.exit(11)",
            lease=never,
            renew_every=never,
            give_up_after=never,
        )
    )
    wishing.join()
    assert bench.job(job_id).status == "cancelled"


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


def test_a_drain_while_inputs_arrive_does_not_wait_for_the_rest_of_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = bench.submit()
    fetch, fetched = bench.store.fetch, []

    def fetch_and_drain(sha256: str, to: Path) -> None:
        fetch(sha256, to)
        fetched.append(sha256)
        os.write(bench.drain[1], b".")

    monkeypatch.setattr(bench.store, "fetch", fetch_and_drain)
    run_jobs(bench.slot("finish()"))
    job = bench.job(job_id)
    assert (job.status, job.fruitless_attempts) == ("queued", 0)
    assert bench.attempts(job_id)[0].exit_kind == "drained"
    assert len(fetched) == 1


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


def test_a_process_that_gives_no_sign_of_life_is_stopped_and_the_user_told_what_to_do(bench: Bench) -> None:
    job_id = bench.submit()
    run_jobs(
        bench.slot(
            "progress(1); checkpoint(5, b'five'); time.sleep(60); finish()",
            stalled_after=timedelta(seconds=1),
        )
    )
    job = bench.job(job_id)
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error["code"], job.error["class"]) == ("no_progress", "timeout")
    assert "LIMBECK_STALLED_AFTER" in job.error["hint"]
    (attempt,) = bench.attempts(job_id)
    assert (attempt.exit_kind, attempt.exit_code) == ("timeout", -9)
    with bench.sessions.reading() as session:
        assert [row.step for row in checkpoints(session, job_id)] == [5]


@pytest.mark.parametrize(
    "sign", ["progress(n)", "print(n, flush=True)"], ids=["an event", "a line of its log"]
)
def test_whatever_a_process_says_is_a_sign_of_life(bench: Bench, sign: str) -> None:
    job_id = bench.submit()
    run_jobs(
        bench.slot(
            f"for n in range(12):\n    {sign}; time.sleep(0.3)\nfinish()",
            stalled_after=timedelta(seconds=1.5),
        )
    )
    assert bench.job(job_id).status == "succeeded", bench.job(job_id).error
