"""One way to the database: `reading()` and `writing()` blocks on SQLite or PostgreSQL."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Double


class clock(FunctionElement[float]):  # noqa: N801 - reads as the SQL function that it is
    """Now, in epoch seconds, by the clock of the database."""

    type = Double()
    inherit_cache = True
    name = "clock"


@compiles(clock, "postgresql")
def _postgresql_clock(element: Any, compiler: Any, **kw: Any) -> str:
    return "extract(epoch from now())::double precision"


@compiles(clock, "sqlite")
def _sqlite_clock(element: Any, compiler: Any, **kw: Any) -> str:
    # unixepoch(..., 'subsec') silently gives NULL before SQLite 3.42.
    return "((julianday('now') - 2440587.5) * 86400.0)"


class Sessions:
    """Opens transactions; the block that opened one ends it.

    Functions of the ledger take the session and never commit. On SQLite `writing()` begins
    IMMEDIATE, so that a read cannot turn into a write that finds the lock taken, and `reading()`
    is refused any write.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that commits at the end of the block, or rolls back on an exception."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            session.connection(execution_options={"limbeck_writes": True})
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that can only read."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            session.connection(execution_options={"limbeck_writes": False})
            yield session

    def dispose(self) -> None:
        self.engine.dispose()


def connect(url: str, *, pool_size: int = 20) -> Sessions:
    """Sessions on the database at `url`; nothing is opened before the first block."""
    if url.startswith("sqlite"):
        return Sessions(_sqlite(url, pool_size))
    return Sessions(_postgresql(url, pool_size))


def _postgresql(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_timeout=10,
        json_serializer=_dumps,
        connect_args={"connect_timeout": 5, "options": "-c timezone=utc"},
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        if connection.get_execution_options().get("limbeck_writes") is False:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    return engine


def _sqlite(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=30,
        json_serializer=_dumps,
        connect_args={"timeout": 15, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the begin event below says BEGIN, not the driver
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("limbeck_writes", True)
        connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")

    return engine


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
