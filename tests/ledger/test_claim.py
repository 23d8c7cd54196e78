"""Who gets which job: one compare-and-swap, however many ask."""

import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from ledger import lifecycle, queries
from ledger.database import Sessions, connect
from ledger.states import InputStatus, JobStatus
from ledger.tables import Attempt, Dataset, Job, Model, Project
from tests.ledger.builders import a_dataset, a_model, claimed, data, finished, network, submitted

JOBS = 24

CLAIM_UNTIL_NOTHING_IS_LEFT = """
import sys
from ledger import lifecycle
from ledger.database import connect
sessions = connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
while True:
    with sessions.writing() as session:
        claim = lifecycle.claim_next(session, lanes=["cpu"], worker=sys.argv[2], lease_s=60)
    if claim is None:
        break
    print(claim.job.id, flush=True)
"""


@pytest.fixture
def waiting_jobs(sessions: Sessions, project_id: str) -> list[str]:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        return [submitted(session, project_id).id for _ in range(JOBS)]


def test_threads_that_race_never_claim_one_job_twice(sessions: Sessions, waiting_jobs: list[str]) -> None:
    taken: list[str] = []
    failures: list[BaseException] = []
    start = threading.Barrier(6)

    def work(name: str) -> None:
        try:
            start.wait()
            while True:
                with sessions.writing() as session:
                    claim = lifecycle.claim_next(session, lanes=["cpu"], worker=name, lease_s=60)
                if claim is None:
                    return
                taken.append(claim.job.id)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(taken) == sorted(waiting_jobs)


def test_processes_that_race_never_claim_one_job_twice(
    sessions: Sessions, database_url: str, waiting_jobs: list[str]
) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM_UNTIL_NOTHING_IS_LEFT, database_url, f"w{number}"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    taken = Counter(line for process in processes for line in process.communicate(timeout=60)[0].splitlines())
    assert sorted(taken) == sorted(waiting_jobs)
    assert set(taken.values()) == {1}
    with sessions.reading() as session:
        assert len(session.scalars(select(Attempt)).all()) == JOBS


def test_on_postgresql_a_claim_does_not_wait_for_one_that_has_not_committed_yet(
    postgresql_url: str,
) -> None:
    sessions = connect(postgresql_url)
    with sessions.writing() as session:
        session.add(Project(id="prj_1", name="default"))
        session.flush()
        a_dataset(session, "prj_1")
        waiting = sorted(submitted(session, "prj_1").id for _ in range(2))
    with sessions.writing() as first, sessions.writing() as second:
        assert [claimed(first).job.id, claimed(second).job.id] == waiting
    sessions.dispose()


