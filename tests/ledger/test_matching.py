"""What can be told of a document and its inputs before a network is built: each mistake with its place."""

from typing import Any

import pytest

from distill.config.document import parse_job
from distill.config.networks import Input
from ledger.database import Sessions
from ledger.errors import SpecInvalid
from ledger.resolve import resolve
from tests.ledger.builders import LABELS, a_dataset, a_model, raw_document

TEXT = Input(kind="text", shape=[64], dtype="int64")
TABLE = Input(kind="tabular", shape=[16], dtype="float32")
BERT = {"huggingface": {"model_type": "bert"}}
LAYERS = [
    {"name": "layer1", "shape": [8, 8, 8], "kind": "Sequential"},
    {"name": "layer2", "shape": [16, 4, 4], "kind": "Sequential"},
]


class Bench:
    """A project into which inputs are put, and documents on them."""

    def __init__(self, sessions: Sessions, project_id: str) -> None:
        self.sessions = sessions
        self.project_id = project_id

    def has(self, *, data: dict[str, Any], **models: dict[str, Any]) -> None:
        """The dataset `digits`, and models by name; all of them inspected."""
        with self.sessions.writing() as session:
            a_dataset(session, self.project_id, **data)
            for name, facts in models.items():
                model = a_model(session, self.project_id, name=name, **facts)
                model.inspection = {"layers": LAYERS}

    def finds(self, **document: Any) -> list[tuple[str, str, str]]:
        """Pointer, code and sentence of everything that is wrong with the document."""
        try:
            with self.sessions.reading() as session:
                parsed = parse_job(raw_document(**document))
                resolve(session, project_id=self.project_id, document=parsed)
        except SpecInvalid as refused:
            return [(problem.pointer, problem.code, problem.detail) for problem in refused.problems]
        return []

    def places(self, **document: Any) -> list[tuple[str, str]]:
        return [(pointer, code) for pointer, code, _ in self.finds(**document)]


@pytest.fixture
def bench(sessions: Sessions, project_id: str) -> Bench:
    return Bench(sessions, project_id)


def test_each_teacher_is_judged_at_its_own_place(bench: Bench) -> None:
    bench.has(
        data={},
        good={},
        other={"task": "regression", "labels": None},
        nameless={"labels": None},
        wide={"input": Input(kind="image", shape=[3, 8, 8], dtype="uint8")},
    )
    teachers = [{"model": name} for name in ("good", "other", "nameless", "wide")]
    assert bench.places(teacher=None, teachers=teachers) == [
        ("/teachers/1/model", "task_mismatch"),
        ("/teachers/2/model", "label_order_unknown"),
        ("/teachers/3/model", "input_mismatch"),
    ]


def test_what_a_student_starts_from_must_answer_in_the_order_of_the_dataset(bench: Bench) -> None:
    bench.has(data={}, same={}, turned={"labels": LABELS[::-1]}, other={"task": "regression"})
    assert bench.places(student={"model": "same"}) == []
    assert bench.places(student={"model": "turned"}) == [("/student/model", "labels_in_another_order")]
    assert bench.places(student={"model": "other"}) == [("/student/model", "task_mismatch")]


def test_what_a_student_starts_from_must_take_the_examples(bench: Bench) -> None:
    bench.has(data={}, large={"input": Input(kind="image", shape=[1, 28, 28], dtype="uint8")})
    ((pointer, code, detail),) = bench.finds(student={"model": "large"})
    assert (pointer, code) == ("/student/model", "input_mismatch")
    assert "[1, 28, 28]" in detail
    assert "[1, 8, 8]" in detail


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"student": BERT}, "/student/huggingface"),
        ({"teacher": {"train": {"architecture": "huggingface", "config": {"model_type": "bert"}}}},
         "/teacher/train/architecture"),
        ({"teacher": {"mutual": {"architecture": "huggingface", "config": {"model_type": "bert"}}}},
         "/teacher/mutual/architecture"),
        ({"via": {"architecture": "huggingface", "config": {"model_type": "bert"}}}, "/via/architecture"),
    ],
)  # fmt: skip
def test_every_architecture_must_take_what_the_task_has(
    bench: Bench, document: dict[str, Any], pointer: str
) -> None:
    bench.has(data={})
    ((place, code, detail),) = bench.finds(**document)
    assert (place, code) == (pointer, "architecture_unfit")
    assert detail.endswith("these can: mlp, cnn, resnet")


def test_a_task_of_several_kinds_is_judged_by_the_examples_of_the_dataset(bench: Bench) -> None:
    regression = {"task": "regression", "losses": [{"kind": "hard_target", "weight": 1.0}]}
    bench.has(data={"task": "regression", "input": TABLE, "labels": ["price"]})
    trained = {"train": {"architecture": "mlp"}}
    assert bench.places(**regression, teacher=trained, student={"architecture": "mlp"}) == []
    assert bench.places(**regression, teacher=trained) == [("/student/architecture", "architecture_unfit")]


