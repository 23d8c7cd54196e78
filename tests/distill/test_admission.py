"""Before anything trains: do teacher, student and dataset fit each other and the memory?"""

import subprocess
import sys
from typing import Any

import pytest

from distill.admission import Device, admit
from distill.config.networks import Input, Preprocessing
from distill.export import executorch
from tests.distill.admitting import (
    PICTURE,
    SMALL,
    TEXT,
    TRAINED,
    bert,
    dataset,
    job,
    of_task,
    refused,
    teacher,
)

DEVICES: tuple[Device, ...] = ("meta", "cpu")
NO_SUCH = {"student": "block.0", "teacher": "blocks.0"}
HUGE = {"architecture": "mlp", "config": {"depth": 3, "width": 100_000}}


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


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"via": HUGE}, "assistant_too_large", "/via"),
        ({"teacher": {"mutual": HUGE}}, "teacher_too_large", "/teacher/mutual"),
        (
            {"via": {"architecture": "huggingface", "config": {"model_type": "bert"}}},
            "input_not_taken",
            "/via/config",
        ),
    ],
)
def test_every_network_that_the_job_trains_is_weighed_at_its_place(
    change: dict[str, Any], code: str, pointer: str
) -> None:
    document = job(SMALL, **{"teacher": TRAINED, **change})
    rejected = refused(document, [], dataset(), memory_bytes=8_000_000_000)
    assert (rejected.code, rejected.details["pointer"]) == (code, pointer)


def test_what_is_too_large_on_the_cpu_is_refused_before_it_is_there() -> None:
    rejected = refused(job(HUGE), [teacher()], dataset(), memory_bytes=8_000_000_000, device="cpu")
    assert rejected.code == "student_too_large"


@pytest.mark.parametrize("device", DEVICES)
def test_layers_are_named_in_every_stage_of_every_learner(device: Device) -> None:
    hints = {"name": "hints", "losses": [{"kind": "hint"}]}
    logits = {"name": "logits", "losses": [{"kind": "soft_target"}]}
    via = {"architecture": "cnn", "config": {"depth": 5, "width": 6}}
    document = job(SMALL, teacher=TRAINED, stages=[hints, logits], via=via)

    admission = admit(document, [], dataset(), device=device)

    first, second = admission.course
    assert (first.name, second.name) == ("hints", "logits")
    assert first.losses[0].layers[0].student == "blocks.0"
    of_assistant, _ = admission.tuitions["assistant"].course
    assert of_assistant.losses[0].layers[0].student.startswith("blocks.")


def test_of_two_students_that_teach_each_other_each_compares_its_own_layers() -> None:
    other = {"mutual": {"architecture": "cnn", "config": {"depth": 4, "width": 6}}}
    named = [{"kind": "hint", "layers": [{"student": "blocks.0", "teacher": "blocks.2"}]}]
    tuitions = admit(job(SMALL, teacher=other, losses=named), [], dataset()).tuitions
    ((ours,), (theirs,)) = (tuitions[who].course[0].losses[0].layers for who in ("student", "peer"))
    assert (ours.student, ours.teacher) == ("blocks.0", "blocks.2")
    assert (theirs.student, theirs.teacher) == ("blocks.2", "blocks.0")


def test_a_student_taught_by_itself_has_its_own_kind_for_a_teacher() -> None:
    admission = admit(job(SMALL, teacher={"self_distillation": {}}), [], dataset())
    assert admission.cast.teacher == admission.cast.student


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (
            {"losses": [{"kind": "soft_target"}, {"kind": "hint", "layers": [NO_SUCH]}]},
            "/losses/1/layers/0/student",
        ),
        (
            {"stages": [{"name": "a", "losses": [{"kind": "hint", "layers": [NO_SUCH]}]}]},
            "/stages/0/losses/0/layers/0/student",
        ),
    ],
)
def test_a_layer_that_does_not_exist_is_refused_at_its_place(change: dict[str, Any], pointer: str) -> None:
    rejected = refused(job(SMALL, **change), [teacher()], dataset())
    assert rejected.details["pointer"] == pointer
    assert "blocks.0" in rejected.message


def test_projectors_count_as_memory() -> None:
    layers = [{"student": "blocks.0", "teacher": "blocks.2"}]
    plain, hinted = (
        admit(job(SMALL, losses=losses), [teacher()], dataset()).student.training_bytes
        for losses in ([{"kind": "soft_target"}], [{"kind": "hint", "layers": layers}])
    )
    assert hinted == plain + 4 * 4 * (4 * 16)


def test_half_as_many_examples_at_once_need_less_memory() -> None:
    whole, halves = (
        admit(job(SMALL, training={"accumulate": parts}), [teacher()], dataset()).student.activation_bytes
        for parts in (1, 2)
    )
    assert halves * 2 == whole


@pytest.mark.parametrize("student", [SMALL, {"architecture": "mlp"}, {"architecture": "resnet"}])
def test_a_plan_and_a_run_weigh_a_network_alike(student: dict[str, Any]) -> None:
    planned, ran = (admit(job(student), [teacher()], dataset(), device=device) for device in DEVICES)
    assert planned.student == ran.student
    assert planned.teachers == ran.teachers
    assert planned.course == ran.course


def test_a_run_looks_at_networks_without_loading_the_compiler_of_torch() -> None:
    """It takes a second to load, which would come before the first update of every job."""
    program = (
        "import sys; from tests.distill.admitting import *; "
        "admit(job(SMALL, losses=[{'kind': 'hint'}]), [teacher()], dataset(), device='cpu'); "
        "assert 'torch._dynamo' not in sys.modules and 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_a_student_that_turns_out_to_be_a_transformer_has_no_stage_that_rounds() -> None:
    """Of feature extraction the document does not tell what the student will be: its teacher does."""
    cosine = [{"kind": "cosine"}]
    stages = [
        {"name": "first", "losses": cosine},
        {"name": "rounded", "losses": cosine, "quantize": "int8"},
    ]
    document = job(
        {"from_teacher": {"num_layers": 1}},
        task="feature-extraction",
        stages=stages,
        exports=["onnx-int8"],
    )
    sentences = dataset(TEXT).model_copy(update={"task": "feature-extraction", "labels": []})
    teacher = bert(task="feature-extraction", labels=None, num_outputs=16)

    rejected = refused(document, [teacher], sentences)

    assert (rejected.code, rejected.details["pointer"]) == ("quantize_unfit", "/stages/1/quantize")


def test_a_hugging_face_folder_of_a_student_that_turns_out_to_be_no_transformer_is_refused() -> None:
    asked = job({"from_teacher": {"width": 0.5}}, task="multi-label-classification", exports=["huggingface"])
    facts = of_task("multi-label-classification", input=PICTURE)
    rejected = refused(asked, [teacher(task="multi-label-classification")], facts)
    assert (rejected.code, rejected.details["pointer"]) == ("export_unfit", "/exports/0")


def test_executorch_is_refused_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executorch, "is_installed", lambda: False)
    rejected = refused(job(SMALL, exports=["onnx", "executorch"]), [teacher()], dataset())
    assert (rejected.code, rejected.details["pointer"]) == ("export_not_installed", "/exports/1")
    assert "pip install 'limbeck-server[executorch]'" in str(rejected.hint)
