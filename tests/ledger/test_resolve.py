"""From names to ids, and what does not fit together, each with its place."""

from typing import Any

import pytest
from sqlalchemy import update

from distill.config.document import parse_job
from distill.config.networks import Input, Preprocessing
from ledger import lifecycle, workers
from ledger.database import Sessions, clock
from ledger.errors import NotAllowedNow, SpecInvalid
from ledger.resolve import Resolved, document_of, resolve, resolved_spec
from ledger.states import InputStatus
from ledger.tables import Worker
from tests.ledger.builders import LABELS, a_dataset, a_model, raw_document, submitted

TEXT = Input(kind="text", shape=[64], dtype="int64")


def resolved(sessions: Sessions, project_id: str, **changes: Any) -> Resolved:
    with sessions.reading() as session:
        return resolve(session, project_id=project_id, document=parse_job(raw_document(**changes)))


def problems(sessions: Sessions, project_id: str, **changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(SpecInvalid) as refused:
        resolved(sessions, project_id, **changes)
    return [(problem.pointer, problem.code) for problem in refused.value.problems]


def test_a_name_means_its_newest_ready_version(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id, version=1)
        ready = a_dataset(session, project_id, version=2)
        a_dataset(session, project_id, version=3, status=InputStatus.INSPECTING)
        a_dataset(session, project_id, version=4, status=InputStatus.REJECTED)
    found = resolved(sessions, project_id)
    assert found.inputs.dataset.id == found.document.dataset == ready.id
    assert found.waiting_for == ()


def test_a_name_with_no_ready_version_means_the_newest_that_is_being_inspected(
    sessions: Sessions, project_id: str
) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id, version=1, status=InputStatus.REJECTED)
        a_dataset(session, project_id, version=2, status=InputStatus.INSPECTING)
        awaited = a_dataset(session, project_id, version=3, status=InputStatus.INSPECTING)
    assert resolved(sessions, project_id).waiting_for == (awaited.id,)


