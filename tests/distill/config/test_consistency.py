"""What the parts of a document say about each other, and where."""

from typing import Any

import pytest

from distill.config.architectures import Cnn
from distill.config.document import DocumentInvalid, parse_job

MLP: dict[str, Any] = {"architecture": "mlp"}
TEACHERS = [{"model": "t"}, {"model": "u"}]
MUTUAL = {"mutual": MLP}
SELF = {"self_distillation": {}}


def document(**change: Any) -> dict[str, Any]:
    facts = {
        "name": "x",
        "task": "image-classification",
        "teacher": "t",
        "dataset": "d",
        "student": MLP,
        **change,
    }
    return {name: value for name, value in facts.items() if value is not None}


def stages(*names: str, **training: Any) -> list[dict[str, Any]]:
    return [{"name": name, "losses": [{"kind": "soft_target"}], "training": training} for name in names]


def rounded(number: int) -> list[dict[str, Any]]:
    """Two stages, of which this one rounds."""
    listed = stages("a", "b")
    listed[number]["quantize"] = "int8"
    return listed


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"task": "feature-extraction", "teacher": {"train": MLP}}, "/teacher", "teacher_needs_labels"),
        ({"task": "feature-extraction", "labels": {"count": 5}}, "/labels", "no_labels_to_limit"),
        ({"teacher": MUTUAL, "student": {"from_teacher": {"width": 0.5}}}, "/student/from_teacher", None),
        ({"teacher": SELF, "student": {"from_teacher": {"width": 0.5}}}, "/student/from_teacher", None),
        ({"teacher": SELF, "via": MLP}, "/via", "no_teacher"),
        ({"teacher": MUTUAL, "stages": stages("a", "b")}, "/stages", "one_stage"),
        ({"stages": stages("a", "b"), "via": {**MLP, "training": {"steps": 3}}}, "/via", "half_a_course"),
        ({"stages": stages("a", "b", "a")}, "/stages/2/name", "repeated_stage"),
        (
            {"task": "regression", "teacher": None, "teachers": TEACHERS, "combine": "most_confident"},
            "/combine",
            "no_confidence",
        ),
        ({"exports": ["onnx", "huggingface"]}, "/exports/1", "export_unfit"),
        (
            {"task": "tabular-classification", "student": {"model": "m"}, "exports": ["huggingface"]},
            "/exports/0",
            "export_unfit",
        ),
        (
            {
                "task": "feature-extraction",
                "student": {"huggingface": {"model_type": "bert"}},
                "exports": ["huggingface"],
            },
            "/exports/0",
            "export_unfit",
        ),
        (
            {"stages": rounded(1), "exports": ["onnx"]},
            "/stages/1/quantize",
            "quantize_without_export",
        ),
        ({"stages": rounded(0), "exports": ["onnx-int8"]}, "/stages/0/quantize", "quantize_first"),
        (
            {"task": "text-classification", "stages": rounded(1), "exports": ["onnx-int8"]},
            "/stages/1/quantize",
            "quantize_unfit",
        ),
        (
            {
                "task": "feature-extraction",
                "student": {"huggingface": {"model_type": "bert"}},
                "stages": [stage | {"losses": [{"kind": "cosine"}]} for stage in rounded(1)],
                "exports": ["onnx-int8"],
            },
            "/stages/1/quantize",
            "quantize_unfit",
        ),
        (
            {"teacher": None, "teachers": [{"model": "t"}, {"model": "u", "weight": 2}]},
            "/teachers/1/weight",
            "weight_unused",
        ),
        (
            {"task": "regression", "evaluation": {"controls": ["teacher_argmax"]}},
            "/evaluation/controls/0",
            "no_top_class",
        ),
        (
            {"teacher": MUTUAL, "evaluation": {"controls": ["hard_labels", "teacher_argmax"]}},
            "/evaluation/controls/1",
            "no_top_class",
        ),
        ({"task": "regression", "losses": [{"kind": "decoupled"}]}, "/losses/0/kind", "term_unfit"),
        (
            {"losses": [{"kind": "dist"}], "training": {"batch_size": 8, "accumulate": 2}},
            "/losses/0/kind",
            "not_divisible",
        ),
        (
            {"losses": [{"kind": "hard_target", "weight": {"kind": "auto"}}]},
            "/losses",
            "no_fixed_weight",
        ),
        ({"stages": stages("a", precision="fp16")}, "/stages/0/training/precision", "float16_on_cpu"),
        (
            {"via": {**MLP, "training": {"precision": "fp16"}}},
            "/via/training/precision",
            "float16_on_cpu",
        ),
        ({"via": {**MLP, "losses": [{"kind": "cosine"}]}}, "/via/losses/0/kind", "term_unfit"),
        (
            {"losses": [{"kind": "hard_target"}, {"kind": "similarity"}], "training": {"batch_size": 1}},
            "/losses/1/kind",
            "nothing_to_compare_with",
        ),
        (
            {"training": {"early_stopping": {"metric": "validation.r2"}}},
            "/training/early_stopping/metric",
            "metric_unfit",
        ),
    ],
)
def test_a_contradiction_is_found_at_its_place(
    change: dict[str, Any], pointer: str, code: str | None
) -> None:
    with pytest.raises(DocumentInvalid) as invalid:
        parse_job(document(**change))
    assert [problem.pointer for problem in invalid.value.problems] == [pointer]
    assert code in (None, invalid.value.problems[0].code)


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"losses": [{"kind": "soft_targett"}]}, "/losses/0/kind", "did you mean 'soft_target'"),
        ({"losses": [{"kind": "zzz"}]}, "/losses/0/kind", "there are: soft_target, hard_target"),
        ({"losses": [{"kind": "hint", "layers": "all"}]}, "/losses/0/layers", "a list of pairs"),
        ({"losses": [{"kind": "hint", "layers": [{"teacher": "a"}]}]}, "/losses/0/layers/0/student", ""),
        (
            {"losses": [{"kind": "kd", "weight": {"kind": "warmup", "value": 1}}]},
            "/losses/0/weight",
            "exactly one of epochs and steps",
        ),
        ({"teacher": ["t", "u"]}, "/teacher", "several models are listed under teachers"),
        ({"teacher": None}, "/teacher", "exactly one"),
        ({"teachers": TEACHERS}, "/teachers", "exactly one"),
        ({"combine": "weighted"}, "/combine", "needs teachers"),
        ({"stages": stages("a"), "losses": [{"kind": "kd"}]}, "/losses", "belong into the stages"),
        ({"stages": stages("a"), "training": {}}, "/training", "belong into the stages"),
    ],
)
def test_a_mistake_is_told_where_it_was_made_and_what_to_write_instead(
    change: dict[str, Any], pointer: str, detail: str
) -> None:
    with pytest.raises(DocumentInvalid) as invalid:
        parse_job(document(**change))
    (problem,) = invalid.value.problems
    assert problem.pointer == pointer
    assert detail in problem.detail


@pytest.mark.parametrize(
    "change",
    [
        {"teacher": None, "teachers": [{"model": "t"}, {"model": "u", "weight": 2}], "combine": "weighted"},
        {"teacher": None, "teachers": TEACHERS, "combine": "most_confident"},
        {
            "task": "multi-label-classification",
            "teacher": None,
            "teachers": TEACHERS,
            "combine": "most_confident",
        },
        {"teacher": {"train": MLP}, "via": MLP, "stages": stages("a", "b")},
        {"teacher": SELF, "evaluation": {"controls": ["teacher_argmax"]}},
        {"task": "feature-extraction"},
    ],
)
def test_what_agrees_is_a_job(change: dict[str, Any]) -> None:
    assert parse_job(document(**change)).course


def test_the_stages_of_a_convolutional_network_hold_all_of_its_convolutions() -> None:
    assert Cnn(depth=5, stages=[1, 3]).stages == [1, 3]
    with pytest.raises(ValueError, match="stages hold 3 convolutions, and depth 5 means 4"):
        Cnn(depth=5, stages=[1, 2])
