"""Models and datasets as they are registered, and when they may go."""

import threading
from typing import Any

import pytest

from ledger import catalog, lifecycle
from ledger.database import Sessions
from ledger.errors import InUse, NotFound, SpecInvalid
from ledger.tables import Dataset, File
from tests.ledger.builders import (
    a_dataset,
    a_model,
    network,
    registered,
    submitted,
    taken,
)


def test_registering_makes_the_next_version_and_the_chore_that_inspects_it(
    sessions: Sessions, file: File
) -> None:
    first = registered(
        sessions, file, architecture="cnn", config={"depth": 3}, key_map=[{"from": "a", "to": "b"}]
    )
    second = registered(sessions, file)
    assert (first.version, second.version) == (1, 2)
    claim = taken(sessions)
    assert claim.chore.subject_id == first.id
    assert claim.file is not None
    assert claim.file.id == file.id
    assert claim.chore.request["filename"] == "teacher.pt"
    assert claim.chore.request["key_map"] == [["a", "b"]]
    assert claim.chore.request["config"] == {"depth": 3}


@pytest.mark.parametrize(
    ("declared", "pointer"),
    [
        ({"architecture": "vit"}, "/architecture"),
        ({"architecture": "cnn", "config": {"depht": 3}}, "/config/depht"),
        ({"architecture": "cnn", "config": {"depth": 0}}, "/config/depth"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused_with_its_place(
    sessions: Sessions, file: File, declared: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(SpecInvalid) as refused:
        registered(sessions, file, **declared)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


def test_a_file_of_another_project_is_not_there(
    sessions: Sessions, file: File, other_project_id: str
) -> None:
    with pytest.raises(SpecInvalid) as refused, sessions.writing() as session:
        catalog.register_model(session, project_id=other_project_id, declared={"name": "t"}, file_id=file.id)
    assert refused.value.problems[0].pointer == "/file_id"


def test_an_input_that_a_job_names_cannot_go(
    sessions: Sessions, project_id: str, other_project_id: str
) -> None:
    with sessions.writing() as session:
        dataset = a_dataset(session, project_id)
        job = submitted(session, project_id)
    with pytest.raises(InUse) as refused, sessions.writing() as session:
        catalog.delete_dataset(session, project_id, dataset.id)
    assert refused.value.users == (job.id,)
    with pytest.raises(NotFound), sessions.writing() as session:
        catalog.delete_dataset(session, other_project_id, dataset.id)
    with sessions.writing() as session:
        lifecycle.cancel(session, project_id, job.id)
        lifecycle.delete_job(session, project_id, job.id)
        catalog.delete_dataset(session, project_id, dataset.id)
        assert session.get(Dataset, dataset.id) is None


def test_an_input_cannot_go_while_a_job_that_names_it_is_being_submitted(
    sessions: Sessions, project_id: str
) -> None:
    with sessions.writing() as session:
        dataset = a_dataset(session, project_id)
    refused: list[InUse] = []

    def delete() -> None:
        try:
            with sessions.writing() as session:
                catalog.delete_dataset(session, project_id, dataset.id)
        except InUse as error:
            refused.append(error)

    deleter = threading.Thread(target=delete)
    with sessions.writing() as session:
        job = submitted(session, project_id)
        deleter.start()
        deleter.join(0.3)
        assert deleter.is_alive()
    deleter.join()
    assert [error.users for error in refused] == [(job.id,)]


@pytest.mark.parametrize(
    ("told", "license"),
    [(["mit", "mit"], "mit"), (["mit", "gpl-3.0"], "mit and gpl-3.0"), (["mit", None], None)],
)
def test_a_student_is_bound_by_the_licenses_of_all_that_taught_it(
    sessions: Sessions, project_id: str, told: list[str | None], license: str | None
) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        for name, one in zip(("a", "b"), told, strict=True):
            a_model(session, project_id, name=name).declared = {"name": name, "license": one}
        teachers = {"teacher": None, "teachers": [{"model": "a"}, {"model": "b"}]}
        job = submitted(session, project_id, output={"name": "student"}, **teachers)
        student = catalog.add_student(session, job, network(), {}, [])
    assert student.declared.get("license") == license
