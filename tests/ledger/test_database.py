"""Two kinds of block, on two databases: what they allow, and what they say when it cannot be."""

import sqlite3
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import event, insert, select, text
from sqlalchemy.exc import DBAPIError

from distill.config.document import parse_job
from ledger import identifiers, lifecycle
from ledger.catalog import add_student
from ledger.database import Sessions, connect, now
from ledger.errors import DatabaseBusy
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


def test_a_lock_that_is_not_given_up_in_time_is_busy(sqlite_url: str) -> None:
    sessions = connect(sqlite_url)

    @event.listens_for(sessions.engine, "connect")
    def _impatient(connection: sqlite3.Connection, record: object) -> None:
        connection.execute("PRAGMA busy_timeout = 50")

    with sessions.writing():
        with pytest.raises(DatabaseBusy), sessions.writing():
            pass
        with sessions.reading() as session:
            assert session.scalars(select(Project)).all() == []
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
            add_student(session, session.get_one(Job, job_id), network(), {"parameters": 1})

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
