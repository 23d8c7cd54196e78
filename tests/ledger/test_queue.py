"""The doorbell: heard by whoever listens, and never in anybody's way."""

import socket
import time
from collections.abc import Iterator

import pytest
import redis
from kombu import Connection

from ledger.queue import KEY_PREFIX, TASK, Doorbell, celery_settings, redis_url
from tests.ledger.waiting import until


@pytest.fixture
def doorbell(broker_url: str) -> Iterator[Doorbell]:
    doorbell = Doorbell(broker_url)
    yield doorbell
    doorbell.close()


@pytest.fixture
def deaf_broker_url() -> Iterator[str]:
    """A broker that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}/0"


def test_a_ring_is_one_message_that_says_look(doorbell: Doorbell, broker_url: str) -> None:
    doorbell.ring("cpu")
    until(lambda: doorbell.waiting("cpu") == 1)
    assert doorbell.waiting("gpu") == 0
    options = {"global_keyprefix": KEY_PREFIX}
    with Connection(broker_url, transport_options=options) as connection:
        queue = connection.SimpleQueue("cpu")
        message = queue.get(timeout=5)
        message.ack()
        queue.close()
    assert message.headers["task"] == TASK
    assert message.payload[0] == ["cpu"]


def test_a_ping_makes_a_round_trip(doorbell: Doorbell) -> None:
    doorbell.ping()


def test_rings_do_not_wait_for_a_broker_that_never_answers(deaf_broker_url: str) -> None:
    doorbell = Doorbell(deaf_broker_url)
    began = time.monotonic()
    for _ in range(1000):
        doorbell.ring("cpu")
    assert time.monotonic() - began < 1
    began = time.monotonic()
    with pytest.raises(redis.RedisError):
        doorbell.ping()
    assert time.monotonic() - began < 2.5
    doorbell.close()


def test_a_broker_that_is_not_there_harms_nobody_who_rings() -> None:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        nowhere = f"redis://127.0.0.1:{placeholder.getsockname()[1]}/0"
    doorbell = Doorbell(nowhere)
    doorbell.ring("cpu")
    with pytest.raises(redis.RedisError):
        doorbell.waiting("cpu")
    doorbell.close()


def test_closing_delivers_what_is_on_its_way(broker_url: str) -> None:
    first = Doorbell(broker_url)
    for _ in range(5):
        first.ring("chores")
    first.close()
    second = Doorbell(broker_url)
    assert second.waiting("chores") == 5
    second.close()


def test_no_setting_lets_a_socket_wait_for_ever_or_keeps_results() -> None:
    settings = celery_settings("redis://broker:6379/0")
    assert settings["result_backend"] is None
    assert not settings["task_acks_late"]
    assert settings["worker_disable_prefetch"]
    assert settings["broker_transport_options"]["socket_timeout"] > 0
    assert settings["broker_transport_options"]["socket_connect_timeout"] > 0


@pytest.mark.parametrize(
    ("broker", "plain"),
    [
        ("redis://host:6379/2", "redis://host:6379/2"),
        ("rediss://user:pw@host/0", "rediss://user:pw@host/0"),
        ("redis+socket:///run/broker.sock", "unix:///run/broker.sock?db=0"),
        ("redis+socket:///run/broker.sock?virtual_host=3", "unix:///run/broker.sock?db=3"),
    ],
)
def test_the_two_spellings_of_a_broker_mean_one_place(broker: str, plain: str) -> None:
    assert redis_url(broker) == plain
