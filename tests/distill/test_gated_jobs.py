"""Jobs with gates, from their folder to their conclusion."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distill.config.folder import Incumbent
from distill.config.networks import Preprocessing
from distill.rejection import Rejected
from tests.distill.conftest import Inspected
from tests.distill.evaluate.finished import FEW, MLP, Done, finish, mlp, predictions

TEACHER = {"train": {**MLP, "training": FEW}}
GATES: list[dict[str, Any]] = [
    {"metric": "accuracy", "relative_to": "teacher", "min": 0.5},
    {"metric": "accuracy", "relative_to": "mdl_old", "compare": "difference", "min": 0},
    {"metric": "per_class_accuracy", "max": 1},
    {"metric": "agreement", "min": 0},
    {"metric": "retention", "min": 0.5},
    {"metric": "size_bytes", "on": "export:safetensors", "max": 1e6},
    {"metric": "parameters", "relative_to": "mdl_old", "max": 1},
    {"metric": "latency_ms.p50", "relative_to": "mdl_old", "max": 1000},
    {"metric": "peak_memory_bytes", "min": 1},
    {"metric": "macs", "max": 1},
]


def incumbent(folder: Path, digits: Inspected) -> tuple[Incumbent, Path]:
    """An untrained network whose outputs are in another order, and that sees other numbers."""
    turned = digits.dataset.model_copy(update={"labels": digits.dataset.labels[::-1]})
    network = mlp(folder, turned, preprocessing=Preprocessing(scale=1 / 16, mean=[0.5], std=[0.5]))
    named = Incumbent(model="mdl_old", name="digits", version=3, said="digits@production", network=network)
    return named, folder


def document(*gates: dict[str, Any], **change: Any) -> dict[str, Any]:
    facts = {"task": "image-classification", "teacher": TEACHER, "student": MLP, "training": FEW}
    return {**facts, "gates": list(gates), **change}


@pytest.fixture(scope="module")
def done(digits: Inspected, tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("gated")
    return finish(
        folder / "job",
        document(*GATES),
        digits.dataset,
        digits.splits,
        incumbents=[incumbent(folder / "old", digits)],
    )


def test_every_gate_is_judged_and_the_worst_is_the_conclusion(done: Done) -> None:
    gates = done.result["gates"]

    assert [gate["verdict"] for gate in gates] == ["passed"] * 9 + ["failed"]
    assert done.finished.conclusion == "gate_failed"
    for asked, gate in zip(GATES, gates, strict=True):
        assert {name: gate[name] for name in ("metric", "min", "max") if name in asked} == {
            name: asked[name] for name in ("metric", "min", "max") if name in asked
        }
        assert gate["low"] <= gate["value"] <= gate["high"]


def test_what_a_gate_says_is_what_the_result_says(done: Done) -> None:
    result, gates = done.result, done.result["gates"]
    student, teacher, old = result["student"], result["teacher"], result["incumbents"]["mdl_old"]

    assert gates[0]["value"] == pytest.approx(student["accuracy"] / teacher["accuracy"])
    assert gates[1]["value"] == pytest.approx(student["accuracy"] - old["accuracy"])
    assert gates[2]["value"] == min(each["recall"] for each in student["per_class"])
    assert gates[3]["value"] == pytest.approx(result["agreement"])
    assert {name: gates[4][name] for name in ("value", "low", "high")} == result["retention"]
    assert gates[5]["value"] == result["exports"]["safetensors"]["size_bytes"]
    assert gates[6]["value"] == student["parameters"] / old["parameters"]
    assert gates[7]["figure"] == pytest.approx(student["latency_ms"]["p50"])
    assert gates[7]["against"] == pytest.approx(old["latency_ms"]["p50"])
    assert gates[8]["value"] == result["exports"]["safetensors"]["peak_memory_bytes"]


def test_a_gate_on_the_shipped_figure_agrees_with_the_retention_of_the_result(done: Done) -> None:
    """One seed: the same answers, resampled in the same way."""
    retention, gate = done.result["retention"], done.result["gates"][0]

    assert gate["value"] == pytest.approx(retention["value"])
    assert gate["low"] == pytest.approx(retention["low"], abs=0.01)
    assert gate["high"] == pytest.approx(retention["high"], abs=0.01)


def test_the_incumbent_answered_the_same_examples_and_anyone_can_look(done: Done) -> None:
    seen = predictions(done)
    labels, old, student = (np.array(seen[name]) for name in ("label", "mdl_old", "student"))

    right = {name: float((said.argmax(1) == labels).mean()) for name, said in (("o", old), ("s", student))}

    assert right["o"] == pytest.approx(done.result["incumbents"]["mdl_old"]["accuracy"])
    assert done.result["gates"][1]["value"] == pytest.approx(right["s"] - right["o"])
    assert done.result["gates"][1]["baseline"] == {"model": "mdl_old", "name": "digits", "version": 3}


def test_a_gate_that_the_inputs_cannot_tell_of_is_refused_before_training(
    digits: Inspected, tmp_path: Path
) -> None:
    old, files = incumbent(tmp_path / "old", digits)
    foreign = old.model_copy(
        update={"network": old.network.model_copy(update={"labels": [f"x{name}" for name in "0123456789"]})}
    )
    for name, gate, staged in (
        ("/gates/0/metric", {"metric": "per_class_accuracy.cat", "min": 0.5}, []),
        ("/gates/0/relative_to", {**GATES[1]}, [(foreign, files)]),
    ):
        with pytest.raises(Rejected) as refused:
            finish(
                tmp_path / name.replace("/", "-"),
                document(gate),
                digits.dataset,
                digits.splits,
                incumbents=staged,
            )
        assert refused.value.details["pointer"] == name


def test_memory_and_latency_beside_others_are_told_by_processes_of_their_own(
    digits: Inspected, tmp_path: Path
) -> None:
    """The incumbent has a view of its own there too."""
    done = finish(
        tmp_path / "job",
        document(
            {"metric": "peak_memory_bytes", "relative_to": "teacher", "max": 10},
            {"metric": "peak_memory_bytes", "relative_to": "mdl_old", "max": 10},
            {"metric": "latency_ms.p95", "relative_to": "mdl_old", "max": 1000},
            evaluation={"control": False},
        ),
        digits.dataset,
        digits.splits,
        incumbents=[incumbent(tmp_path / "old", digits)],
    )

    gates, old = done.result["gates"], done.result["incumbents"]["mdl_old"]
    assert [gate["verdict"] for gate in gates] == ["passed"] * 3
    assert done.finished.conclusion == "passed"
    assert gates[1]["against"] == old["peak_memory_bytes"] > 1_000_000
    assert gates[2]["against"] == pytest.approx(old["latency_ms"]["p95"])
    assert done.result["latency"]["processes"] == "own"