def test_higher_priority_goes_first_and_among_equals_the_older(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        jobs = {
            name: submitted(session, project_id, name=name, priority=priority)
            for name, priority in (("first", 0), ("low", -5), ("urgent", 9), ("second", 0), ("urgent-2", 9))
        }
        # Ids born within one millisecond sort at random; give them the order of their births.
        order = [claimed(session).job.name for _ in jobs]
    by_birth = sorted(jobs, key=lambda name: (-jobs[name].priority, jobs[name].id))
    assert order == by_birth


def test_a_job_for_a_gpu_is_claimed_from_the_gpu_lane_alone(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        job = submitted(session, project_id, resources={"gpus": 1})
        assert lifecycle.claim_next(session, lanes=["cpu"], worker="w", lease_s=60) is None
        claim = lifecycle.claim_next(session, lanes=["gpu"], worker="w", lease_s=60)
    assert claim is not None
    assert claim.job.id == job.id


@pytest.mark.parametrize("late", ["teacher", "dataset"])
def test_a_job_waits_while_an_input_is_inspected_and_says_so(
    sessions: Sessions, project_id: str, late: str
) -> None:
    status = {late: InputStatus.INSPECTING}
    with sessions.writing() as session:
        dataset = a_dataset(session, project_id, status=status.get("dataset", InputStatus.READY))
        teacher = a_model(session, project_id, status=status.get("teacher", InputStatus.READY))
        job = submitted(session, project_id, teacher="teacher")
        assert lifecycle.claim_next(session, lanes=["cpu"], worker="w", lease_s=60) is None
        place = queries.queue_position(session, job)
        assert place is not None
        assert (
            place.reason == f"its {late} {(teacher if late == 'teacher' else dataset).id} is being inspected"
        )
        assert queries.waiting(session) == {}
        make_ready(teacher, dataset)
        claim = claimed(session)
    assert (claim.job.id, claim.inputs.dataset.id) == (job.id, dataset.id)
    assert [one.id for one in claim.inputs.teachers] == [teacher.id]


def test_inputs_that_turn_out_not_to_fit_fail_the_job_and_the_next_one_is_claimed(
    sessions: Sessions, project_id: str
) -> None:
    with sessions.writing() as session:
        dataset = a_dataset(session, project_id, status=InputStatus.INSPECTING)
        teacher = a_model(session, project_id, status=InputStatus.INSPECTING)
        unfit = submitted(session, project_id, teacher="teacher", priority=1)
        fit = submitted(session, project_id)
        make_ready(teacher, dataset, labels=[f"LABEL_{number}" for number in range(10)])
        assert claimed(session).job.id == fit.id
    with sessions.reading() as session:
        failed = queries.get_job(session, project_id, unfit.id)
        (attempt,) = queries.attempts(session, unfit.id)
    assert failed.status == JobStatus.FAILED
    assert failed.error is not None
    assert (failed.error["code"], failed.error["class"]) == ("label_order_unknown", "user")
    assert failed.error["pointer"] == "/teacher"
    assert attempt.exit_kind == "failed"


def make_ready(teacher: Model, dataset: Dataset, **changes: object) -> None:
    teacher.status = InputStatus.READY
    teacher.network = network(**changes).model_dump(mode="json")
    dataset.status = InputStatus.READY
    dataset.data = data().model_dump(mode="json")


@pytest.fixture
def two_projects(sessions: Sessions, project_id: str, other_project_id: str) -> tuple[str, str]:
    """The first has four jobs that wait, of a higher priority than the two of the second."""
    with sessions.writing() as session:
        for owner, count, priority in ((project_id, 4, 9), (other_project_id, 2, 0)):
            a_dataset(session, owner)
            for _ in range(count):
                submitted(session, owner, priority=priority)
    return project_id, other_project_id


def owners_of_claims(sessions: Sessions, *, at_once: bool) -> list[str]:
    """Whose jobs are claimed, until none is left; `at_once` none ends before the last has begun."""
    owners = []
    while True:
        with sessions.writing() as session:
            claim = lifecycle.claim_next(session, lanes=["cpu", "gpu"], worker="w", lease_s=60)
            if claim is None:
                return owners
            owners.append(claim.job.project_id)
            if not at_once:
                lifecycle.succeed(session, claim.hold, finished=finished(), artifacts=[])


@pytest.mark.parametrize("at_once", [True, False], ids=["six slots", "one slot"])
def test_projects_take_turns_however_many_jobs_one_of_them_has_and_of_whatever_priority(
    sessions: Sessions, two_projects: tuple[str, str], at_once: bool
) -> None:
    many, few = two_projects
    assert owners_of_claims(sessions, at_once=at_once) == [many, few, many, few, many, many]


def test_a_project_that_has_less_running_goes_before_one_that_was_served_longer_ago(
    sessions: Sessions, two_projects: tuple[str, str]
) -> None:
    many, few = two_projects
    with sessions.writing() as session:
        assert claimed(session).job.project_id == many
        done = claimed(session)
        assert done.job.project_id == few
        lifecycle.succeed(session, done.hold, finished=finished(), artifacts=[])
        assert claimed(session).job.project_id == few


def test_within_a_project_priority_decides_across_the_lanes_of_a_slot(
    sessions: Sessions, project_id: str
) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        low = submitted(session, project_id)
        high = submitted(session, project_id, resources={"gpus": 1}, priority=1)
        assert [claimed(session).job.id for _ in range(2)] == [high.id, low.id]


def test_the_queue_position_counts_what_goes_first_in_the_own_project(
    sessions: Sessions, project_id: str, other_project_id: str
) -> None:
    with sessions.writing() as session:
        for owner in (project_id, other_project_id):
            a_dataset(session, owner)
        for _ in range(3):
            submitted(session, other_project_id, priority=9)
        job = submitted(session, project_id)
        assert session.get_one(Job, job.id)
        submitted(session, project_id, priority=5)
        place = queries.queue_position(session, job)
    assert place is not None
    assert place.position == 2
    assert place.reason == "no worker of the lane 'cpu' is alive; start one"
