"""Jobs of every kind: architectures, losses, switches, and those that are refused."""

from pathlib import Path
from typing import Any

import pytest

from distill.channel import StopAsked
from distill.config.events import Event, Finished, PhaseChanged, Warned
from distill.rejection import Rejected
from tests.distill import bert
from tests.distill.conftest import Inspected
from tests.distill.folders import Heard, Stop, of_kind, run, stage
from tests.distill.jobs import DOCUMENT, small, trained_until_evaluation


def test_the_test_split_is_not_there_before_the_evaluation_and_nobody_misses_it(
    tmp_path: Path, digits: Inspected
) -> None:
    class PutsTestInPlaceForTheEvaluation(Heard):
        def send(self, event: Event) -> None:
            super().send(event)
            if event == PhaseChanged(name="evaluating", status="running"):
                aside.rename(test)

    folder = stage(tmp_path / "job", small(), digits.dataset, digits.splits)
    test, aside = folder / "in" / "dataset" / "test.safetensors", tmp_path / "aside"
    test.rename(aside)

    heard = run(folder, heard=PutsTestInPlaceForTheEvaluation())

    assert isinstance(heard.events[-1], Finished)


@pytest.mark.parametrize(
    ("architecture", "teacher", "student"),
    [
        ("mlp", {"depth": 10, "width": 32}, {"depth": 2, "width": 32}),
        ("cnn", {"depth": 6, "width": 8}, {"depth": 3, "width": 4}),
    ],
)
def test_a_deep_teacher_teaches_a_shallow_student(
    tmp_path: Path, digits: Inspected, architecture: str, teacher: dict[str, Any], student: dict[str, Any]
) -> None:
    few = {"steps": 12, "batch_size": 32}
    document = DOCUMENT | {
        "teacher": {"train": {"architecture": architecture, "config": teacher, "training": few}},
        "student": {"architecture": architecture, "config": student},
        "training": few,
    }
    heard = run(stage(tmp_path / "job", document, digits.dataset, digits.splits))

    finished = of_kind(heard, Finished)[-1]
    assert finished.result["compression"]["parameters"] > 1
    assert finished.result["exports"]["safetensors"]["status"] == "verified"
    weights = [layer for layer in finished.layers if layer.kind in ("Linear", "Conv2d")]
    assert len(weights) == student["depth"]


def test_a_bert_teaches_a_bert_of_two_layers(tmp_path: Path) -> None:
    splits, files = tmp_path / "reviews", tmp_path / "bert"
    dataset, teacher = bert.reviews(splits), bert.teacher(files)
    document = {
        "name": "reviews",
        "task": "text-classification",
        "teacher": "mdl_bert",
        "dataset": "reviews",
        "student": {
            "huggingface": {
                "model_type": "bert",
                "num_hidden_layers": 2,
                "hidden_size": 16,
                "num_attention_heads": 2,
                "intermediate_size": 32,
            }
        },
        "training": {"steps": 10, "batch_size": 16},
    }
    folder = stage(tmp_path / "job", document, dataset, splits, teacher=teacher, teacher_files=files)

    heard = run(folder)

    finished = of_kind(heard, Finished)[-1]
    assert finished.result["exports"]["safetensors"]["status"] == "verified"
    assert finished.result["compression"]["parameters"] > 2
    assert {artifact.filename for artifact in finished.artifacts} >= {"student.safetensors", "tokenizer.json"}
    warned = {event.code for event in of_kind(heard, Warned)}
    assert {"teacher_may_have_seen_test", "teacher_near_chance"} <= warned


def test_a_term_that_gives_next_to_nothing_of_the_gradient_is_named_once(
    tmp_path: Path, digits: Inspected
) -> None:
    document = small(losses=[{"kind": "soft_target", "weight": 1.0}, {"kind": "hard_target", "weight": 1e-6}])

    heard = trained_until_evaluation(stage(tmp_path / "job", document, digits.dataset, digits.splits))

    (warning,) = of_kind(heard, Warned)
    assert warning.code == "term_ignored"
    assert "'hard_target'" in warning.message


def test_without_a_control_nothing_is_said_about_help(tmp_path: Path, digits: Inspected) -> None:
    document = small(evaluation={"control": False})

    heard = run(stage(tmp_path / "job", document, digits.dataset, digits.splits))

    result = of_kind(heard, Finished)[-1].result
    assert result["control"] is None
    assert result["distillation"] == "not_measured"
    assert result["gain"] == {
        "value": None,
        "low": None,
        "high": None,
        "reason": "the control was switched off",
    }
    assert "training_control" not in {event.name for event in of_kind(heard, PhaseChanged)}


def test_a_loss_that_explodes_ends_the_job_with_advice(tmp_path: Path, digits: Inspected) -> None:
    wild = {"steps": 40, "batch_size": 32, "optimizer": {"kind": "sgd", "learning_rate": 1e20}}
    folder = stage(tmp_path / "job", small(training=wild), digits.dataset, digits.splits)

    with pytest.raises(Rejected) as refused:
        run(folder)

    assert refused.value.code == "training_diverged"
    assert refused.value.hint is not None
    assert "learning rate" in refused.value.hint


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"labels": {"count": 3}}, "too_few_labels"),
        ({"student": {"architecture": "mlp", "config": {"depth": 3, "width": 900_000}}}, "student_too_large"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_trains(
    tmp_path: Path, digits: Inspected, changes: dict[str, Any], code: str
) -> None:
    folder = stage(tmp_path / "job", small(**changes), digits.dataset, digits.splits)
    heard = Heard()

    with pytest.raises(Rejected) as refused:
        run(folder, heard=heard)

    assert refused.value.code == code
    assert heard.events == [PhaseChanged(name="inspecting", status="running")]


def test_a_wish_to_stop_between_phases_is_heeded(tmp_path: Path, digits: Inspected) -> None:
    folder = stage(tmp_path / "job", small(), digits.dataset, digits.splits)

    with pytest.raises(StopAsked) as asked:
        run(folder, stop=Stop("drain", looks=0))

    assert asked.value.wish == "drain"
