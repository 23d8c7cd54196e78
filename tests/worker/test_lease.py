import threading
import time
from datetime import timedelta

import pytest

from ledger.errors import DatabaseBusy, HoldLost
from ledger.settings import Settings
from worker.lease import Lease, Wish


@pytest.fixture
def settings() -> Settings:
    return Settings(
        database_url="sqlite://",
        broker_url="redis://",
        store_url="file:///",
        work_dir="/",
        renew_every=timedelta(seconds=0.05),
        give_up_after=timedelta(seconds=0.4),
    )


def test_the_figures_leave_time_to_miss_a_renewal_and_to_kill_before_another_begins() -> None:
    figures = Settings(database_url="sqlite://", broker_url="redis://", store_url="file:///", work_dir="/")
    assert figures.renew_every * 2 < figures.give_up_after
    assert figures.give_up_after + timedelta(seconds=10) < figures.lease


def test_a_lease_that_is_renewed_is_held_and_brings_the_wishes_of_the_user(settings: Settings) -> None:
    renewals: list[float] = []
    enough = threading.Event()

    def renew() -> Wish | None:
        renewals.append(time.monotonic())
        if len(renewals) == 12:
            enough.set()
        return "pause" if len(renewals) > 3 else None

    with Lease(renew, settings, claimed_at=time.monotonic()) as lease:
        assert enough.wait(10)
        assert lease.held
        assert lease.wish == "pause"
    assert renewals[-1] - renewals[0] > 0.4


def test_one_that_cannot_be_renewed_is_cut_off_once_after_its_time(settings: Settings) -> None:
    cuts: list[float] = []
    cut = threading.Event()

    def renew() -> Wish | None:
        raise DatabaseBusy("away")

    def note() -> None:
        cuts.append(time.monotonic())
        cut.set()

    began = time.monotonic()
    with Lease(renew, settings, claimed_at=began) as lease:
        lease.cut_off = note
        assert cut.wait(10)
        assert not lease.held
    assert cuts[0] - began >= 0.4
    assert len(cuts) == 1


def test_a_renewal_that_hangs_does_not_keep_the_process_alive(settings: Settings) -> None:
    hanging, cut = threading.Event(), threading.Event()

    def renew() -> Wish | None:
        hanging.wait(30)
        return None

    with Lease(renew, settings, claimed_at=time.monotonic()) as lease:
        lease.cut_off = cut.set
        assert cut.wait(10)
        hanging.set()
        assert not lease.held


def test_a_hold_that_is_lost_cuts_off_at_once(settings: Settings) -> None:
    cut = threading.Event()

    def renew() -> Wish | None:
        raise HoldLost("another has it")

    patient = settings.model_copy(update={"give_up_after": timedelta(hours=1)})
    with Lease(renew, patient, claimed_at=time.monotonic()) as lease:
        lease.cut_off = cut.set
        assert cut.wait(10)
        assert not lease.held


def test_the_time_counts_from_before_the_renewal_was_sent(settings: Settings) -> None:
    lease = Lease(lambda: None, settings, claimed_at=time.monotonic() - 10)
    assert not lease.held
    lease.renewed(time.monotonic() - 0.5, None)  # the answer took half a second
    assert not lease.held
    lease.renewed(time.monotonic() - 0.1, None)
    assert lease.held


def test_after_the_last_write_nothing_is_cut_off(settings: Settings) -> None:
    lease = Lease(lambda: None, settings, claimed_at=time.monotonic())
    lease.cut_off = lambda: pytest.fail("cut off")
    lease.close()
    lease.lose("it was given up by the last write")
