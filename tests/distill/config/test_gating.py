"""Gates that could never be judged are refused at submit, each with its place and what to do."""

from typing import Any

import pytest

from distill.config.document import DocumentInvalid, parse_job
from distill.config.gating import gate_misfits, incumbent_misfits
from distill.config.job import JobDocument
from distill.config.networks import Dataset, Input, Network, Preprocessing, Split

MLP: dict[str, Any] = {"architecture": "mlp"}
IMAGES = Input(kind="image", shape=[1, 8, 8], dtype="float32")
TEXTS = Input(kind="text", shape=[16], dtype="int64")
ACCURACY = {"metric": "accuracy", "min": 0.9}


def document(*gates: dict[str, Any], task: str = "image-classification", **change: Any) -> JobDocument:
    facts = {"name": "x", "task": task, "teacher": "t", "dataset": "d", "student": MLP}
    return parse_job({**facts, "gates": list(gates), **change})


def problems(*gates: dict[str, Any], **change: Any) -> list[tuple[str, str, str]]:
    with pytest.raises(DocumentInvalid) as caught:
        document(*gates, **change)
    return [(problem.pointer, problem.code, problem.detail) for problem in caught.value.problems]


def dataset(*labels: str, task: Any = "image-classification", input: Input = IMAGES) -> Dataset:
    split = Split(file="x", sha256="0", examples=9, labeled=9, class_counts=[])
    return Dataset(
        task=task,
        labels=list(labels),
        input=input,
        splits={"train": split, "validation": split, "test": split},
    )


def network(**change: Any) -> Network:
    facts: dict[str, Any] = {
        "task": "image-classification",
        "architecture": "mlp",
        "config": {},
        "labels": ["cat", "dog"],
        "num_outputs": 2,
        "input": IMAGES,
        **change,
    }
    return Network(**facts)


@pytest.mark.parametrize(
    ("metric", "nearest"),
    [
        ("acuracy", "accuracy"),
        ("latency_ms", "latency_ms.p95, latency_ms.p50"),
        ("latency_ms_p95", "latency_ms.p95"),
        ("size_mb", "size_bytes"),
        ("per_class.7", "per_class_accuracy"),
    ],
)
def test_a_figure_that_nobody_knows_is_answered_with_the_nearest_names(metric: str, nearest: str) -> None:
    ((pointer, code, detail),) = problems(ACCURACY, {"metric": metric, "max": 1})

    assert (pointer, code) == ("/gates/1/metric", "unknown_figure")
    assert nearest in detail


def test_where_no_name_is_near_all_are_listed() -> None:
    ((_, _, detail),) = problems({"metric": "zzz", "max": 1})

    assert "there are: accuracy, balanced_accuracy" in detail
    assert "peak_memory_bytes" in detail


@pytest.mark.parametrize(
    ("task", "metric"),
    [
        ("regression", "accuracy"),
        ("regression", "agreement"),
        ("regression", "per_class_accuracy.x"),
        ("feature-extraction", "r2"),
        ("image-classification", "f1"),
        ("image-classification", "entity_f1"),
        ("multi-label-classification", "ece"),
    ],
)
def test_a_figure_of_another_task_is_refused_with_those_of_this_one(task: str, metric: str) -> None:
    ((pointer, code, detail),) = problems(
        {"metric": metric, "min": 0.5}, task=task, evaluation={"control": task != "feature-extraction"}
    )

    assert (pointer, code) == ("/gates/0/metric", "figure_unfit")
    assert f"{task} has no" in detail


@pytest.mark.parametrize(
    ("gate", "pointer", "code"),
    [
        ({"metric": "accuracy", "on": "export:onnx", "min": 0.5}, "on", "export_not_asked_for"),
        (
            {"metric": "retention", "on": "export:safetensors", "min": 0.5},
            "metric",
            "figure_not_of_exports",
        ),
        ({"metric": "macs", "on": "export:safetensors", "max": 9}, "metric", "figure_not_of_exports"),
        (
            {"metric": "retention", "relative_to": "teacher", "min": 0.5},
            "relative_to",
            "nothing_to_compare_with",
        ),
        ({"metric": "gain", "relative_to": "old@best", "min": 0}, "relative_to", "nothing_to_compare_with"),
        (
            {"metric": "agreement", "relative_to": "teacher", "min": 1},
            "relative_to",
            "nothing_to_compare_with",
        ),
        (
            {"metric": "size_bytes", "relative_to": "control", "max": 1},
            "relative_to",
            "nothing_to_compare_with",
        ),
        (
            {"metric": "latency_ms.p95", "relative_to": "control", "max": 1},
            "relative_to",
            "nothing_to_compare_with",
        ),
        ({"metric": "accuracy", "min": 97}, "min", "gate_impossible"),
        ({"metric": "accuracy", "max": -0.1}, "max", "gate_impossible"),
        ({"metric": "r2", "min": 1.5}, "metric", "figure_unfit"),
        ({"metric": "size_bytes", "max": -1}, "max", "gate_impossible"),
        ({"metric": "accuracy"}, "", "gate_without_bound"),
        ({"metric": "accuracy", "min": 0.9, "max": 0.8}, "", "gate_impossible"),
        (
            {"metric": "accuracy", "compare": "difference", "min": 0},
            "compare",
            "nothing_to_compare",
        ),
    ],
)
def test_a_gate_that_cannot_be_judged_is_refused_at_its_place(
    gate: dict[str, Any], pointer: str, code: str
) -> None:
    ((at, found, _),) = problems(gate)

    assert (at, found) == (f"/gates/0/{pointer}".rstrip("/"), code)


