"""Before anything trains: do teacher, student and dataset fit each other and the memory?"""

import subprocess
import sys
from typing import Any

import pytest

from distill.admission import Device, admit
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


DEVICES: tuple[Device, ...] = ("meta", "cpu")
NO_SUCH = {"student": "block.0", "teacher": "blocks.0"}
TABLE = Input(kind="tabular", shape=[3], dtype="float32")
PANEL: dict[str, Any] = {"teacher": None, "teachers": [{"model": "t"}, {"model": "u"}]}
TRAINED = {"train": {"architecture": "cnn", "config": {"depth": 6, "width": 8}}}
HUGE = {"architecture": "mlp", "config": {"depth": 3, "width": 100_000}}


def of_task(task: str, labels: tuple[str, ...] = ("a", "b"), input: Input = TABLE) -> Dataset:
    return dataset(input, labels).model_copy(update={"task": task})


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
        "import sys; from tests.distill.test_admission import *; "
        "admit(job(SMALL, losses=[{'kind': 'hint'}]), [teacher()], dataset(), device='cpu'); "
        "assert 'torch._dynamo' not in sys.modules and 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
