"""One way to the database: `reading()` and `writing()` blocks on SQLite or PostgreSQL."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Double

from ledger.errors import DatabaseBusy, DatabaseFull


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


def now(session: Session) -> float:
    """Epoch seconds by the clock of the database."""
    return session.scalars(select(clock())).one()


_PATIENCE_S = 15.0
"""How long a writer waits for SQLite's one write lock: within its process, then among all of them."""


class Sessions:
    """Opens transactions; the block that opened one ends it.

    Functions of the ledger take the session and never commit. On SQLite `writing()` begins
    IMMEDIATE, so that a read cannot turn into a write that finds the lock taken, and `reading()`
    is refused any write. A database that does not answer or give way raises `DatabaseBusy`, one
    whose disk is full its kind `DatabaseFull`.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # SQLite's own wait for its one writer is a lottery; the threads of a process take turns.
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that commits at the end of the block, or rolls back on an exception."""
        with self._in_turn(), self._transaction(writes=True) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that can only read."""
        with self._transaction(writes=False) as session:
            yield session

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        if self._turn is None:
            yield
            return
        if not self._turn.acquire(timeout=_PATIENCE_S):
            raise DatabaseBusy("the database did not give way in time")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Session]:
        try:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                session.connection(execution_options={"limbeck_writes": writes})
                yield session
        except (DBAPIError, PoolTimeout) as error:
            if not _passes(error):
                raise
            if _is_full(error):
                raise DatabaseFull(
                    "the disk of the database is full; delete files or jobs that nobody needs"
                ) from error
            raise DatabaseBusy("the database did not answer or give way in time") from error

    def dispose(self) -> None:
        self.engine.dispose()


def insert_or_replace(
    session: Session, table: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert the rows; where the primary key is there already, the new values take its place."""
    keys = [column.name for column in inspect(table).primary_key]
    insert = _insert(session, table)
    fresh = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    session.execute(insert.on_conflict_do_update(index_elements=keys, set_=fresh), list(rows))


def insert_or_keep(session: Session, table: type[DeclarativeBase], row: Mapping[str, Any]) -> bool:
    """Insert the row unless its key is there already; returns whether it was inserted."""
    insert = _insert(session, table).values(**row).on_conflict_do_nothing()
    keys = inspect(table).primary_key
    return session.execute(insert.returning(*keys)).one_or_none() is not None


def _insert(session: Session, table: type[DeclarativeBase]) -> sqlite.Insert | postgresql.Insert:
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def connect(url: str, *, pool_size: int = 20) -> Sessions:
    """Sessions on the database at `url`; nothing is opened before the first block."""
    if url.startswith("sqlite"):
        return Sessions(_sqlite(url, pool_size))
    return Sessions(_postgresql(url, pool_size))


_IDLE_S = 15
"""Whoever is frozen within a transaction loses it, so that the rows it has locked come free for the
sweep. (SQLite has no such way: a process that is stopped with the write lock in hand stops all.)"""

_NO_COMPILER = "-c jit=off"
"""PostgreSQL would spend 70 ms on compiling a claim that then takes 0.3 ms, where it thinks that it
costs much: and so it thinks of small tables that were never analyzed."""


def _postgresql(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_timeout=10,
        json_serializer=_dumps,
        connect_args={
            "connect_timeout": 5,
            "keepalives_idle": 10,  # a server that went without a word is noticed within the lease
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 25_000,
            "options": f"-c timezone=utc {_NO_COMPILER} -c idle_in_transaction_session_timeout={_IDLE_S}s",
        },
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        if connection.get_execution_options().get("limbeck_writes") is False:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    @event.listens_for(engine, "after_cursor_execute")
    def _count_idleness_again(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if many:  # psycopg sent it in a pipeline, at whose end PostgreSQL stops its clock of idleness
            cursor.connection.execute("SELECT 1")

    return engine


def _sqlite(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=30,
        json_serializer=_dumps,
        connect_args={"timeout": _PATIENCE_S, "check_same_thread": False},
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


_PASSING = ("08", "40", "53", "55P03", "57")
"""PostgreSQL's classes: connection, rollback, resources, lock not available, shutdown."""
_DISK_FULL = "53100"


def _passes(error: DBAPIError | PoolTimeout) -> bool:
    """Whether the same transaction may well succeed in a moment."""
    if isinstance(error, PoolTimeout | InterfaceError):
        return True
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_PASSING)
    said = str(error.orig)
    return isinstance(error, OperationalError) and not said.startswith(
        ("no such", "attempt to write", "near")
    )


def _is_full(error: DBAPIError | PoolTimeout) -> bool:
    cause = getattr(error, "orig", None)
    return getattr(cause, "sqlstate", None) == _DISK_FULL or "disk is full" in str(cause)


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
