"""Two kinds of block, on two databases: what they allow, and what they say when it cannot be."""

import sqlite3
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import event, insert, select, text
from sqlalchemy.exc import DBAPIError

from distill.config.document import parse_job
from ledger import database, identifiers, lifecycle
from ledger.catalog import add_student
from ledger.database import Sessions, connect, now
from ledger.errors import DatabaseBusy, DatabaseFull
from ledger.identifiers import is_id, new_id
from ledger.tables import Job, Model, Project
from tests.ledger.builders import a_dataset, network, raw_document, submitted


def test_a_writing_block_commits_at_its_end_and_rolls_back_on_an_exception(sessions: Sessions) -> None:
    with sessions.writing() as session:
        session.add(Project(id="prj_1", name="kept"))
    with pytest.raises(ZeroDivisionError), sessions.writing() as session:
        session.add(Project(id="prj_2", name=str(1 / 0)))
    with sessions.reading() as session:
        assert session.scalars(select(Project.name)).all() == ["kept"]


def test_a_reading_block_is_refused_any_write_and_the_next_block_may_write(sessions: Sessions) -> None:
    with pytest.raises(DBAPIError), sessions.reading() as session:
        session.execute(insert(Project).values(id="prj_1", name="lost"))
    with sessions.writing() as session:
        session.add(Project(id="prj_1", name="kept"))


def test_the_clock_is_that_of_the_database_in_epoch_seconds(sessions: Sessions) -> None:
    with sessions.reading() as session:
        assert abs(now(session) - time.time()) < 5


def test_a_mistake_in_a_statement_is_no_busy_database(sessions: Sessions) -> None:
    with pytest.raises(DBAPIError), sessions.reading() as session:
        session.execute(text("SELECT nothing FROM nowhere"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://nobody@127.0.0.1:1/limbeck",
        "sqlite:////nowhere/at/all/limbeck.db",
    ],
)
def test_a_database_that_cannot_be_reached_is_busy(url: str) -> None:
    sessions = connect(url)
    with pytest.raises(DatabaseBusy), sessions.reading() as session:
        session.execute(text("SELECT 1"))
    sessions.dispose()


def test_a_lock_that_is_not_given_up_in_time_is_busy(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same process, which waits for its turn, and in another."""
    monkeypatch.setattr(database, "_PATIENCE_S", 0.05)
    sessions, elsewhere = connect(sqlite_url), connect(sqlite_url)
    with sessions.writing():
        for others in (sessions, elsewhere):
            with pytest.raises(DatabaseBusy), others.writing():
                pass
            with others.reading() as session:
                assert session.scalars(select(Project)).all() == []
    for others in (sessions, elsewhere):
        with others.writing():
            pass  # whoever waited in vain holds nobody up
        others.dispose()


def test_a_full_disk_is_said_to_be_full(sqlite_url: str, postgresql_url: str) -> None:
    small, other = connect(sqlite_url), connect(postgresql_url)

    @event.listens_for(small.engine, "connect")
    def _small(connection: sqlite3.Connection, record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # that is, as many as there are

    with pytest.raises(DatabaseFull, match="full"), small.writing() as session:
        session.add(Project(id="prj_1", name="x" * 10**6))
    with pytest.raises(DatabaseFull, match="full"), other.writing() as session:
        session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$"))
    for sessions in (small, other):
        sessions.dispose()


def test_of_many_who_submit_one_dedupe_key_at_once_one_creates(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
    raw = raw_document(dedupe_key="nightly")
    created: list[bool] = []
    start = threading.Barrier(4)

    def submit() -> None:
        start.wait()
        with sessions.writing() as session:
            submission = lifecycle.submit(session, project_id=project_id, document=parse_job(raw), raw=raw)
        created.append(submission.created)

    together(submit, 4)
    assert sorted(created) == [False, False, False, True]


def test_students_that_finish_at_once_become_versions_one_after_the_other(
    sessions: Sessions, project_id: str
) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        jobs = [submitted(session, project_id, output={"name": "student"}).id for _ in range(4)]
    start = threading.Barrier(4)

    def finish() -> None:
        job_id = jobs.pop()
        start.wait()
        with sessions.writing() as session:
            add_student(session, session.get_one(Job, job_id), network(), {"parameters": 1}, [])

    together(finish, 4)
    with sessions.reading() as session:
        assert session.scalars(select(Model.version).order_by(Model.version)).all() == [1, 2, 3, 4]


def together(work: Callable[[], None], count: int) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_ids_sort_by_their_birth_and_are_told_apart_by_their_prefix(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    born = iter([1_000_000_000, 1_001_000_000])
    monkeypatch.setattr(identifiers.time, "time_ns", lambda: next(born))
    older, newer = new_id("job_"), new_id("job_")
    assert older < newer
    assert is_id(older, "job_")
    assert not is_id(older, "mdl_")
    assert not is_id("job_digits", "job_")