def test_text_of_any_task_needs_a_network_that_brings_a_tokenizer(bench: Bench) -> None:
    bench.has(data={"task": "regression", "input": TEXT, "labels": ["stars"]})
    trained = {"train": {"architecture": "huggingface", "config": {"model_type": "bert"}}}
    found = bench.places(task="regression", teacher=trained, student=BERT)
    assert found == [("/teacher", "tokenizer_missing")]


@pytest.mark.parametrize(
    ("labels", "outputs", "code"),
    [
        (None, 1, None),
        (["price"], 1, None),
        (["size"], 1, "labels_mismatch"),
        (None, 2, "label_order_unknown"),
    ],
)
def test_a_single_number_needs_no_name(
    bench: Bench, labels: list[str] | None, outputs: int, code: str | None
) -> None:
    facts: dict[str, Any] = {"task": "regression", "input": TABLE}
    bench.has(
        data={**facts, "labels": ["price"]},
        teacher={**facts, "architecture": "mlp", "labels": labels, "num_outputs": outputs},
    )
    found = bench.places(task="regression", teacher="teacher", student={"architecture": "mlp"})
    assert found == ([("/teacher", code)] if code else [])


def test_an_embedding_has_no_names_to_agree_in(bench: Bench) -> None:
    facts: dict[str, Any] = {"task": "feature-extraction", "input": TABLE}
    bench.has(
        data={**facts, "labels": []},
        teacher={**facts, "architecture": "mlp", "labels": None, "num_outputs": 384},
    )
    document = {"task": "feature-extraction", "teacher": "teacher", "student": {"architecture": "mlp"}}
    assert bench.places(**document) == []


@pytest.mark.parametrize(
    ("task", "count", "code"),
    [
        ("image-classification", 9, "too_few_labels"),
        ("multi-label-classification", 9, None),
        ("multi-label-classification", 91, "too_many_labels"),
    ],
)
def test_only_where_each_example_has_one_class_does_each_class_need_an_example(
    bench: Bench, task: str, count: int, code: str | None
) -> None:
    bench.has(data={"task": task})
    found = bench.places(task=task, labels={"count": count})
    assert found == ([("/labels/count", code)] if code else [])


HINT = {"kind": "hint", "layers": [{"student": "features.0", "teacher": "layr1"}]}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"losses": [{"kind": "soft_target"}, HINT]}, "/losses/1/layers/0/teacher"),
        ({"stages": [{"name": "hints", "losses": [HINT]}]}, "/stages/0/losses/0/layers/0/teacher"),
        ({"via": {"architecture": "cnn", "losses": [HINT]}}, "/via/losses/0/layers/0/teacher"),
    ],
)
def test_a_layer_that_the_teacher_does_not_have_is_answered_with_the_nearest(
    bench: Bench, document: dict[str, Any], pointer: str
) -> None:
    bench.has(data={}, teacher={})
    ((place, code, detail),) = bench.finds(teacher="teacher", **document)
    assert (place, code) == (pointer, "no_such_layer")
    assert "layer1" in detail


def test_layers_are_checked_on_the_side_that_has_been_inspected(bench: Bench) -> None:
    bench.has(data={}, start={})
    assert bench.places(losses=[HINT]) == []  # neither of these networks is there yet
    found = bench.places(losses=[HINT], student={"model": "start"})
    assert found == [("/losses/0/layers/0/student", "no_such_layer")]


def test_the_layers_of_an_assistant_are_not_those_of_the_teacher(bench: Bench) -> None:
    bench.has(data={}, teacher={})
    found = bench.places(teacher="teacher", via={"architecture": "cnn"}, losses=[HINT])
    assert found == []


@pytest.mark.parametrize("name", ["layer1", "layer2:input", "outputs"])
def test_a_layer_may_be_asked_for_what_it_takes_and_a_network_for_its_outputs(
    bench: Bench, name: str
) -> None:
    bench.has(data={}, teacher={})
    hint = {"kind": "hint", "layers": [{"student": "features.0", "teacher": name}]}
    assert bench.places(teacher="teacher", losses=[hint]) == []


def test_what_a_gate_puts_the_student_beside_must_answer_the_same_examples(bench: Bench) -> None:
    bench.has(
        data={},
        same={"labels": LABELS[::-1]},
        other={"task": "regression", "labels": None},
        wide={"input": Input(kind="image", shape=[3, 8, 8], dtype="uint8")},
        few={"labels": LABELS[:5]},
    )
    gates = [
        {"metric": "accuracy", "relative_to": name, "min": 1} for name in ("same", "other", "wide", "few")
    ]
    assert bench.places(gates=gates) == [
        (f"/gates/{number}/relative_to", "incumbent_unfit") for number in (1, 2, 3)
    ]


def test_a_gate_on_a_label_that_the_dataset_has_not_is_refused_at_its_place(bench: Bench) -> None:
    bench.has(data={})
    gates = [{"metric": f"per_class_accuracy.{label}", "min": 0.5} for label in ("7", "seven")]
    assert bench.places(gates=gates) == [("/gates/1/metric", "unknown_label")]
