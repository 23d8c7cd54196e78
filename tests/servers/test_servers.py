"""The servers of the tests: real, private, and gone with the process that started them."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis
from sqlalchemy import text

from ledger.database import Sessions
from tests.servers import postgres
from tests.servers.postgres import Postgres
from tests.servers.process import Folder
from tests.servers.redis import Broker

STARTS_BOTH = """
import signal
from tests.servers import postgres, redis
with postgres.postgres() as server, redis.broker() as broker:
    print(server.url.query["host"], broker.url.removeprefix("redis+socket://"), flush=True)
    signal.pause()
"""

CONNECTS = """
import sys, psycopg
connection = psycopg.connect(sys.argv[1], autocommit=True)
print("connected", flush=True)
connection.execute("SELECT pg_sleep(60)")
"""


def test_a_database_is_empty_and_of_the_test_alone(sessions: Sessions, project_id: str) -> None:
    with sessions.reading() as session:
        found = session.execute(text("SELECT id FROM projects")).scalars().all()
    assert found == [project_id]


def test_the_database_of_a_test_is_dropped_although_someone_is_still_connected(
    postgresql_server: Postgres,
) -> None:
    with postgresql_server.database() as url:
        lingering = subprocess.Popen(
            [sys.executable, "-c", CONNECTS, url.set(drivername="postgresql").render_as_string(False)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert lingering.stdout is not None
        lingering.stdout.readline()
    lingering.communicate(timeout=10)
    assert lingering.returncode != 0


def test_the_broker_is_flushed_between_tests(broker_server: Broker, broker_url: str) -> None:
    assert broker_server.client.dbsize() == 0
    broker_server.client.set("left", "behind")


def test_the_broker_is_flushed_between_tests_again(broker_server: Broker, broker_url: str) -> None:
    assert broker_server.client.dbsize() == 0
    broker_server.client.set("left", "behind")


def test_servers_die_with_a_test_process_that_is_killed() -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTS_BOTH], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    host, socket = starter.stdout.readline().split()
    servers = [server for server in psutil.Process(starter.pid).children() if server.is_running()]
    assert len(servers) == 2
    assert redis.Redis(unix_socket_path=socket).ping()

    os.kill(starter.pid, signal.SIGKILL)
    starter.communicate()
    _, alive = psutil.wait_procs(servers, timeout=20)

    assert alive == []
    assert not Path(host, ".s.PGSQL.5432").exists()
    for left in (Path(host), Path(socket).parent):
        shutil.rmtree(left)


def test_the_folder_of_a_killed_run_is_cleared_by_the_next_and_that_of_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    killed, young = tmp_path / "lmb-killed", tmp_path / "lmb-young"
    for folder in (killed, young):
        (folder / "data").mkdir(parents=True)
    living = Folder(tmp_path)
    for folder in (killed, living.path):
        os.utime(folder, (0, 0))

    another = Folder(tmp_path)

    assert set(tmp_path.iterdir()) == {young, living.path, another.path}
    living.remove()
    another.remove()
    assert list(tmp_path.iterdir()) == [young]


def test_the_postgresql_of_the_wheel_serves_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.setenv("TEST_POSTGRESQL", "wheel")

    assert postgres.find_programs().parent.name == "pginstall"
    assert postgres.version()[0] >= 18
