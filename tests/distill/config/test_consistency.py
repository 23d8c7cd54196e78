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


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"task": "feature-extraction", "teacher": {"train": MLP}}, "/teacher", "teacher_needs_labels"),
        ({"task": "feature-extraction", "labels": {"count": 5}}, "/labels", "no_labels_to_limit"),
        ({"teacher": MUTUAL, "student": {"from_teacher": {"width": 0.5}}}, "/student/from_teacher", None),
        ({"teacher": SELF, "student": {"from_teacher": {"width": 0.5}}}, "/student/from_teacher", None),
        ({"teacher": SELF, "via": MLP}, "/via", "no_teacher"),
        ({"teacher": MUTUAL, "stages": stages("a", "b")}, "/stages", "one_stage"),
        ({"stages": stages("a", "b", "a")}, "/stages/2/name", "repeated_stage"),
        (
            {"task": "regression", "teacher": None, "teachers": TEACHERS, "combine": "most_confident"},
            "/combine",
            "no_confidence",
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
