"""Who takes part in a job: teachers of every task, several of them, and where a student starts."""

from typing import Any

import pytest

from distill.admission import admit
from distill.config.networks import Input, Network, Preprocessing
from tests.distill.admitting import (
    BERT,
    PANEL,
    SMALL,
    TABLE,
    TEXT,
    TRAINED,
    bert,
    dataset,
    job,
    of_task,
    refused,
    teacher,
)


def test_a_teacher_of_another_kind_of_answer_is_refused() -> None:
    numbers = teacher(task="regression", labels=["a", "b"])
    rejected = refused(job(SMALL), [numbers], dataset())
    assert (rejected.code, rejected.details["pointer"]) == ("task_mismatch", "/teacher")


def test_a_single_number_needs_no_name() -> None:
    unnamed = teacher(
        task="regression", labels=["LABEL_0"], num_outputs=1, architecture="mlp", config={}, input=TABLE
    )
    document = job({"architecture": "mlp"}, task="regression")
    admission = admit(document, [unnamed], of_task("regression", ("price",)))
    assert admission.cast.student.labels == ["price"]
    assert admission.cast.student.num_outputs == 1


def test_a_student_of_embeddings_has_outputs_of_the_size_of_the_teachers() -> None:
    embedder = bert(
        task="feature-extraction", labels=None, num_outputs=16, config=BERT | {"head": "embedding"}
    )
    student = {"huggingface": {"model_type": "bert", "num_hidden_layers": 1, "hidden_size": 8}}
    document = job(student, task="feature-extraction")
    cast = admit(document, [embedder], of_task("feature-extraction", (), TEXT)).cast
    assert (cast.student.num_outputs, cast.student.labels) == (16, None)
    assert cast.student.config["head"] == "embedding"


def test_a_student_of_tags_answers_for_each_token() -> None:
    tagger = bert(task="token-classification", config=BERT | {"head": "token"})
    student = {"huggingface": {"model_type": "bert", "num_hidden_layers": 1, "hidden_size": 8}}
    admission = admit(
        job(student, task="token-classification"), [tagger], of_task("token-classification", input=TEXT)
    )
    assert admission.cast.student.config["head"] == "token"


def test_several_teachers_may_differ_in_normalization_and_in_the_order_of_their_labels() -> None:
    other = teacher(labels=["a", "b"], preprocessing=Preprocessing(mean=[0.5], std=[0.2]))
    admission = admit(job(SMALL, **PANEL), [teacher(), other], dataset())
    assert len(admission.teachers) == 2
    assert admission.memory_bytes > admit(job(SMALL), [teacher()], dataset()).memory_bytes


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"preprocessing": Preprocessing(resize=[8, 8])}, "teachers_differ"),
        ({"labels": ["a", "c"]}, "labels_mismatch"),
        ({"labels": None}, "label_order_unknown"),
        ({"task": "regression"}, "task_mismatch"),
    ],
)
def test_the_teacher_among_several_that_does_not_fit_is_named(change: dict[str, Any], code: str) -> None:
    rejected = refused(job(SMALL, **PANEL), [teacher(), teacher(**change)], dataset())
    assert (rejected.code, rejected.details["pointer"]) == (code, "/teachers/1/model")


def test_a_student_of_its_teachers_layers_is_known_before_there_is_a_teacher() -> None:
    student = {"from_teacher": {"num_layers": 3, "width": 0.5}}
    admission = admit(job(student, teacher=TRAINED), [], dataset())
    assert admission.cast.student.architecture == "cnn"
    assert admission.cast.student.config["depth"] == 4
    assert admission.cast.student.config["width"] == 4


def test_a_student_that_starts_from_a_model_is_built_as_that_is() -> None:
    start = teacher(labels=["a", "b"], config={"depth": 3, "width": 5})
    admission = admit(job({"model": "m"}), [teacher()], dataset(), start=start)
    assert admission.cast.student.config["width"] == 5


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"labels": ["b", "a"]}, "labels_in_another_order"),
        ({"task": "regression"}, "task_mismatch"),
        ({"input": Input(kind="image", shape=[3, 8, 8], dtype="uint8")}, "input_mismatch"),
    ],
)
def test_a_model_that_a_student_cannot_start_from_is_refused(change: dict[str, Any], code: str) -> None:
    start = teacher(**{"labels": ["a", "b"], **change})
    rejected = refused(job({"model": "m"}), [teacher()], dataset(), start=start)
    assert (rejected.code, rejected.details["pointer"]) == (code, "/student/model")


def test_a_start_of_another_size_of_embedding_is_refused() -> None:
    def embedder(size: int) -> Network:
        facts = {"task": "feature-extraction", "labels": None, "num_outputs": size, "input": TABLE}
        return teacher(architecture="mlp", config={}, **facts)

    document = job({"model": "m"}, task="feature-extraction")
    rejected = refused(document, [embedder(8)], of_task("feature-extraction", ()), start=embedder(6))
    assert (rejected.code, rejected.details["pointer"]) == ("outputs_differ", "/student/model")


def test_a_model_that_reads_other_tokens_than_the_teacher_is_no_start() -> None:
    start = bert(labels=["a", "b"], files={"model.safetensors": "0", "tokenizer.json": "2"})
    document = job({"model": "m"}, task="text-classification")
    rejected = refused(document, [bert()], dataset(TEXT), start=start)
    assert (rejected.code, rejected.details["pointer"]) == ("tokenizer_differs", "/student/model")
