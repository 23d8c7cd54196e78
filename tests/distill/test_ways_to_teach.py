"""Whole jobs in which others teach than one finished network, in stages, from several seeds."""

from pathlib import Path
from typing import Any

import pytest

from distill.config.events import Finished, Measured, PhaseChanged, Progressed
from distill.config.tasks import TASKS
from tests.distill import bert
from tests.distill.conftest import Inspected
from tests.distill.folders import Heard, of_kind, run, stage
from tests.distill.jobs import small, trained_until_evaluation
from tests.distill.test_opening import uploaded

pytestmark = pytest.mark.usefixtures("verified_in_this_process")

CNN: dict[str, Any] = {"architecture": "cnn", "config": {"depth": 4, "width": 4}}
FEW: dict[str, Any] = {"steps": 8, "batch_size": 32}
OF_TRANSFORMERS: list[dict[str, Any]] = [
    {"kind": "hidden_state", "form": "mse"},
    {"kind": "hidden_state", "form": "cosine"},
    {"kind": "attention_map", "form": "scores"},
    {"kind": "attention_map", "form": "probabilities"},
    {"kind": "value_relation"},
]
OF_ANY_NETWORK = sorted(
    TASKS["image-classification"].terms - {term["kind"] for term in OF_TRANSFORMERS} - {"hard_target"}
)


def finished(folder: Path, digits: Inspected, **changes: Any) -> tuple[dict[str, Any], Heard]:
    staged = {key: changes.pop(key) for key in ("panel",) if key in changes}
    heard = run(stage(folder / "job", small(**changes), digits.dataset, digits.splits, **staged))
    return of_kind(heard, Finished)[-1].result, heard


def phases(heard: Heard) -> list[str]:
    return [event.name for event in of_kind(heard, PhaseChanged) if event.status == "running"]


def figures_of(heard: Heard, run_name: str, figure: str) -> list[float]:
    return [
        event.values[figure]
        for event in of_kind(heard, Measured)
        if event.run == run_name and figure in event.values
    ]


@pytest.mark.parametrize("kind", OF_ANY_NETWORK)
def test_every_kind_of_loss_trains(tmp_path: Path, digits: Inspected, kind: str) -> None:
    document = small(
        teacher={"train": {**CNN, "training": FEW}},
        student={"architecture": "cnn", "config": {"depth": 3, "width": 4}},
        losses=[{"kind": kind}, {"kind": "hard_target", "weight": 0.1}],
    )
    heard = trained_until_evaluation(stage(tmp_path / "job", document, digits.dataset, digits.splits))

    losses = figures_of(heard, "student", f"train.loss.{kind}")
    assert len(losses) == FEW["steps"]
    assert all(loss > 0 for loss in losses)
    assert max(figures_of(heard, "student", f"train.grad_share.{kind}")) > 0


@pytest.mark.parametrize("loss", OF_TRANSFORMERS, ids=lambda loss: "-".join(loss.values()))
def test_every_kind_of_loss_between_transformers_trains(tmp_path: Path, loss: dict[str, Any]) -> None:
    splits, files = tmp_path / "reviews", tmp_path / "bert"
    dataset, teacher = bert.reviews(splits), bert.teacher(files)
    document = {
        "name": "reviews",
        "task": "text-classification",
        "teacher": "mdl_bert",
        "dataset": "reviews",
        "student": {"from_teacher": {"layers": [0, 2]}},
        "losses": [loss, {"kind": "hard_target"}],
        "training": {"steps": 6, "batch_size": 16},
    }
    folder = stage(tmp_path / "job", document, dataset, splits, teacher=teacher, teacher_files=files)

    heard = trained_until_evaluation(folder)

    losses = figures_of(heard, "student", f"train.loss.{loss['kind']}")
    assert len(losses) == 6
    assert losses[0] > 0


def test_two_students_teach_each_other(tmp_path: Path, digits: Inspected) -> None:
    result, heard = finished(
        tmp_path, digits, teacher={"mutual": CNN}, training={"steps": 30, "batch_size": 32}
    )

    assert phases(heard)[:3] == ["inspecting", "training", "training_control"]
    assert result["updates"] == {"student": 30, "teacher": 30, "control": 30}
    assert len(figures_of(heard, "teacher", "train.loss.soft_target")) == 30
    assert figures_of(heard, "teacher", "validation.accuracy")
    assert result["teacher"]["labels_used"] == result["student"]["labels_used"] == 50


def test_a_network_learns_from_its_earlier_generations(tmp_path: Path, digits: Inspected) -> None:
    result, heard = finished(tmp_path, digits, teacher={"self_distillation": {"generations": 2}})

    assert phases(heard)[:3] == ["inspecting", "training_teacher", "training"]
    assert list(result["updates"]) == ["teacher", "generation1", "student", "control"]
    assert not figures_of(heard, "teacher", "train.loss.soft_target")
    for run_name in ("generation1", "student"):
        assert len(figures_of(heard, run_name, "train.loss.soft_target")) == 8
    assert result["teacher"]["parameters"] == result["student"]["parameters"]
    assert result["teacher"]["labels_used"] == 50


