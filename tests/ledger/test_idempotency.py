"""The same POST twice creates once, whatever dies in between."""

import threading
from typing import Any

import pytest
from sqlalchemy import func, select, update

from ledger import idempotency
from ledger.database import Sessions, clock
from ledger.errors import IdempotencyInFlight, IdempotencyMismatch
from ledger.idempotency import Key, Replay, Started
from ledger.identifiers import new_id
from ledger.tables import IdempotencyKey, Project

ANSWER: dict[str, Any] = {"id": "job_1"}


@pytest.fixture
def key(project_id: str) -> Key:
    return Key(project_id, "k-1", "POST", "/v1/jobs")


def begin(sessions: Sessions, key: Key, body: str | None = "a" * 64, **more: Any) -> Started | Replay:
    with sessions.writing() as session:
        return idempotency.begin(session, key, request_sha256=body, **more)


def started(sessions: Sessions, key: Key, **more: Any) -> Started:
    begun = begin(sessions, key, **more)
    assert isinstance(begun, Started)
    return begun


def finish(sessions: Sessions, mine: Started, *, name: str | None = None) -> None:
    """Create an object and store the answer, in one transaction."""
    with sessions.writing() as session:
        session.add(Project(id=new_id("prj_"), name=name or new_id("prj_")))
        idempotency.finish(
            session, mine, request_sha256="a" * 64, status=201, headers={"Location": "/x"}, body=ANSWER
        )


def expire(sessions: Sessions) -> None:
    with sessions.writing() as session:
        session.execute(update(IdempotencyKey).values(lease_expires_at=clock() - 1))


def test_a_repeat_gets_the_first_answer(sessions: Sessions, key: Key) -> None:
    finish(sessions, started(sessions, key))
    assert begin(sessions, key) == Replay(201, {"Location": "/x"}, ANSWER, "a" * 64)


def test_another_body_under_the_same_key_is_a_mismatch(sessions: Sessions, key: Key) -> None:
    mine = started(sessions, key)
    with pytest.raises(IdempotencyMismatch):
        begin(sessions, key, "b" * 64)
    finish(sessions, mine)
    with pytest.raises(IdempotencyMismatch):
        begin(sessions, key, "b" * 64)


def test_a_repeat_in_flight_is_told_when_to_come_again(sessions: Sessions, key: Key) -> None:
    started(sessions, key)
    with pytest.raises(IdempotencyInFlight) as refused:
        begin(sessions, key)
    assert 55 <= refused.value.retry_after <= 60


def test_project_method_and_path_are_part_of_the_scope(
    sessions: Sessions, key: Key, other_project_id: str
) -> None:
    finish(sessions, started(sessions, key))
    for other in (
        Key(other_project_id, key.key, key.method, key.path),
        Key(key.project_id, key.key, "PUT", key.path),
        Key(key.project_id, key.key, key.method, "/v1/models"),
    ):
        assert isinstance(begin(sessions, other), Started)


def test_after_a_crash_the_next_try_proceeds_once_the_lease_is_over(sessions: Sessions, key: Key) -> None:
    dead = started(sessions, key)
    expire(sessions)
    again = started(sessions, key)
    assert again.token != dead.token
    with pytest.raises(IdempotencyInFlight):  # it was not dead, only slow
        finish(sessions, dead, name="written by the dead")
    finish(sessions, again, name="written by the living")
    with sessions.reading() as session:
        names = session.scalars(select(Project.name)).all()
    assert "written by the living" in names
    assert "written by the dead" not in names


def test_a_claim_that_is_renewed_outlives_its_first_lease(sessions: Sessions, key: Key) -> None:
    mine = started(sessions, key, lease_s=0.0)
    with sessions.writing() as session:
        idempotency.renew(session, mine)
    with pytest.raises(IdempotencyInFlight):
        begin(sessions, key)


def test_a_claim_that_was_taken_over_cannot_be_renewed(sessions: Sessions, key: Key) -> None:
    mine = started(sessions, key)
    expire(sessions)
    started(sessions, key)
    with pytest.raises(IdempotencyInFlight), sessions.writing() as session:
        idempotency.renew(session, mine)


def test_an_answer_and_what_it_answers_for_are_stored_together_or_not_at_all(
    sessions: Sessions, key: Key
) -> None:
    mine = started(sessions, key)
    with sessions.writing() as session:
        session.add(Project(id=new_id("prj_"), name="lost"))
        idempotency.finish(session, mine, request_sha256="a" * 64, status=201, headers={}, body=ANSWER)
        session.rollback()
    expire(sessions)
    assert isinstance(begin(sessions, key), Started)
    with sessions.reading() as session:
        assert session.scalars(select(Project).where(Project.name == "lost")).all() == []


def test_an_abandoned_key_is_free_at_once(sessions: Sessions, key: Key) -> None:
    mine = started(sessions, key)
    with sessions.writing() as session:
        idempotency.abandon(session, mine)
    finish(sessions, started(sessions, key))
    with sessions.writing() as session:
        idempotency.abandon(session, mine)
    assert isinstance(begin(sessions, key), Replay)


def test_a_streamed_body_is_compared_once_it_is_received(sessions: Sessions, key: Key) -> None:
    mine = started(sessions, key, body=None)
    finish(sessions, mine)
    replay = begin(sessions, key, None)
    assert isinstance(replay, Replay)
    idempotency.require_same(replay, "a" * 64)
    with pytest.raises(IdempotencyMismatch):
        idempotency.require_same(replay, "b" * 64)


def test_a_key_is_new_again_after_a_day(sessions: Sessions, key: Key) -> None:
    finish(sessions, started(sessions, key))
    with sessions.writing() as session:
        session.execute(update(IdempotencyKey).values(created_at=clock() - idempotency.KEPT_S))
    assert isinstance(begin(sessions, key, "b" * 64), Started)


def test_the_sweep_forgets_keys_that_are_a_day_old(sessions: Sessions, key: Key) -> None:
    finish(sessions, started(sessions, key))
    with sessions.writing() as session:
        idempotency.forget(session)
        assert session.scalars(select(func.count()).select_from(IdempotencyKey)).one() == 1
        session.execute(update(IdempotencyKey).values(created_at=clock() - idempotency.KEPT_S))
        idempotency.forget(session)
        assert session.scalars(select(func.count()).select_from(IdempotencyKey)).one() == 0


def test_of_many_that_come_at_once_one_starts(sessions: Sessions, key: Key) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(5)

    def ask() -> None:
        start.wait()
        try:
            outcomes.append(type(begin(sessions, key)).__name__)
        except IdempotencyInFlight:
            outcomes.append("in flight")

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["Started", *["in flight"] * 4]
