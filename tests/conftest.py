"""Fixtures for all tests: both databases, a real broker, a store, and settings that use them.

Each test process starts its servers when a test first asks for one, and stops them at its end.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import alembic.command
import hypothesis
import pytest

from ledger.database import Sessions, connect
from ledger.files import Store
from ledger.identifiers import new_id
from ledger.settings import Settings
from ledger.tables import Project
from migrations import __main__ as migrations
from tests.servers import postgres, redis
from tests.servers.process import Unavailable

# A machine that is busy with other tests is slow, and a slow test no wrong one.
hypothesis.settings.register_profile("patient", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("patient")


def pytest_report_header() -> list[str]:
    return [f"servers: {_describe(postgres)}, {_describe(redis)}"]


def pytest_sessionstart(session: pytest.Session) -> None:
    """`LIMBECK_TEST_REQUIRE_REAL=1`: the run proves nothing unless both servers are real ones."""
    if os.environ.get("LIMBECK_TEST_REQUIRE_REAL") != "1" or hasattr(session.config, "workerinput"):
        return
    try:
        major, database = postgres.version()
        is_redis, broker = redis.version()
    except Unavailable as missing:
        raise pytest.UsageError(str(missing)) from None
    if major < 15:
        raise pytest.UsageError(f"{database} is too old: the tests need PostgreSQL 15 or later")
    if not is_redis:
        raise pytest.UsageError(f"{broker} is not Redis: install `redis-server`, or set TEST_REDIS_URL")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgres.Postgres]:
    with postgres.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def broker_server() -> Iterator[redis.Broker]:
    with redis.broker() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: postgres.Postgres) -> Iterator[str]:
    """The name of a migrated, empty database that tests copy."""
    with postgresql_server.database() as url:
        _migrate(url.render_as_string(hide_password=False))
        assert url.database is not None
        yield url.database


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database file that tests copy."""
    path = tmp_path_factory.mktemp("template") / "limbeck.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "limbeck.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql_server: postgres.Postgres, postgresql_template: str) -> Iterator[str]:
    with postgresql_server.database(template=postgresql_template) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database of the test's own, once of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    sessions = connect(database_url)
    yield sessions
    sessions.dispose()


@pytest.fixture
def project_id(sessions: Sessions) -> str:
    """The default project."""
    return _add_project(sessions, "default")


@pytest.fixture
def other_project_id(sessions: Sessions) -> str:
    """A second project, which must never see a thing of the first."""
    return _add_project(sessions, "other")


@pytest.fixture
def broker_url(broker_server: redis.Broker) -> str:
    broker_server.flush()
    return broker_server.url


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"file://{tmp_path / 'store'}")


@pytest.fixture
def settings(database_url: str, broker_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url,
        broker_url=broker_url,
        store_url=f"file://{tmp_path / 'store'}",
        work_dir=tmp_path / "work",
    )


def _migrate(url: str) -> None:
    alembic.command.upgrade(migrations.config(url), "head")


def _add_project(sessions: Sessions, name: str) -> str:
    project = Project(id=new_id("prj_"), name=name)
    with sessions.writing() as session:
        session.add(project)
    return project.id


def _describe(server: object) -> str:
    try:
        return str(server.version()[1])  # type: ignore[attr-defined]
    except Unavailable as missing:
        return str(missing)
