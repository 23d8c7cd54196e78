"""Before anything trains: do teacher, student and dataset fit each other and the memory?"""

from typing import Any

import pytest

from distill.admission import admit
from distill.config.document import parse_job
from distill.config.networks import Dataset, Input, Network, Preprocessing, Split
from distill.rejection import Rejected

PICTURE = Input(kind="image", shape=[1, 8, 8], dtype="uint8")
TEXT = Input(kind="text", shape=[24], dtype="int64")
BERT: dict[str, Any] = {
    "model_type": "bert",
    "num_hidden_layers": 2,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "vocab_size": 30,
    "max_position_embeddings": 24,
}


def dataset(input: Input = PICTURE, labels: tuple[str, ...] = ("a", "b")) -> Dataset:
    split = Split(file="x.safetensors", sha256="0", examples=500, labeled=500, class_counts=[250, 250])
    task = "text-classification" if input.kind == "text" else "image-classification"
    return Dataset(
        task=task,
        labels=list(labels),
        input=input,
        splits={"train": split, "validation": split, "test": split},
    )


def teacher(**change: Any) -> Network:
    facts: dict[str, Any] = {
        "task": "image-classification",
        "architecture": "cnn",
        "config": {"depth": 4, "width": 8},
        "labels": ["b", "a"],
        "num_outputs": 2,
        "input": PICTURE,
        "preprocessing": Preprocessing(scale=1 / 255),
    }
    return Network(**{**facts, **change})


def bert(**change: Any) -> Network:
    facts: dict[str, Any] = {
        "task": "text-classification",
        "architecture": "huggingface",
        "config": BERT,
        "input": TEXT,
        "preprocessing": Preprocessing(max_length=24),
        "files": {"model.safetensors": "0", "tokenizer.json": "1"},
    }
    return teacher(**{**facts, **change})


def job(student: dict[str, Any], **change: Any) -> Any:
    facts = {"name": "x", "task": "image-classification", "teacher": "t", "dataset": "d", "student": student}
    return parse_job({**facts, **change})


SMALL = {"architecture": "cnn", "config": {"depth": 2, "width": 4}}


def refused(*arguments: Any, **options: Any) -> Rejected:
    with pytest.raises(Rejected) as rejected:
        admit(*arguments, **options)
    return rejected.value


def test_an_admitted_job_knows_every_parameter_of_its_student() -> None:
    admission = admit(job(SMALL), [teacher()], dataset())
    assert admission.cast.student.config == {"depth": 2, "width": 4, "dropout": 0.0, "stages": None}
    assert admission.student.parameters == 4 * 9 + 2 * 4 + 4 * 2 + 2
    assert admission.teachers[0].parameters > admission.student.parameters


def test_a_teacher_to_train_is_weighed_with_its_own_training() -> None:
    train = {"architecture": "mlp", "config": {"depth": 10}, "training": {"batch_size": 64}}
    admission = admit(job(SMALL, teacher={"train": train}), [], dataset())
    assert admission.cast.teacher.config == {"depth": 10, "width": 64, "dropout": 0.0}


def test_a_student_larger_than_memory_is_refused_with_both_figures() -> None:
    student = {"architecture": "mlp", "config": {"depth": 3, "width": 100_000}}
    rejected = refused(job(student), [teacher()], dataset(), memory_bytes=8_000_000_000)
    assert (rejected.code, rejected.error_class) == ("student_too_large", "user")
    assert rejected.details["pointer"] == "/student"
    assert rejected.details["memory_bytes"] == 8_000_000_000
    assert rejected.details["needed_bytes"] > 4 * 4 * 100_000**2
    assert "there are 8.0 GB" in rejected.message


def test_a_teacher_to_train_that_is_larger_than_memory_is_refused() -> None:
    train = {"architecture": "mlp", "config": {"depth": 3, "width": 100_000}}
    rejected = refused(job(SMALL, teacher={"train": train}), [], dataset(), memory_bytes=8_000_000_000)
    assert (rejected.code, rejected.details["pointer"]) == ("teacher_too_large", "/teacher/train")


@pytest.mark.parametrize("labels", [None, ["LABEL_0", "LABEL_1"]])
def test_a_teacher_whose_outputs_nobody_named_is_refused(labels: list[str] | None) -> None:
    rejected = refused(job(SMALL), [teacher(labels=labels)], dataset())
    assert (rejected.code, rejected.details["pointer"]) == ("label_order_unknown", "/teacher")


def test_other_classes_are_refused_naming_those_that_each_lacks() -> None:
    rejected = refused(job(SMALL), [teacher(labels=["a", "c"])], dataset())
    assert rejected.code == "labels_mismatch"
    assert "the teacher lacks 'b'; the dataset lacks 'c'" in rejected.message


def test_inputs_of_another_shape_are_refused_with_both_shapes() -> None:
    other = Input(kind="image", shape=[3, 32, 32], dtype="uint8")
    rejected = refused(job(SMALL), [teacher()], dataset(other))
    assert rejected.code == "input_mismatch"
    assert rejected.details == {"pointer": "/dataset", "teacher": [1, 8, 8], "dataset": [3, 32, 32]}


def test_a_teacher_that_resizes_takes_images_of_any_size() -> None:
    larger = Input(kind="image", shape=[1, 28, 28], dtype="uint8")
    resizing = teacher(preprocessing=Preprocessing(resize=[8, 8]))
    assert admit(job(SMALL), [resizing], dataset(larger)).cast.seen.shape == [1, 8, 8]


def test_images_smaller_than_the_teachers_crop_are_refused() -> None:
    smaller = Input(kind="image", shape=[1, 6, 6], dtype="uint8")
    rejected = refused(job(SMALL), [teacher(preprocessing=Preprocessing(crop=[8, 8]))], dataset(smaller))
    assert (rejected.code, rejected.details["pointer"]) == ("preprocessing_invalid", "/dataset")


def test_a_student_of_text_has_the_vocabulary_and_positions_of_its_teacher() -> None:
    student = {"huggingface": {"model_type": "bert", "num_hidden_layers": 1, "hidden_size": 8}}
    admission = admit(job(student, task="text-classification"), [bert()], dataset(TEXT))
    assert admission.cast.student.config["vocab_size"] == 30
    assert admission.cast.student.config["max_position_embeddings"] == 24


@pytest.mark.parametrize("key", ["vocab_size", "max_position_embeddings"])
def test_a_student_without_room_for_the_teachers_tokens_is_refused(key: str) -> None:
    student = {"huggingface": {"model_type": "bert", "num_hidden_layers": 1, "hidden_size": 8, key: 5}}
    rejected = refused(job(student, task="text-classification"), [bert()], dataset(TEXT))
    assert rejected.details["pointer"] == f"/student/huggingface/{key}"


def test_text_without_a_tokenizer_is_refused_at_the_teacher() -> None:
    student = {"huggingface": {"model_type": "bert", "num_hidden_layers": 1, "hidden_size": 8}}
    rejected = refused(job(student, task="text-classification"), [bert(files={})], dataset(TEXT))
    assert (rejected.code, rejected.details["pointer"]) == ("tokenizer_missing", "/teacher")


def test_a_student_that_takes_other_inputs_is_refused_at_its_place() -> None:
    rejected = refused(job(SMALL, task="text-classification"), [bert()], dataset(TEXT))
    assert (rejected.code, rejected.details["pointer"]) == ("input_not_taken", "/student/config")
