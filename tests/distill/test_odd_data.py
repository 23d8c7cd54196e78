"""Data that is small, lopsided or strange: it works to the last figure, or is refused before training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distill.config.events import Finished, PhaseChanged
from distill.config.folder import InspectDataset
from distill.config.networks import Dataset
from distill.rejection import Rejected
from tests.distill.folders import Heard, inspected, of_kind, run, stage

FEW: dict[str, Any] = {"steps": 4, "batch_size": 8}
MLP = {"architecture": "mlp", "config": {"depth": 2, "width": 8}}
CNN = {"architecture": "cnn", "config": {"depth": 2, "width": 4}}


pytestmark = pytest.mark.usefixtures("verified_in_this_process")


def table(folder: Path, rows: list[str], columns: str = "a,b,label,split") -> Dataset:
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "upload").write_text("\n".join([columns, *rows]))
    split = {"column": "split"} if "split" in columns else {}
    return inspected(InspectDataset(filename="x.csv", task="tabular-classification", split=split), folder)


def images(folder: Path, pixels: Any, labels: Any) -> Dataset:
    (folder / "in").mkdir(parents=True)
    with (folder / "in" / "upload").open("wb") as file:
        np.savez(file, x=pixels, y=labels)
    return inspected(InspectDataset(filename="x.npz", task="image-classification"), folder)


def finished(folder: Path, dataset: Dataset, student: dict[str, Any] = MLP, **changes: Any) -> dict[str, Any]:
    """The result of a job on this dataset that trains its own teacher."""
    document = {
        "name": "odd",
        "task": dataset.task,
        "teacher": {"train": {**student, "training": FEW}},
        "dataset": "odd",
        "student": student,
        "training": FEW,
    } | changes
    heard = run(stage(folder / "job", document, dataset, folder))
    result = of_kind(heard, Finished)[-1].result
    export = result["exports"]["safetensors"]
    assert export["status"] == "verified"
    assert export["max_abs_diff"] < 1e-4
    return result


def test_two_classes_and_one_test_example(tmp_path: Path) -> None:
    rows = [f"{n},{n % 3},{'yes' if n % 2 else 'no'},train" for n in range(20)]
    dataset = table(tmp_path, [*rows, "100,1,yes,validation", "101,2,no,test"])

    result = finished(tmp_path, dataset)

    assert result["student"]["examples"] == 1
    assert result["student"]["accuracy"] in (0.0, 1.0)
    assert result["gap_closed"]["value"] is None
    assert result["gap_closed"]["reason"]


def test_validation_and_test_that_lack_classes(tmp_path: Path) -> None:
    rows = [f"{n},{n % 5},{'abc'[n % 3]},train" for n in range(30)]
    held = [f"{100 + n},1,{'ab'[n % 2]},validation" for n in range(4)]
    dataset = table(tmp_path, [*rows, *held, *(f"{200 + n},1,c,test" for n in range(4))])

    result = finished(tmp_path, dataset)

    assert [entry["support"] for entry in result["student"]["per_class"]] == [0, 0, 4]
    assert result["majority_baseline"] == 1.0
    assert result["student"]["balanced_accuracy"] == result["student"]["accuracy"]


def test_columns_that_never_vary_or_are_huge_or_tiny(tmp_path: Path) -> None:
    rows = [f"7,{n * 1e36},{n * 1e-40},{'xy'[n % 2]}" for n in range(60)]
    dataset = table(tmp_path, rows, columns="same,huge,tiny,label")

    assert finished(tmp_path, dataset)["student"]["examples"] > 0


def test_one_label_a_class_and_a_batch_larger_than_the_data(tmp_path: Path) -> None:
    dataset = table(tmp_path, [f"{n},{n % 7},{'abc'[n % 3]}" for n in range(30)], columns="a,b,label")

    result = finished(
        tmp_path, dataset, labels={"fraction": 0.01}, training={"epochs": 3, "batch_size": 5000}
    )

    assert result["labels"]["seen"] == 3
    assert result["updates"] == {"teacher": 4, "student": 1, "control": 1}


def test_a_warm_up_longer_than_the_run_and_batches_of_one(tmp_path: Path) -> None:
    dataset = table(tmp_path, [f"{n},{n % 7},{'ab'[n % 2]}" for n in range(40)], columns="a,b,label")
    training = {"steps": 3, "batch_size": 1, "schedule": {"kind": "step", "warmup_steps": 1000}}

    assert finished(tmp_path, dataset, training=training)["updates"]["student"] == 3


def test_stopping_early_and_the_best_weights_leave_the_control_as_many_updates(tmp_path: Path) -> None:
    dataset = table(tmp_path, [f"{n},{n % 7},{'ab'[n % 2]}" for n in range(60)], columns="a,b,label")
    training = {
        "epochs": 50,
        "batch_size": 8,
        "select": "best",
        "early_stopping": {"patience": 1},
        "optimizer": {"kind": "sgd", "learning_rate": 1e-9, "momentum": 0},
    }

    result = finished(tmp_path, dataset, training=training)

    assert result["updates"]["student"] == result["updates"]["control"] < 50 * 42 // 8
    assert result["chosen_updates"]["student"] <= result["updates"]["student"]


@pytest.mark.parametrize("student", [MLP, CNN], ids=["mlp", "cnn"])
def test_images_of_floats_in_three_channels_one_of_which_never_varies(
    tmp_path: Path, student: dict[str, Any]
) -> None:
    pixels = np.random.default_rng(0).normal(size=(60, 5, 7, 3)).astype(np.float32)
    pixels[..., 1] = 0.25
    dataset = images(tmp_path, pixels, np.arange(60) % 3)

    result = finished(tmp_path, dataset, student)

    assert dataset.input.shape == [3, 5, 7]
    assert result["exports"]["safetensors"]["inputs"][0]["range"] is None
    assert result["exports"]["safetensors"]["preprocessing"]["std"][1] == 1.0


@pytest.mark.parametrize("student", [MLP, CNN], ids=["mlp", "cnn"])
def test_color_images_of_bytes(tmp_path: Path, student: dict[str, Any]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, size=(60, 6, 9, 3), dtype=np.uint8)

    result = finished(tmp_path, images(tmp_path, pixels, np.arange(60) % 2), student)

    assert result["exports"]["safetensors"]["inputs"][0]["shape"] == [None, 3, 6, 9]


def test_batch_norm_of_one_pixel_in_batches_of_one_is_refused_before_training(tmp_path: Path) -> None:
    pixels = np.arange(60, dtype=np.uint8).reshape(60, 1, 1)
    dataset = images(tmp_path, pixels, np.arange(60) % 2)
    document = {
        "name": "odd",
        "task": dataset.task,
        "teacher": {"train": {**CNN, "training": FEW}},
        "dataset": "odd",
        "student": CNN,
        "training": {"steps": 4, "batch_size": 1},
    }
    heard = Heard()

    with pytest.raises(Rejected) as refused:
        run(stage(tmp_path / "job", document, dataset, tmp_path), heard=heard)

    assert refused.value.code == "input_does_not_fit"
    assert heard.events == [PhaseChanged(name="inspecting", status="running")]


def test_a_last_update_that_explodes_is_no_student(tmp_path: Path) -> None:
    dataset = table(tmp_path, [f"{n},{n % 7},{'ab'[n % 2]}" for n in range(60)], columns="a,b,label")
    wild = {"steps": 1, "batch_size": 8, "optimizer": {"kind": "sgd", "learning_rate": 3e38, "momentum": 0}}

    with pytest.raises(Rejected) as refused:
        finished(tmp_path, dataset, training=wild | {"schedule": {"kind": "constant"}})

    assert refused.value.code in ("training_diverged", "outputs_not_finite")
