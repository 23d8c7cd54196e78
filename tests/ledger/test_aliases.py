"""Names that move between the versions of a model, and what they hold fast."""

import pytest

from ledger import aliases, catalog, lifecycle, queries
from ledger.database import Sessions
from ledger.errors import GatesNotPassed, InputRejected, InputsNotReady, InUse, NotFound, SpecInvalid
from ledger.states import InputStatus
from ledger.tables import Event, Model
from tests.ledger.builders import KEY, a_model, a_student, meant, pointed

FAILED_GATE = {"metric": "accuracy", "on": "student", "relative_to": "teacher", "verdict": "failed"}
NOT_PASSED = {
    "conclusion": "gate_failed",
    "result": {"student": {}, "gates": [FAILED_GATE, {"metric": "size_bytes", "verdict": "passed"}]},
}


def test_an_alias_points_where_it_was_moved_last_and_its_history_says_where_it_pointed(
    sessions: Sessions, project_id: str, two_versions: list[Model]
) -> None:
    pointed(sessions, project_id, 2)
    pointed(sessions, project_id, two_versions[0].id, reason="the newer one is too slow")

    assert meant(sessions, project_id, "s@production") == 1
    assert meant(sessions, project_id, "s") == 2
    with sessions.reading() as session:
        told = [
            (move.number, move.version, move.by, move.reason, move.forced)
            for move in aliases.moves(session, project_id, "s", "production")
        ]
    assert told == [(2, 1, KEY, "the newer one is too slow", False), (1, 2, KEY, None, False)]


def test_an_alias_may_be_pointed_where_another_one_points(
    sessions: Sessions, project_id: str, two_versions: list[Model]
) -> None:
    pointed(sessions, project_id, 1, alias="candidate")
    pointed(sessions, project_id, "s@candidate")
    assert meant(sessions, project_id, "s@production") == 1


def test_to_move_an_alias_where_it_points_already_is_no_move(
    sessions: Sessions, project_id: str, two_versions: list[Model]
) -> None:
    pointed(sessions, project_id, 1)
    again = pointed(sessions, project_id, 1, reason="to be sure")
    assert (again.last.number, again.last.reason) == (1, None)


def test_a_removed_alias_points_nowhere_and_keeps_its_history(
    sessions: Sessions, project_id: str, two_versions: list[Model]
) -> None:
    pointed(sessions, project_id, 1)
    with sessions.writing() as session:
        aliases.remove(session, project_id=project_id, name="s", alias="production", by=KEY)
    with sessions.reading() as session:
        for look in (queries.find_model, lambda *of: aliases.pointing_of(*of[:2], "s", "production")):
            with pytest.raises(NotFound):
                look(session, project_id, "s@production")
        assert aliases.pointing(session, project_id, "s") == []
    with pytest.raises(NotFound), sessions.writing() as session:
        aliases.remove(session, project_id=project_id, name="s", alias="production", by=KEY)
    assert pointed(sessions, project_id, 2).last.number == 3


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        (3, ("/version", "unknown_version")),
        ("nobody", ("/model", "unknown_model")),
        ("s@nightly", ("/model", "unknown_alias")),
        ("other", ("/model", "version_of_another_model")),
    ],
)
def test_what_is_no_version_of_the_name_is_refused_with_its_place(
    sessions: Sessions,
    project_id: str,
    two_versions: list[Model],
    version: int | str,
    problem: tuple[str, str],
) -> None:
    with sessions.writing() as session:
        a_model(session, project_id, name="other")
    with pytest.raises(SpecInvalid) as refused:
        pointed(sessions, project_id, version)
    assert [(found.pointer, found.code) for found in refused.value.problems] == [problem]


def test_a_name_without_versions_has_no_aliases(
    sessions: Sessions, project_id: str, other_project_id: str, two_versions: list[Model]
) -> None:
    pointed(sessions, project_id, 1)
    for look in (aliases.pointing, lambda *of: aliases.moves(*of, "production")):
        with pytest.raises(NotFound), sessions.reading() as session:
            look(session, other_project_id, "s")
    with pytest.raises(NotFound):
        pointed(sessions, other_project_id, 1)


