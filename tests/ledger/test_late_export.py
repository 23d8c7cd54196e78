"""Other formats of a finished student: asked for once, kept with the job, remembered with the model."""

import threading

import pytest

from distill.config.events import Failed, StudentExported
from distill.config.exports import Export
from ledger import catalog, lifecycle, queries, traces
from ledger.database import Sessions
from ledger.errors import NotExportable, NotFound, SpecInvalid
from ledger.lifecycle import KeptArtifact
from ledger.tables import Artifact, Chore, Model, Reference
from ledger.traces import Policy
from tests.ledger.builders import a_dataset, a_model, a_student, kept_blob, sha256_of, taken

ONNX = Export(format="onnx")
FILES = {"student.safetensors": sha256_of("weights")}


@pytest.fixture
def student(sessions: Sessions, project_id: str) -> Model:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        for word in ("weights", "split"):
            kept_blob(session, word)
    a_student(sessions, project_id, files=FILES)
    with sessions.reading() as session:
        return queries.find_model(session, project_id, "s")


def asked(sessions: Sessions, project_id: str, export: Export = ONNX, *, model: str = "s") -> Chore:
    with sessions.writing() as session:
        return lifecycle.add_late_export(session, project_id=project_id, reference=model, export=export)


def exported(sessions: Sessions, *, status: str = "verified", word: str = "onnx") -> Chore:
    """The waiting export is made, and its file kept."""
    claim = taken(sessions)
    assert claim.chore.kind == "export"
    with sessions.writing() as session:
        sha256 = kept_blob(session, word)
        file = KeptArtifact("export", "onnx", "student.onnx", "application/octet-stream", sha256, 4)
        event = StudentExported(export={"status": status}, artifacts=[])
        return lifecycle.finish_late_export(session, claim.hold, event, [file])


def files_of(sessions: Sessions, model: Model) -> list[tuple[str, str]]:
    assert model.job_id is not None
    with sessions.reading() as session:
        return [(file.filename, file.sha256) for file in queries.artifacts(session, model.job_id)]


def test_the_chore_knows_all_that_its_process_reads_and_holds_it(
    sessions: Sessions, project_id: str, student: Model
) -> None:
    chore = asked(sessions, project_id, Export(format="onnx-int8", max_drop=0.02))
    late = lifecycle.LateExport.model_validate(chore.request)
    assert late.job_id == student.job_id
    assert late.files() == {"student": FILES, "dataset": {"train.safetensors": sha256_of("split")}}
    assert late.asked.export.max_drop == 0.02
    with sessions.reading() as session:
        held = session.query(Reference.sha256).filter_by(owner_id=chore.id)
        assert {sha256 for (sha256,) in held} == {sha256_of("weights"), sha256_of("split")}


def test_its_files_become_artifacts_of_the_job_and_it_needs_its_inputs_no_more(
    sessions: Sessions, project_id: str, student: Model
) -> None:
    asked(sessions, project_id)
    chore = exported(sessions)
    assert files_of(sessions, student) == [("student.onnx", sha256_of("onnx"))]
    with sessions.reading() as session:
        assert session.query(Reference).filter_by(owner_id=chore.id).count() == 0
        assert [file.filename for file in lifecycle.late_artifacts(session, [chore])] == ["student.onnx"]


def test_asked_again_it_is_the_same_while_it_is_made_and_once_it_is_verified(
    sessions: Sessions, project_id: str, student: Model
) -> None:
    first = asked(sessions, project_id)
    assert asked(sessions, project_id).id == first.id
    exported(sessions)
    assert asked(sessions, project_id).id == first.id


def test_what_failed_its_proof_may_be_tried_again_and_makes_way_for_the_next_file(
    sessions: Sessions, project_id: str, student: Model
) -> None:
    first = asked(sessions, project_id)
    exported(sessions, status="failed", word="bad")
    second = asked(sessions, project_id)
    assert second.id != first.id
    assert files_of(sessions, student) == [("student.onnx", sha256_of("bad"))]
    exported(sessions, word="good")
    assert files_of(sessions, student) == [("student.onnx", sha256_of("good"))]
    with sessions.reading() as session:
        assert session.query(Reference).filter_by(sha256=sha256_of("bad")).count() == 0


def test_what_never_came_to_an_end_may_be_tried_again(
    sessions: Sessions, project_id: str, student: Model
) -> None:
    first = asked(sessions, project_id)
    claim = taken(sessions)
    with sessions.writing() as session:
        failed = Failed(code="export_crashed", error_class="internal", message="it broke off")
        lifecycle.reject(session, claim.hold, failed)
    assert asked(sessions, project_id).id != first.id


def test_many_who_ask_at_once_get_one(sessions: Sessions, project_id: str, student: Model) -> None:
    ready = threading.Barrier(4)
    ids: list[str] = []

    def ask() -> None:
        ready.wait()
        ids.append(asked(sessions, project_id).id)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4
    assert len(set(ids)) == 1


@pytest.mark.parametrize("form", ["safetensors", "onnx"])
def test_what_the_job_left_itself_is_not_made_again(
    sessions: Sessions, project_id: str, student: Model, form: str
) -> None:
    with sessions.writing() as session:
        sha256 = kept_blob(session, "onnx")
        session.add(
            Artifact(
                id="art_1",
                project_id=project_id,
                job_id=student.job_id,
                attempt=1,
                kind="export",
                format="onnx",
                filename="student.onnx",
                media_type="application/octet-stream",
                sha256=sha256,
                bytes=4,
            )
        )
    with pytest.raises(NotExportable, match=f"has left {form} itself"):
        asked(sessions, project_id, Export.model_validate(form))


def test_a_format_that_the_student_cannot_have_is_refused_with_its_place(
    sessions: Sessions, project_id: str, student: Model
) -> None:
    with pytest.raises(SpecInvalid) as refused:
        asked(sessions, project_id, Export(format="huggingface"))
    assert [(problem.pointer, problem.code) for problem in refused.value.problems] == [
        ("/format", "export_unfit")
    ]


def test_an_upload_a_student_without_its_job_and_a_model_of_nobody_are_refused(
    sessions: Sessions, project_id: str, other_project_id: str, student: Model
) -> None:
    with sessions.writing() as session:
        a_model(session, project_id, name="upload")
    with pytest.raises(NotExportable, match="was uploaded"):
        asked(sessions, project_id, model="upload")
    with pytest.raises(NotFound):
        asked(sessions, other_project_id, model=student.id)
    assert student.job_id is not None
    with sessions.writing() as session:
        lifecycle.delete_job(session, project_id, student.job_id)
    with pytest.raises(NotExportable, match="was deleted"):
        asked(sessions, project_id)


def test_an_export_whose_job_was_deleted_meanwhile_leaves_nothing(
    sessions: Sessions, project_id: str, student: Model
) -> None:
    asked(sessions, project_id)
    assert student.job_id is not None
    with sessions.writing() as session:
        lifecycle.delete_job(session, project_id, student.job_id)
    chore = exported(sessions)
    assert chore.error is not None
    assert (chore.status, chore.error["code"]) == ("failed", "job_deleted")


def test_it_is_remembered_as_long_as_its_model(sessions: Sessions, project_id: str, student: Model) -> None:
    chore = asked(sessions, project_id)
    exported(sessions)
    traces.retire(sessions, Policy(events_s=0, metrics_s=0, logs_s=0, checkpoints_s=0))
    with sessions.reading() as session:
        assert [each.id for each in lifecycle.late_exports(session, student)] == [chore.id]
    with sessions.writing() as session:
        catalog.delete_model(session, project_id, student.id)
        assert session.get(Chore, chore.id) is None
