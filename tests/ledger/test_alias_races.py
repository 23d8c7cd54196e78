"""Aliases that several writers want at once, on both databases."""

import threading
from collections.abc import Callable
from itertools import pairwise

from ledger import aliases, catalog, lifecycle, queries
from ledger.aliases import Wish
from ledger.database import Sessions
from ledger.errors import InUse, SpecInvalid
from ledger.tables import Model
from tests.ledger.builders import (
    KEY,
    a_student,
    claimed,
    finished,
    meant,
    network,
    pointed,
    submitted,
)


def test_many_moves_of_one_alias_at_once_take_turns(
    sessions: Sessions, project_id: str, two_versions: list[Model]
) -> None:
    _at_once(*(lambda version=version: pointed(sessions, project_id, version) for version in (1, 2) * 4))

    with sessions.reading() as session:
        history = aliases.moves(session, project_id, "s", "production")
    assert [move.number for move in history] == list(range(len(history), 0, -1))
    assert meant(sessions, project_id, "s@production") == history[0].version
    assert all(later.version != earlier.version for later, earlier in pairwise(history))


def test_an_alias_that_is_being_moved_to_a_version_keeps_it(
    sessions: Sessions, project_id: str, two_versions: list[Model]
) -> None:
    job = a_student(sessions, project_id)
    with sessions.reading() as session:
        student = queries.find_model(session, project_id, "s")
    refused: list[InUse] = []

    def delete(what: Callable[..., None], id: str) -> None:
        try:
            with sessions.writing() as session:
                what(session, project_id, id)
        except InUse as error:
            refused.append(error)

    deleters = [
        threading.Thread(target=delete, args=args)
        for args in ((catalog.delete_model, student.id), (lifecycle.delete_job, job.id))
    ]
    with sessions.writing() as session:
        aliases.move(session, project_id=project_id, name="s", alias="a", wish=Wish(3, by=KEY))
        for deleter in deleters:
            deleter.start()
        for deleter in deleters:
            deleter.join(0.3)
            assert deleter.is_alive()
    for deleter in deleters:
        deleter.join()
    assert [error.users for error in refused] == [("s@a",), ("s@a",)]


def test_an_alias_cannot_be_moved_to_what_is_just_being_deleted(
    sessions: Sessions, project_id: str, two_versions: list[Model]
) -> None:
    refused: list[SpecInvalid] = []

    def move() -> None:
        try:
            pointed(sessions, project_id, 2)
        except SpecInvalid as error:
            refused.append(error)

    mover = threading.Thread(target=move)
    with sessions.writing() as session:
        catalog.delete_model(session, project_id, two_versions[1].id)
        mover.start()
        mover.join(0.3)
        assert mover.is_alive()
    mover.join()
    assert [problem.code for error in refused for problem in error.problems] == ["unknown_version"]


def test_of_jobs_that_end_together_the_alias_points_to_the_newest_student(
    sessions: Sessions, project_id: str, two_versions: list[Model]
) -> None:
    with sessions.writing() as session:
        for _ in range(4):
            submitted(session, project_id, output={"name": "s", "alias": "candidate"})
        holds = [claimed(session).hold for _ in range(4)]

    def end(hold: lifecycle.Hold) -> None:
        with sessions.writing() as session:
            lifecycle.succeed(session, hold, finished=finished(student=network()), artifacts=[])

    _at_once(*(lambda hold=hold: end(hold) for hold in holds))

    assert meant(sessions, project_id, "s@candidate") == meant(sessions, project_id, "s") == 6
    with sessions.reading() as session:
        history = aliases.moves(session, project_id, "s", "candidate")
    assert [(move.number, move.version) for move in history] == [(4, 6), (3, 5), (2, 4), (1, 3)]


def _at_once(*calls: Callable[[], object]) -> None:
    """All of them from threads that begin together; an exception in one is one of the test."""
    ready = threading.Barrier(len(calls))
    errors: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        ready.wait()
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
