"""How Alembic meets the database: one transaction, one migration at a time, rows of all tables safe."""

from alembic import context
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text

from ledger.tables import Table

_ONE_AT_A_TIME = 7_405_196_318
"""The key of the advisory lock on PostgreSQL."""


def main() -> None:
    engine = _engine(context.config.get_main_option("sqlalchemy.url") or "")
    with engine.connect() as connection, connection.begin():
        _wait_for_other_migrations(connection)
        context.configure(
            connection=connection,
            target_metadata=Table.metadata,
            render_as_batch=True,
            compare_type=True,
            transactional_ddl=True,
            include_object=lambda item, *_: item.info.get("only_on") in (None, connection.dialect.name),
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": 60})

    @event.listens_for(engine, "connect")
    def _configure(connection, record):  # type: ignore[no-untyped-def]
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        # A batch migration copies a table and drops the old one, which must not cascade.
        connection.execute("PRAGMA foreign_keys = OFF")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _wait_for_other_migrations(connection: Connection) -> None:
    """On SQLite the transaction itself has begun IMMEDIATE, and so waited."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})


main()
