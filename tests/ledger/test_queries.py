"""What people read: by (project, id), newest first, and never a word of another project."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger import lifecycle, queries, workers
from ledger.database import Sessions
from ledger.errors import NotFound
from ledger.queries import Head
from ledger.states import Lane
from ledger.tables import Job
from tests.ledger.builders import a_dataset, a_model, claimed, submitted


@pytest.fixture
def jobs(sessions: Sessions, project_id: str) -> list[Job]:
    """Five of them, newest first."""
    with sessions.writing() as session:
        a_dataset(session, project_id)
        made = [
            submitted(session, project_id, name=f"job-{number}", metadata={"number": str(number)})
            for number in range(5)
        ]
    return sorted(made, key=lambda job: job.id, reverse=True)


def test_pages_follow_each_other_newest_first_until_nothing_is_left(
    sessions: Sessions, project_id: str, jobs: list[Job]
) -> None:
    seen: list[str] = []
    after = None
    with sessions.reading() as session:
        while True:
            page = queries.list_jobs(session, project_id, limit=2, after=after)
            seen += [job.id for job in page.items]
            if not page.has_more:
                break
            after = page.items[-1].id
    assert seen == [job.id for job in jobs]


def test_a_job_that_is_added_meanwhile_does_not_shift_the_pages(
    sessions: Sessions, project_id: str, jobs: list[Job]
) -> None:
    with sessions.writing() as session:
        first = queries.list_jobs(session, project_id, limit=3)
        submitted(session, project_id)
        second = queries.list_jobs(session, project_id, limit=3, after=first.items[-1].id)
    assert [job.id for job in (*first.items, *second.items)] == [job.id for job in jobs]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"status": "queued"}, 5),
        ({"status": "running"}, 0),
        ({"name": "job-3"}, 1),
        ({"metadata": {"number": "3"}}, 1),
        ({"metadata": {"number": "9"}}, 0),
        ({"metadata": {"nothing": "3"}}, 0),
        ({"metadata": {"number": "3"}, "name": "job-2"}, 0),
        ({"metadata": {"number": "\0"}}, 0),
        ({"name": "job\0"}, 0),
        ({"after": "\0"}, 0),
    ],
)
def test_filters_narrow_a_list(
    sessions: Sessions, project_id: str, jobs: list[Job], filters: dict[str, Any], count: int
) -> None:
    with sessions.reading() as session:
        assert len(queries.list_jobs(session, project_id, limit=100, **filters).items) == count


GETTERS: list[Callable[..., Any]] = [
    queries.get_job,
    queries.get_model,
    queries.get_dataset,
    queries.get_file,
    queries.get_artifact,
    queries.get_chore,
]


@pytest.mark.parametrize("get", GETTERS, ids=lambda get: get.__name__)
@pytest.mark.parametrize("id", ["", "job_x", "a\0b", "' OR 1=1 --", "x" * 5000])
def test_whatever_is_asked_for_is_found_or_not_found(
    sessions: Sessions, project_id: str, get: Callable[..., Any], id: str
) -> None:
    with pytest.raises(NotFound), sessions.reading() as session:
        get(session, project_id, id)


def test_another_project_sees_nothing(
    sessions: Sessions, project_id: str, other_project_id: str, jobs: list[Job]
) -> None:
    with sessions.writing() as session:
        model = a_model(session, project_id)
    with sessions.reading() as session:
        for listing in (queries.list_jobs, queries.list_models, queries.list_datasets, queries.list_files):
            page = listing(session, other_project_id, limit=10)
            assert (page.items, page.has_more) == ([], False)
        with pytest.raises(NotFound):
            queries.get_job(session, other_project_id, jobs[0].id)
        with pytest.raises(NotFound):
            queries.get_model(session, other_project_id, model.id)


def test_heads_tell_of_everything_that_can_be_watched_and_leave_out_what_is_gone(
    sessions: Sessions, project_id: str, jobs: list[Job]
) -> None:
    with sessions.writing() as session:
        model = a_model(session, project_id)
        found = queries.heads(session, [jobs[0].id, model.id, "job_gone"])
    assert found == {jobs[0].id: Head("queued", 1), model.id: Head("ready", 0)}


def test_a_running_job_has_no_place_in_the_queue(
    sessions: Sessions, project_id: str, jobs: list[Job]
) -> None:
    with sessions.writing() as session:
        assert queries.waiting(session) == {Lane.CPU: 5}
        claim = claimed(session)
        assert queries.queue_position(session, claim.job) is None
        assert queries.waiting(session) == {Lane.CPU: 4}


def announce(sessions: Sessions, name: str, *, slots: int = 2) -> None:
    with sessions.writing() as session:
        workers.announce(
            session, name=name, lanes=["cpu"], slots=slots, devices=[], memory_bytes=1, sandbox="limits"
        )


def test_a_worker_is_listed_as_it_last_said_of_itself_until_it_departs(
    sessions: Sessions, project_id: str, jobs: list[Job]
) -> None:
    announce(sessions, "w1", slots=1)
    announce(sessions, "w1", slots=4)
    with sessions.writing() as session:
        assert [(worker.name, worker.slots) for worker in workers.list_workers(session)] == [("w1", 4)]
        place = queries.queue_position(session, jobs[-1])
        assert place is not None
        assert place.reason == "waits for a free worker"
        assert workers.list_workers(session, seen_within_s=-1) == []
        workers.forget(session)
        workers.depart(session, "w1")
        assert workers.list_workers(session) == []


def test_one_at_a_time_plays_a_role(sessions: Sessions) -> None:
    def play(owner: str, lease_s: float = 30.0) -> bool:
        with sessions.writing() as session:
            return workers.play(session, "sweep", owner=owner, lease_s=lease_s)

    assert play("a")
    assert not play("b")
    assert play("a", lease_s=-1)
    assert play("b")
    assert not play("a")
    with sessions.writing() as session:
        workers.leave_role(session, "sweep", owner="a")
        workers.leave_role(session, "sweep", owner="b")
    assert play("a")


def test_a_job_in_back_off_says_when_it_is_tried_again(
    sessions: Sessions, project_id: str, jobs: list[Job]
) -> None:
    with sessions.writing() as session:
        for _ in range(2):
            hold = lifecycle.claim_next(session, lanes=["cpu"], worker="w", lease_s=60)
            assert hold is not None
            job = lifecycle.requeue(
                session, hold.hold, exit_kind="signal", exit_code=-9, counted=True, delay_s=60.0
            )
            session.flush()
        place = queries.queue_position(session, job)
    assert place is not None
    assert place.reason.startswith("tried again in ")
