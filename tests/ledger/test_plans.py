"""Every list, and every question that a worker or the sweep asks again and again, is answered from an
index: as PostgreSQL itself chooses, with the statistics of a filled database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import event, make_url
from sqlalchemy.orm import Session

from benchmarks.filled import Filled, fill
from distill.config.networks import Split
from ledger import lifecycle, queries, workers
from ledger.database import Sessions, connect
from ledger.keys import create_key
from ledger.lifecycle.sweep import expire
from ledger.tables import Job, Project
from tests.ledger.builders import a_dataset
from tests.servers.postgres import Postgres

LARGE = ("jobs", "metrics", "events", "attempts", "artifacts")
Question = Callable[[Session, Filled], object]

QUESTIONS: dict[str, Question] = {
    "all jobs": lambda session, filled: queries.list_jobs(session, filled.projects[0], limit=20),
    "all jobs of a small project": lambda session, filled: queries.list_jobs(
        session, filled.projects[-1], limit=20
    ),
    "the next jobs": lambda session, filled: queries.list_jobs(
        session, filled.projects[0], limit=20, after=filled.usual_job
    ),
    "jobs by status": lambda session, filled: queries.list_jobs(
        session, filled.projects[0], limit=20, status="failed"
    ),
    "jobs by name": lambda session, filled: queries.list_jobs(
        session, filled.projects[0], limit=20, name="digits-7"
    ),
    "jobs by metadata": lambda session, filled: queries.list_jobs(
        session, filled.projects[0], limit=20, metadata={"commit": "00000007"}
    ),
    "a job": lambda session, filled: queries.get_job(session, filled.projects[0], filled.usual_job),
    "the figures of a job": lambda session, filled: queries.metrics(session, filled.long_job),
    "one curve of a job": lambda session, filled: queries.metrics(
        session, filled.long_job, names=["train.loss.total"], run="student"
    ),
    "the events of a job": lambda session, filled: queries.events_after(session, filled.long_job, 100),
    "the attempts of a job": lambda session, filled: queries.attempts(session, filled.usual_job),
    "the artifacts of a job": lambda session, filled: queries.artifacts(session, filled.usual_job),
    "the queue": lambda session, filled: queries.list_queue(session, filled.projects[0], limit=20),
    "the last place in the queue": lambda session, filled: queries.queue_position(
        session, session.get_one(Job, filled.waiting_job)
    ),
    "what many wait for": lambda session, filled: queries.heads(
        session, [filled.usual_job, filled.long_job, filled.waiting_job]
    ),
    "a claim": lambda session, filled: lifecycle.claim_next(session, lanes=["cpu"], worker="w", lease_s=60),
    "leases that are over": lambda session, filled: expire(session),
    "work that waits": lambda session, filled: queries.waiting(session),
    "free slots": lambda session, filled: queries.free_slots(session),
}


class _Undone(Exception):
    pass


@pytest.fixture(scope="module")
def filled(postgresql_server: Postgres, postgresql_template: str) -> Iterator[tuple[Sessions, Filled]]:
    with postgresql_server.database(template=postgresql_template) as url:
        sessions = connect(url.render_as_string(hide_password=False))
        with sessions.writing() as session:
            session.add(Project(id="prj_first", name="default"))
            session.flush()
            create_key(session, project_id="prj_first", name="key")
            enough = Split(file="f", sha256="0" * 64, examples=1000, labeled=1000, class_counts=[])
            splits = dict.fromkeys(("train", "validation", "test"), enough)
            dataset = a_dataset(session, "prj_first", splits=splits)
            workers.announce(
                session, name="w", lanes=["cpu"], slots=8, devices=[], memory_bytes=1, sandbox="limits"
            )
        conninfo = make_url(str(url)).set(drivername="postgresql").render_as_string(hide_password=False)
        yield (
            sessions,
            fill(
                conninfo,
                jobs=4000,
                queued=400,
                metrics=200_000,
                project_id="prj_first",
                dataset_id=dataset.id,
            ),
        )
        sessions.dispose()


@contextmanager
def asked(sessions: Sessions) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are sent meanwhile."""
    statements: list[tuple[str, Any]] = []

    def keep(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(sessions.engine, "before_cursor_execute", keep)
    try:
        yield statements
    finally:
        event.remove(sessions.engine, "before_cursor_execute", keep)


def plans(sessions: Sessions, statements: list[tuple[str, Any]]) -> Iterator[str]:
    for statement, parameters in statements:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            with sessions.engine.connect() as connection:
                rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
                yield "\n".join(line for (line,) in rows)


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_large_table_is_read_whole(filled: tuple[Sessions, Filled], name: str) -> None:
    sessions, there = filled
    with asked(sessions) as statements, suppress(_Undone), sessions.writing() as session:
        QUESTIONS[name](session, there)
        raise _Undone
    explained = list(plans(sessions, statements))
    assert explained
    for plan in explained:
        whole = [line for line in plan.splitlines() if "Seq Scan" in line and _table(line) in LARGE]
        assert whole == [], plan


def test_a_table_that_is_read_whole_is_noticed(filled: tuple[Sessions, Filled]) -> None:
    sessions, _ = filled
    (plan,) = plans(sessions, [("SELECT id FROM jobs WHERE conclusion = 'passed'", ())])
    assert "Seq Scan on jobs" in plan


def test_the_places_of_a_page_cost_no_more_questions_than_that_of_one_job(
    filled: tuple[Sessions, Filled],
) -> None:
    sessions, there = filled
    counts = []
    for limit in (1, 100):
        with sessions.reading() as session:
            page = queries.list_queue(session, there.projects[0], limit=limit)
            with asked(sessions) as statements:
                places = queries.queue_places(session, page.items)
        assert [places[job.id].position for job in page.items] == list(range(1, limit + 1))
        counts.append(len(statements))
    assert counts[0] == counts[1]


def test_the_queue_is_shown_page_by_page_without_a_gap(filled: tuple[Sessions, Filled]) -> None:
    sessions, there = filled
    seen: list[int] = []
    after = None
    with sessions.reading() as session:
        while True:
            page = queries.list_queue(session, there.projects[0], limit=50, after=after)
            shuffled = sorted(page.items, key=lambda job: hash(job.id))
            places = queries.queue_places(session, shuffled)
            seen += [places[job.id].position for job in page.items]
            if not page.has_more:
                break
            after = page.items[-1].id
    assert len(seen) > 100
    assert seen == list(range(1, len(seen) + 1))


def _table(line: str) -> str:
    return line.split(" on ")[1].split()[0]
