"""A dry run: what the job would build, on the meta device."""

from pathlib import Path
from typing import Any

import pytest

from distill.config.events import Planned
from distill.config.folder import PlanJob
from distill.config.networks import Preprocessing
from distill.plan import plan
from distill.rejection import Rejected
from tests.distill.admitting import PANEL, SMALL, TABLE, dataset, job, of_task, teacher
from tests.distill.inspect.uploads import Heard


def planned(tmp_path: Path, document: Any, memory_bytes: int | None = None, **given: Any) -> Planned:
    heard = Heard()
    given = {"teachers": [teacher()], "dataset": dataset(), **given}
    plan(PlanJob(document=document, memory_bytes=memory_bytes, **given), tmp_path, heard)
    assert isinstance(heard.last, Planned)
    return heard.last


def test_a_plan_counts_the_student_exactly(tmp_path: Path) -> None:
    answer = planned(tmp_path, job(SMALL), 8_000_000_000)
    assert answer.student["parameters"] == 54
    assert answer.student["size_bytes"] == 4 * (54 + 2 * 4) + 8
    assert answer.fits_memory


def test_a_plan_counts_the_updates_of_every_run(tmp_path: Path) -> None:
    train = {"architecture": "mlp", "training": {"steps": 70}}
    document = job(SMALL, teacher={"train": train}, training={"steps": 50})
    assert planned(tmp_path, document, teachers=[]).estimate == {
        "student_updates": 50,
        "control_updates": 50,
        "teacher_updates": 70,
        "total_updates": 170,
    }


def test_a_job_without_control_plans_none(tmp_path: Path) -> None:
    document = job(SMALL, training={"steps": 50}, evaluation={"control": False})
    assert planned(tmp_path, document).estimate["total_updates"] == 50


def test_a_job_without_labels_plans_no_control(tmp_path: Path) -> None:
    unlabeled = {"task": "feature-extraction", "labels": None, "num_outputs": 8, "input": TABLE}
    embedder = teacher(architecture="mlp", config={}, preprocessing=Preprocessing(), **unlabeled)
    document = job({"architecture": "mlp"}, task="feature-extraction", training={"steps": 50})

    answer = planned(tmp_path, document, teachers=[embedder], dataset=of_task("feature-extraction", ()))

    assert answer.estimate == {"student_updates": 50, "total_updates": 50}


def test_a_larger_batch_needs_more_memory(tmp_path: Path) -> None:
    small, large = (planned(tmp_path, job(SMALL, training={"batch_size": size})) for size in (8, 4096))
    assert large.memory_bytes > small.memory_bytes


def test_a_plan_of_what_cannot_fit_is_refused(tmp_path: Path) -> None:
    student = {"architecture": "mlp", "config": {"depth": 3, "width": 1_000_000}}
    with pytest.raises(Rejected, match="parameters needs about"):
        planned(tmp_path, job(student), 8_000_000_000)


def test_a_plan_names_every_layer_of_every_stage(tmp_path: Path) -> None:
    stages = [
        {"name": "hints", "losses": [{"kind": "hint"}], "training": {"steps": 3}},
        {"name": "logits", "losses": [{"kind": "soft_target"}], "training": {"steps": 4}},
    ]
    answer = planned(tmp_path, job(SMALL, stages=stages))
    assert [stage.name for stage in answer.stages] == ["hints", "logits"]
    assert answer.stages[0].losses[0].layers[0].student == "blocks.0"
    assert answer.estimate["student_updates"] == 7


def test_a_plan_of_a_student_of_its_teachers_layers_counts_what_is_left(tmp_path: Path) -> None:
    answer = planned(tmp_path, job({"from_teacher": {"num_layers": 2, "width": 0.5}}))
    assert answer.student["parameters"] < answer.teacher["parameters"] / 2


def test_a_plan_of_several_teachers_counts_all_of_them(tmp_path: Path) -> None:
    one = planned(tmp_path, job(SMALL)).teacher["parameters"]
    both = planned(tmp_path, job(SMALL, **PANEL), teachers=[teacher(), teacher()])
    assert both.teacher["parameters"] == 2 * one


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        ({"evaluation": {"seeds": 3}}, {"student_updates": 150, "control_updates": 150}),
        (
            {"evaluation": {"controls": ["hard_labels", "teacher_argmax"]}},
            {"student_updates": 50, "control_updates": 50, "teacher_argmax_updates": 50},
        ),
        (
            {"via": {"architecture": "cnn", "training": {"steps": 20}}},
            {"student_updates": 50, "control_updates": 50, "assistant_updates": 20},
        ),
    ],
)
def test_a_plan_counts_every_run_that_a_job_asks_for(
    tmp_path: Path, change: dict[str, Any], runs: dict[str, int]
) -> None:
    estimate = planned(tmp_path, job(SMALL, training={"steps": 50}, **change)).estimate
    assert estimate == {**runs, "total_updates": sum(runs.values())}


@pytest.mark.parametrize(
    ("makes", "updates"),
    [
        ({"mutual": {"architecture": "cnn"}}, 50),
        ({"self_distillation": {"generations": 3}}, 150),
    ],
)
def test_a_plan_counts_those_that_learn_beside_or_before_the_student(
    tmp_path: Path, makes: dict[str, Any], updates: int
) -> None:
    document = job(SMALL, teacher=makes, training={"steps": 50})
    assert planned(tmp_path, document, teachers=[]).estimate["teacher_updates"] == updates


def test_two_students_that_learn_together_need_the_memory_of_both(tmp_path: Path) -> None:
    peer = {"architecture": "mlp", "config": {"depth": 3, "width": 2000}}
    together = planned(tmp_path, job(SMALL, teacher={"mutual": peer}), teachers=[]).memory_bytes
    in_turn = planned(tmp_path, job(SMALL, teacher={"train": peer}), teachers=[]).memory_bytes
    assert together > in_turn


def test_a_plan_warns_of_gates_that_the_test_examples_cannot_decide(tmp_path: Path) -> None:
    gates = [{"metric": "accuracy", "min": 0.999}, {"metric": "accuracy", "min": 0.9}]

    (warning,) = planned(tmp_path, job(SMALL, gates=gates)).warnings

    assert warning["code"] == "gate_undecidable"
    assert "min 0.999" in warning["message"]