def test_an_assistant_of_a_size_between_passes_on_what_it_learned(tmp_path: Path, digits: Inspected) -> None:
    via = {"architecture": "mlp", "config": {"depth": 3, "width": 48}, "training": {"steps": 5}}
    result, heard = finished(tmp_path, digits, via=via, losses=[{"kind": "soft_target"}])

    assert phases(heard)[:3] == ["inspecting", "training_teacher", "training"]
    assert list(result["updates"]) == ["teacher", "assistant", "student", "control"]
    assert len(figures_of(heard, "assistant", "train.loss.soft_target")) == 5


def test_an_assistant_goes_through_the_stages_of_its_student(tmp_path: Path, digits: Inspected) -> None:
    stages = [
        {"name": "hints", "losses": [{"kind": "hint"}], "training": {"steps": 3, "batch_size": 32}},
        {"name": "logits", "losses": [{"kind": "soft_target"}], "training": {"steps": 4, "batch_size": 32}},
    ]
    via = {"architecture": "mlp", "config": {"depth": 3, "width": 48}}
    result, heard = finished(tmp_path, digits, via=via, stages=stages, losses=None, training=None)

    assert result["updates"]["assistant"] == result["updates"]["student"] == 7
    assert len(figures_of(heard, "assistant", "train.loss.hint")) == 3
    assert len(figures_of(heard, "assistant", "train.loss.soft_target")) == 4


@pytest.mark.parametrize("combine", ["mean", "weighted", "most_confident"])
def test_several_teachers_teach_as_one(tmp_path: Path, digits: Inspected, combine: str) -> None:
    both = [
        (uploaded(tmp_path / name, digits.dataset, config), tmp_path / name)
        for name, config in (("a", {"depth": 3, "width": 4}), ("b", {"depth": 4, "width": 4}))
    ]
    result, heard = finished(
        tmp_path,
        digits,
        teacher=None,
        teachers=[{"model": "a"} | ({"weight": 3.0} if combine == "weighted" else {}), {"model": "b"}],
        combine=combine,
        training={"steps": 90, "batch_size": 32},
        panel=both,
    )

    assert "caching_teacher" in phases(heard)
    assert len(figures_of(heard, "student", "train.loss.soft_target")) == 90
    assert result["teacher"]["accuracy"] < 1


def test_hints_first_then_outputs_then_labels(tmp_path: Path, digits: Inspected) -> None:
    stages = [
        {"name": "hints", "losses": [{"kind": "hint"}], "training": FEW},
        {"name": "outputs", "losses": [{"kind": "soft_target"}], "training": FEW},
        {"name": "labels", "losses": [{"kind": "hard_target"}], "training": FEW},
    ]
    teacher = {"train": {**CNN, "training": FEW}}
    student = {"architecture": "cnn", "config": {"depth": 3, "width": 4}}
    result, heard = finished(tmp_path, digits, teacher=teacher, student=student, training=None, stages=stages)

    told = {
        kind: [
            event.step
            for event in of_kind(heard, Measured)
            if event.run == "student" and f"train.loss.{kind}" in event.values
        ]
        for kind in ("hint", "soft_target", "hard_target")
    }
    assert told == {
        "hint": list(range(1, 9)),
        "soft_target": list(range(9, 17)),
        "hard_target": list(range(17, 25)),
    }
    assert result["updates"] == {"teacher": 8, "student": 24, "control": 24}
    assert not any("projector" in name for name in _written(tmp_path / "job", "student"))


def test_of_several_seeds_one_ships_and_all_are_counted(tmp_path: Path, digits: Inspected) -> None:
    evaluation = {"seeds": 3, "controls": ["hard_labels", "teacher_argmax"]}
    result, heard = finished(
        tmp_path, digits, evaluation=evaluation, training={"steps": 20, "batch_size": 64}
    )

    assert [entry["seed"] for entry in result["seeds"]] == [0, 1, 2]
    assert sum(entry["shipped"] for entry in result["seeds"]) == 1
    assert result["controls"]["teacher_argmax"] is not None
    fractions = [event.fraction for event in of_kind(heard, Progressed)]
    assert fractions == sorted(fractions)
    runs = {event.run for event in of_kind(heard, Measured)}
    assert len(runs) == 1 + 3 * 3


def _written(folder: Path, run_name: str) -> list[str]:
    from safetensors import safe_open

    with safe_open(folder / "out" / run_name / f"{run_name}.safetensors", framework="pt") as file:
        return list(file.keys())