def test_an_id_means_exactly_that_version(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        old = a_dataset(session, project_id, version=1)
        a_dataset(session, project_id, version=2)
        teacher = a_model(session, project_id)
    found = resolved(sessions, project_id, dataset=old.id, teacher=teacher.id)
    assert found.inputs.dataset.id == old.id
    assert [one.id for one in found.inputs.teachers] == [teacher.id]
    assert found.document.teacher == teacher.id


def test_the_resolved_document_has_every_default_and_a_list_of_stages(
    sessions: Sessions, project_id: str
) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
    document = resolved(sessions, project_id).document
    spec = resolved_spec(document)
    assert spec["training"]["epochs"] == 20
    (stage,) = spec["stages"]
    assert stage["name"] == "training"
    assert (stage["losses"], stage["training"]) == (spec["losses"], spec["training"])
    assert document_of(spec) == document


def test_what_is_not_there_is_named_with_its_place(sessions: Sessions, project_id: str) -> None:
    found = problems(sessions, project_id, teacher="nobody", dataset="nothing")
    assert found == [("/teacher", "unknown_model"), ("/dataset", "unknown_dataset")]


def test_what_another_project_has_is_not_there(
    sessions: Sessions, project_id: str, other_project_id: str
) -> None:
    with sessions.writing() as session:
        theirs = a_dataset(session, other_project_id)
        teacher = a_model(session, other_project_id)
    found = problems(sessions, project_id, dataset=theirs.id, teacher=teacher.id)
    assert found == [("/teacher", "unknown_model"), ("/dataset", "unknown_dataset")]


def test_a_rejected_input_is_refused_with_its_reason(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        dataset = a_dataset(session, project_id, status=InputStatus.REJECTED)
        dataset.problem = {"message": "it has one class"}
    with pytest.raises(SpecInvalid, match="it has one class") as refused:
        resolved(sessions, project_id)
    assert refused.value.problems[0].code == "input_rejected"


def announced(sessions: Sessions, name: str, *lanes: str) -> None:
    with sessions.writing() as session:
        workers.announce(
            session, name=name, lanes=lanes, slots=1, devices=[], memory_bytes=1, sandbox="limits"
        )


def test_before_any_worker_of_jobs_is_known_a_job_with_a_gpu_is_taken(
    sessions: Sessions, project_id: str
) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
    announced(sessions, "inspector", "chores")
    assert resolved(sessions, project_id, resources={"gpus": 1})


@pytest.mark.parametrize(("served", "gpus", "advice"), [("cpu", 1, "LIMBECK_DEVICES"), ("gpu", 0, "--lanes")])
def test_a_job_that_no_worker_here_could_ever_run_is_refused_and_says_what_would_help(
    sessions: Sessions, project_id: str, served: str, gpus: int, advice: str
) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
    announced(sessions, "w1", served)
    assert problems(sessions, project_id, resources={"gpus": gpus}) == [
        ("/resources/gpus", "no_worker_for_it")
    ]
    with pytest.raises(SpecInvalid, match=advice):
        resolved(sessions, project_id, resources={"gpus": gpus})
    assert resolved(sessions, project_id, resources={"gpus": 1 - gpus})


def test_a_worker_that_left_in_good_order_may_come_back(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
    announced(sessions, "w1", "cpu")
    announced(sessions, "w2", "gpu")
    with sessions.writing() as session:
        workers.depart(session, "w2")
    assert resolved(sessions, project_id, resources={"gpus": 1})
    with sessions.writing() as session:
        session.execute(update(Worker).values(seen_at=clock() - 31 * 86_400))
    announced(sessions, "w1", "cpu")
    with sessions.writing() as session:
        workers.forget(session)
    assert problems(sessions, project_id, resources={"gpus": 1}) == [("/resources/gpus", "no_worker_for_it")]


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        (None, "label_order_unknown"),
        ([f"LABEL_{number}" for number in range(10)], "label_order_unknown"),
        ([*LABELS[:-1], "nine"], "labels_mismatch"),
        (LABELS[:-1], "labels_mismatch"),
        ([*LABELS, "ten"], "labels_mismatch"),
    ],
)
def test_teacher_and_dataset_must_name_the_same_classes(
    sessions: Sessions, project_id: str, labels: list[str] | None, code: str
) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        a_model(session, project_id, labels=labels)
    assert problems(sessions, project_id, teacher="teacher") == [("/teacher", code)]


def test_the_first_missing_labels_are_named(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        a_model(session, project_id, labels=[*LABELS[:-1], "nine"])
    with pytest.raises(SpecInvalid, match=r"does not know '9' and the dataset does not have 'nine'"):
        resolved(sessions, project_id, teacher="teacher")


def test_the_same_labels_in_another_order_fit(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        a_model(session, project_id, labels=LABELS[::-1])
    assert resolved(sessions, project_id, teacher="teacher").inputs.teachers


@pytest.mark.parametrize(
    ("shape", "resize", "fits"),
    [
        ([1, 8, 8], None, True),
        ([1, 28, 28], None, False),
        ([1, 28, 28], [28, 28], True),
        ([3, 8, 8], [8, 8], False),
    ],
)
def test_examples_must_have_the_shape_that_the_teacher_takes(
    sessions: Sessions, project_id: str, shape: list[int], resize: list[int] | None, fits: bool
) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
        takes = Input(kind="image", shape=shape, dtype="uint8")
        a_model(session, project_id, input=takes, preprocessing=Preprocessing(resize=resize))
    if fits:
        assert resolved(sessions, project_id, teacher="teacher").inputs.teachers
    else:
        assert problems(sessions, project_id, teacher="teacher") == [("/dataset", "input_mismatch")]


def test_task_and_inputs_must_agree(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id, task="tabular-classification")
        a_model(session, project_id, task="text-classification")
    found = problems(sessions, project_id, teacher="teacher")
    assert found[:2] == [("/teacher", "task_mismatch"), ("/dataset", "task_mismatch")]


def test_a_student_of_another_kind_is_refused(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
    bert = {"huggingface": {"model_type": "bert"}}
    assert problems(sessions, project_id, student=bert) == [("/student/huggingface", "architecture_unfit")]


def test_text_needs_a_teacher_that_brings_a_tokenizer(sessions: Sessions, project_id: str) -> None:
    bert = {"huggingface": {"model_type": "bert"}}
    with sessions.writing() as session:
        a_dataset(session, project_id, task="text-classification", input=TEXT)
        a_model(session, project_id, task="text-classification", input=TEXT, architecture="huggingface")
    asked = {"task": "text-classification", "student": bert}
    assert problems(sessions, project_id, teacher="teacher", **asked) == [("/teacher", "tokenizer_missing")]
    trained = {"train": {"architecture": "huggingface", "config": {"model_type": "bert"}}}
    assert problems(sessions, project_id, teacher=trained, **asked) == [("/teacher", "tokenizer_missing")]


@pytest.mark.parametrize(
    ("count", "code"), [(9, "too_few_labels"), (91, "too_many_labels"), (10, None), (90, None)]
)
def test_a_label_budget_needs_one_a_class_and_no_more_than_there_are(
    sessions: Sessions, project_id: str, count: int, code: str | None
) -> None:
    with sessions.writing() as session:
        a_dataset(session, project_id)
    if code is None:
        resolved(sessions, project_id, labels={"count": count})
    else:
        assert problems(sessions, project_id, labels={"count": count}) == [("/labels/count", code)]


def test_a_submitted_job_keeps_both_documents(sessions: Sessions, project_id: str) -> None:
    with sessions.writing() as session:
        dataset = a_dataset(session, project_id)
        job = submitted(session, project_id, metadata={"commit": "abc"})
    assert job.spec == raw_document(metadata={"commit": "abc"})
    assert job.resolved_spec["dataset"] == dataset.id
    assert job.user_metadata == {"commit": "abc"}


def test_a_dedupe_key_finds_the_job_that_has_it_until_that_one_fails(
    sessions: Sessions, project_id: str, other_project_id: str
) -> None:
    raw = raw_document(dedupe_key="nightly")
    with sessions.writing() as session:
        for owner in (project_id, other_project_id):
            a_dataset(session, owner)
        first = lifecycle.submit(session, project_id=project_id, document=parse_job(raw), raw=raw)
        again = lifecycle.submit(session, project_id=project_id, document=parse_job(raw), raw=raw)
        theirs = lifecycle.submit(session, project_id=other_project_id, document=parse_job(raw), raw=raw)
        assert (first.created, again.created, theirs.created) == (True, False, True)
        assert again.job.id == first.job.id
        lifecycle.cancel(session, project_id, first.job.id)
        fresh = lifecycle.submit(session, project_id=project_id, document=parse_job(raw), raw=raw)
        assert fresh.created
        with pytest.raises(NotAllowedNow, match="dedupe_key 'nightly'"):
            lifecycle.retry(session, project_id, first.job.id)
