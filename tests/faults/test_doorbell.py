"""A message says "look", and nothing depends on it."""

import signal

from ledger.states import Lane
from tests.faults.yard import Yard


def test_a_ring_wakes_a_worker_and_a_doubled_one_does_no_harm(yard: Yard) -> None:
    yard.work("--lanes", "cpu", "--concurrency", "2")
    job_id = yard.submit("time.sleep(0.5); finish()", ring=False)
    for _ in range(6):
        yard.doorbell.ring(Lane.CPU)
    yard.until_status(job_id, "succeeded")
    yard.until(lambda: yard.doorbell.waiting(Lane.CPU) == 0)
    assert len(yard.attempts(job_id)) == 1


def test_a_lost_ring_is_made_up_for_by_the_sweep(yard: Yard) -> None:
    worker = yard.work()
    first = yard.submit("finish()")
    yard.until_status(first, "succeeded")  # it listens now
    lost = yard.submit("finish()", ring=False)
    yard.until_status(lost, "succeeded", beat=True)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0


def test_a_worker_that_starts_finds_what_waits_already(yard: Yard) -> None:
    job_id = yard.submit("finish()", ring=False)
    yard.work()
    yard.until_status(job_id, "succeeded")