def test_an_export_that_the_job_does_not_make_is_answered_with_those_that_it_makes() -> None:
    gate = {"metric": "accuracy", "on": "export:onnx-int8", "min": 0.9}

    ((_, _, detail),) = problems(gate, exports=["onnx"])

    assert "export:onnx, export:safetensors" in detail


@pytest.mark.parametrize(
    "gate",
    [
        {"metric": "gain", "min": 0},
        {"metric": "gap_closed", "min": 0.5},
        {"metric": "accuracy", "relative_to": "control", "min": 1},
    ],
)
def test_without_a_control_nothing_is_compared_with_it(gate: dict[str, Any]) -> None:
    ((_, code, detail),) = problems(gate, evaluation={"control": False})

    assert code == "no_control"
    assert "evaluation.control is false" in detail


def test_embeddings_have_no_control_and_the_reason_is_told() -> None:
    ((_, code, detail),) = problems({"metric": "gain", "min": 0}, task="feature-extraction")

    assert code == "no_control"
    assert "no labels" in detail


@pytest.mark.parametrize(
    "gate",
    [
        ACCURACY,
        {"metric": "accuracy", "relative_to": "teacher", "min": 0.97},
        {"metric": "accuracy", "relative_to": "digits@production", "compare": "difference", "min": -0.01},
        {"metric": "per_class_accuracy", "min": 0.8},
        {"metric": "per_class_accuracy.v1.5", "min": 0.8},
        {"metric": "agreement", "on": "export:onnx", "min": 0.9},
        {"metric": "agreement", "relative_to": "control", "min": 1},
        {"metric": "latency_ms.p95", "on": "export:onnx", "relative_to": "teacher", "max": 0.5},
        {"metric": "size_bytes", "relative_to": "teacher", "compare": "difference", "max": 97},
        {"metric": "parameters", "max": 100_000},
        {"metric": "retention", "min": 0.97, "decide": "point"},
        {"metric": "gap_closed", "min": 0},
        {"metric": "peak_memory_bytes", "on": "export:onnx", "max": 1e9},
    ],
)
def test_a_gate_that_can_be_judged_is_taken(gate: dict[str, Any]) -> None:
    assert document(gate, exports=["onnx"]).gates[0].metric == gate["metric"]


def test_a_label_that_the_dataset_has_not_is_answered_with_the_nearest() -> None:
    asked = document({"metric": "per_class_accuracy.dogs", "min": 0.5})

    (problem,) = gate_misfits(asked, dataset("cat", "dog"))

    assert (problem.pointer, problem.code) == ("/gates/0/metric", "unknown_label")
    assert "nearest are: dog" in problem.detail
    assert not list(gate_misfits(asked, dataset("cat", "dogs")))


def test_entities_are_asked_for_only_where_the_tags_mark_any() -> None:
    asked = document({"metric": "entity_f1", "min": 0.5}, task="token-classification")

    (problem,) = gate_misfits(asked, dataset("noun", "verb", task="token-classification", input=TEXTS))

    assert (problem.pointer, problem.code) == ("/gates/0/metric", "figure_unfit")
    entities = dataset("O", "B-x", "I-x", task="token-classification", input=TEXTS)
    assert not list(gate_misfits(asked, entities))


@pytest.mark.parametrize(
    ("incumbent", "says"),
    [
        (network(task="regression", labels=["price"], num_outputs=1), "for regression"),
        (network(labels=["cat", "cow"]), "labels are not those"),
        (network(labels=None), "labels are not those"),
        (network(input=Input(kind="image", shape=[3, 8, 8], dtype="float32")), "shape [3, 8, 8]"),
        (network(input=Input(kind="tabular", shape=[4], dtype="float32")), "takes tabular"),
    ],
)
def test_a_model_that_cannot_answer_the_same_examples_is_no_baseline(incumbent: Network, says: str) -> None:
    asked = document(ACCURACY, {"metric": "accuracy", "relative_to": "mdl_1", "min": 1})

    (problem,) = incumbent_misfits(asked, "mdl_1", incumbent, dataset("cat", "dog"), None)

    assert (problem.pointer, problem.code) == ("/gates/1/relative_to", "incumbent_unfit")
    assert says in problem.detail


def test_labels_in_another_order_and_another_normalization_are_no_hindrance() -> None:
    asked = document({"metric": "accuracy", "relative_to": "mdl_1", "min": 1})
    incumbent = network(labels=["dog", "cat"], preprocessing=Preprocessing(scale=0.5))

    assert not list(incumbent_misfits(asked, "mdl_1", incumbent, dataset("cat", "dog"), None))


def test_words_are_compared_only_where_both_read_the_same_tokens() -> None:
    task = "token-classification"
    asked = document({"metric": "accuracy", "relative_to": "mdl_1", "min": 1}, task=task)
    tags = dataset("cat", "dog", task=task, input=TEXTS)
    reader = network(task=task, input=TEXTS, files={"tokenizer.json": "a"})
    other = network(task=task, input=TEXTS, files={"tokenizer.json": "b"})

    (problem,) = incumbent_misfits(asked, "mdl_1", other, tags, reader)

    assert "other tokens" in problem.detail
    assert not list(incumbent_misfits(asked, "mdl_1", reader, tags, reader))
    text = "text-classification"
    texts = document({"metric": "accuracy", "relative_to": "mdl_1", "min": 1}, task=text)
    other, reader = (each.model_copy(update={"task": text}) for each in (other, reader))
    assert not list(incumbent_misfits(texts, "mdl_1", other, dataset("cat", "dog", input=TEXTS), reader))