@pytest.mark.parametrize(
    ("status", "refusal"),
    [(InputStatus.INSPECTING, InputsNotReady), (InputStatus.REJECTED, InputRejected)],
)
def test_an_alias_points_to_what_can_be_used(
    sessions: Sessions, project_id: str, status: InputStatus, refusal: type[Exception]
) -> None:
    with sessions.writing() as session:
        a_model(session, project_id, name="s", status=status)
    with pytest.raises(refusal):
        pointed(sessions, project_id, 1, force=True, reason="I know better")


def test_an_alias_moves_past_gates_by_force_alone_and_the_history_remembers_it(
    sessions: Sessions, project_id: str, two_versions: list[Model]
) -> None:
    a_student(sessions, project_id, **NOT_PASSED)
    with pytest.raises(GatesNotPassed, match="accuracy on student relative to teacher is failed") as refused:
        pointed(sessions, project_id, 3)
    assert (refused.value.conclusion, refused.value.gates) == ("gate_failed", (FAILED_GATE,))

    moved = pointed(sessions, project_id, 3, force=True, reason="the gate is wrong")

    assert (moved.last.forced, moved.last.reason) == (True, "the gate is wrong")
    assert not pointed(sessions, project_id, 1, force=True, reason="back").last.forced


def test_an_export_that_failed_holds_an_alias_back_by_its_name(
    sessions: Sessions, project_id: str, two_versions: list[Model]
) -> None:
    exports = {"onnx-int8": {"status": "failed"}, "safetensors": {"status": "verified"}}
    a_student(sessions, project_id, conclusion="export_failed", result={"student": {}, "exports": exports})
    with pytest.raises(GatesNotPassed, match="the export onnx-int8 failed") as refused:
        pointed(sessions, project_id, 3)
    assert refused.value.exports == ("onnx-int8",)


def test_a_student_whose_job_is_gone_is_judged_as_the_job_was(
    sessions: Sessions, project_id: str, two_versions: list[Model]
) -> None:
    job = a_student(sessions, project_id, **NOT_PASSED)
    with sessions.writing() as session:
        lifecycle.delete_job(session, project_id, job.id)
    with pytest.raises(GatesNotPassed, match="its job ended as gate_failed"):
        pointed(sessions, project_id, 3)


@pytest.mark.parametrize("conclusion", ["passed", "no_gate"])
def test_a_job_that_passed_moves_the_alias_that_its_output_names(
    sessions: Sessions, project_id: str, two_versions: list[Model], conclusion: str
) -> None:
    job = a_student(sessions, project_id, alias="candidate", conclusion=conclusion)
    assert meant(sessions, project_id, "s@candidate") == 3
    with sessions.reading() as session:
        assert aliases.pointing_of(session, project_id, "s", "candidate").last.by == job.id


@pytest.mark.parametrize("conclusion", ["gate_failed", "gate_inconclusive", "export_failed"])
def test_a_job_that_did_not_pass_leaves_the_alias_and_says_why_before_it_ends(
    sessions: Sessions, project_id: str, two_versions: list[Model], conclusion: str
) -> None:
    pointed(sessions, project_id, 1, alias="candidate")
    job = a_student(sessions, project_id, alias="candidate", **(NOT_PASSED | {"conclusion": conclusion}))
    assert meant(sessions, project_id, "s@candidate") == 1
    with sessions.reading() as session:
        *_, warning, last = session.query(Event).filter_by(job_id=job.id).order_by(Event.number)
    assert warning.data["code"] == "alias_not_moved"
    assert "s@candidate stays where it is" in warning.data["message"]
    assert last.data["status"] == "succeeded"


def test_what_an_alias_points_to_and_the_job_behind_it_stay(
    sessions: Sessions, project_id: str, two_versions: list[Model]
) -> None:
    job = a_student(sessions, project_id, alias="candidate")
    with sessions.reading() as session:
        student = queries.find_model(session, project_id, "s@candidate")

    def delete_job() -> None:
        with sessions.writing() as session:
            lifecycle.delete_job(session, project_id, job.id)

    def delete_model() -> None:
        with sessions.writing() as session:
            catalog.delete_model(session, project_id, student.id)

    for delete in (delete_job, delete_model):
        with pytest.raises(InUse, match=r"an alias points to .*: s@candidate") as refused:
            delete()
        assert refused.value.users == ("s@candidate",)
    pointed(sessions, project_id, 1, alias="candidate")
    delete_job()
    delete_model()
    with sessions.reading() as session:
        history = aliases.moves(session, project_id, "s", "candidate")
    assert [(move.model_id, move.version) for move in history] == [(two_versions[0].id, 1), (student.id, 3)]
