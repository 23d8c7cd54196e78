"""A broker and a database behind a bad network: cut off, half open, slow, wiped, killed, doubling."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from ledger.queue import redis_url
from tests.faults.fleet import Fleet
from tests.faults.proxy import Mood, Proxy
from tests.faults.tally import Tally
from tests.faults.test_points import chain, count
from tests.faults.whole import assert_nothing_lost, assert_whole
from tests.servers.redis import Broker

STEPS = 30
BACK_WITHIN_S = 30.0
ANSWERED_WITHIN_S = 1.5
"""A request that needs no broker, on a busy machine."""


@pytest.fixture
def broker(broker_url: str) -> Iterator[Proxy]:
    proxy = Proxy(redis_url(broker_url).removeprefix("unix://").partition("?")[0])
    yield proxy
    proxy.close()


@pytest.fixture
def database(database_url: str) -> Iterator[Proxy]:
    folder = str(make_url(database_url).query["host"])
    proxy = Proxy(f"{folder}/.s.PGSQL.5432")
    yield proxy
    proxy.close()


def behind(fleet: Fleet, **changes: str) -> None:
    """Let the service talk through a proxy; the test itself goes the straight way."""
    fleet.settings = fleet.settings.model_copy(update=changes)


def submit_many(fleet: Fleet, number: int) -> float:
    """The seconds that the slowest took."""
    slowest = 0.0
    for _ in range(number):
        began = time.monotonic()
        fleet.submit(chain(STEPS))
        slowest = max(slowest, time.monotonic() - began)
    return slowest


def suffer(fleet: Fleet, proxy: Proxy, mood: Mood, *, for_s: float) -> None:
    proxy.become(mood)
    fleet.rest(for_s)
    proxy.become("well")


def finish(fleet: Fleet, tally: Tally, fault: str, times: int) -> None:
    """All is done within half a minute of the return, and the time that the jobs themselves take."""
    fleet.until(
        lambda: all(fleet.yard.job(job_id).attempt > 0 for job_id in fleet.submitted), within_s=BACK_WITHIN_S
    )
    fleet.until_ended()
    assert_whole(fleet, *fleet.submitted, steps=STEPS)
    assert_nothing_lost(fleet)
    count(fleet, tally, fault, times)


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mood", ["cut", "half-open", "slow"])
def test_a_broker_behind_a_bad_network_delays_and_loses_nothing(
    mood: Mood, fleet: Fleet, broker: Proxy, tally: Tally
) -> None:
    behind(fleet, broker_url=f"redis://127.0.0.1:{broker.port}/0")
    fleet.start()
    submit_many(fleet, 1)
    for _ in range(3):
        broker.become(mood)
        assert submit_many(fleet, 2) < ANSWERED_WITHIN_S, "a request waited for the broker"
        fleet.rest(3)
        broker.become("well")
        fleet.rest(1)
    finish(fleet, tally, f"broker {mood}", 3)


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_broker_that_dies_and_forgets_everything_loses_nothing(
    fleet: Fleet, broker: Proxy, broker_server: Broker, tally: Tally
) -> None:
    behind(fleet, broker_url=f"redis://127.0.0.1:{broker.port}/0")
    fleet.start()
    for number in range(6):
        submit_many(fleet, 2)
        if number % 2:
            broker.become("cut")
        broker_server.client.flushall()
        fleet.rest(1)
        broker.become("well")
    finish(fleet, tally, "broker killed and wiped", 6)


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_broker_that_delivers_everything_twice_starts_no_job_twice(
    fleet: Fleet, broker: Proxy, tally: Tally
) -> None:
    broker.doubled = b"LPUSH"
    behind(fleet, broker_url=f"redis://127.0.0.1:{broker.port}/0")
    fleet.start()
    submit_many(fleet, 5)
    finish(fleet, tally, "broker delivers twice", 5)


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("mood", ["cut", "half-open", "slow"])
def test_a_database_behind_a_bad_network_delays_and_loses_nothing(
    mood: Mood, fleet: Fleet, database: Proxy, tally: Tally
) -> None:
    direct = make_url(fleet.settings.database_url)
    through = direct.set(host="127.0.0.1", port=database.port, query={})
    behind(fleet, database_url=through.render_as_string(hide_password=False))
    fleet.start()
    submit_many(fleet, 2)
    for _ in range(3):
        suffer(fleet, database, mood, for_s=2)
        fleet.rest(1)
        submit_many(fleet, 1)
    finish(fleet, tally, f"database {mood}", 3)


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_without_its_database_the_api_says_when_to_come_again(fleet: Fleet, database: Proxy) -> None:
    through = make_url(fleet.settings.database_url).set(host="127.0.0.1", port=database.port, query={})
    behind(fleet, database_url=through.render_as_string(hide_password=False))
    fleet.start()
    database.become("cut")
    refused = fleet.ask_once("POST", "/v1/jobs", json={})
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    database.become("well")
    assert fleet.ask_once("GET", "/v1/jobs").status_code == 200
