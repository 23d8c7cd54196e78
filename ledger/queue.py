"""The doorbell: a Celery message says "look", and no more. Losing or doubling one is harmless."""

import contextlib
import queue
import secrets
import threading
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis
import structlog
from celery import Celery
from redis.backoff import NoBackoff
from redis.retry import Retry

TASK = "limbeck.look"
KEY_PREFIX = "limbeck:"

_PATIENCE_S = 2.0
_BACKLOG = 100

log = structlog.get_logger()


def celery_settings(broker_url: str, *, socket_timeout_s: float = 10.0) -> dict[str, Any]:
    """How every Celery application of ours talks to the broker, producer and worker alike.

    Early acknowledgement, no prefetch, no results, no retries, and no socket that waits for ever:
    the ledger is the queue of truth, and the sweep rings again.
    """
    return {
        "broker_url": broker_url,
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_acks_late": False,
        "task_track_started": False,
        "task_publish_retry": False,
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_send_task_events": False,
        "worker_enable_remote_control": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_hijack_root_logger": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": min(4.0, socket_timeout_s),
        "broker_pool_acquire_timeout": 5,
        "broker_transport_options": {
            "visibility_timeout": 3600,
            "socket_timeout": socket_timeout_s,
            "socket_connect_timeout": min(4.0, socket_timeout_s),
            "socket_keepalive": True,
            "health_check_interval": 25,
            "global_keyprefix": KEY_PREFIX,
        },
    }


class Doorbell:
    """Rings in a thread of its own, so that nobody waits for the broker."""

    def __init__(self, broker_url: str) -> None:
        self._app = Celery("limbeck", set_as_current=False)
        self._app.conf.update(celery_settings(broker_url, socket_timeout_s=_PATIENCE_S))
        self._redis = redis.Redis.from_url(
            redis_url(broker_url),
            socket_timeout=_PATIENCE_S / 2,
            socket_connect_timeout=_PATIENCE_S / 2,
            retry=Retry(NoBackoff(), 0),
        )
        self._rings: queue.Queue[str | None] = queue.Queue(_BACKLOG)
        self._thread = threading.Thread(target=self._deliver, name="doorbell", daemon=True)
        self._thread.start()

    def ring(self, lane: str) -> None:
        """Tell the workers of a lane to look. Returns at once and never raises; a ring that cannot
        be delivered is dropped."""
        with contextlib.suppress(queue.Full):  # as many rings as anybody can need are on their way
            self._rings.put_nowait(lane)

    def ping(self) -> None:
        """Write to the broker and read it back, within two seconds.

        Raises:
            redis.RedisError: it does not answer, or not as it should.
        """
        key, value = f"{KEY_PREFIX}ping:{secrets.token_hex(8)}", secrets.token_bytes(8)
        self._redis.set(key, value, ex=10)
        if self._redis.getdel(key) != value:
            raise redis.RedisError("the broker lost what was just written")

    def waiting(self, lane: str) -> int:
        """Rings of this lane that no worker has heard yet.

        Raises:
            redis.RedisError: the broker does not answer.
        """
        return int(self._redis.llen(KEY_PREFIX + lane))

    def close(self) -> None:
        """Deliver what is on its way, for at most a few seconds."""
        with contextlib.suppress(queue.Full):
            self._rings.put_nowait(None)
        self._thread.join(timeout=2 * _PATIENCE_S)
        self._redis.close()
        self._app.close()

    def _deliver(self) -> None:
        while (lane := self._rings.get()) is not None:
            try:
                self._app.send_task(TASK, args=[lane], queue=lane)
            except Exception as error:  # whatever the broker does, the next ring is tried
                log.warning("ring_dropped", lane=lane, error=str(error))


def redis_url(broker_url: str) -> str:
    """Kombu's URL of a broker as redis-py spells it: they differ for unix sockets."""
    parts = urlsplit(broker_url)
    if parts.scheme != "redis+socket":
        return broker_url
    database = parse_qs(parts.query).get("virtual_host", ["0"])[0]
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    return f"unix://{login}{parts.path}?db={database}"
