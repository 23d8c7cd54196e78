"""A student whose channels lie far apart in size loses by 8 bits, and a stage that rounds mends it."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from distill.config.events import Finished, Warned
from distill.config.networks import Dataset, Network, Preprocessing
from distill.data.canonical import file_sha256
from distill.data.opened import open_split
from distill.models import build, complete
from tests.distill.conftest import Inspected
from tests.distill.folders import Heard, of_kind, run, stage

TASK: Any = "image-classification"
SPREAD = 200
"""How many times larger the largest channel of a layer is than the smallest."""
BOTH: list[dict[str, Any]] = [{"kind": "soft_target"}, {"kind": "hard_target"}]


def training(steps: int, learning_rate: float) -> dict[str, Any]:
    optimizer = {"kind": "adamw", "learning_rate": learning_rate}
    return {"steps": steps, "batch_size": 64, "optimizer": optimizer}


def document(max_drop: float) -> dict[str, Any]:
    return {
        "name": "eight-bits",
        "task": TASK,
        "dataset": "digits",
        "teacher": {
            "train": {"architecture": "mlp", "config": {"depth": 3}, "training": training(300, 3e-3)}
        },
        "student": {"model": "trained-elsewhere"},
        "stages": [
            {"name": "in-full", "losses": BOTH, "training": training(20, 1e-4)},
            {"name": "rounded", "quantize": "int8", "losses": BOTH, "training": training(300, 2e-3)},
        ],
        "evaluation": {"control": False},
        "exports": [{"format": "onnx-int8", "max_drop": max_drop}],
    }


def spread_out(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Make some channels large and others small, and take that back in the layer behind: the network
    answers as before, and one scale does not fit the channels of a tensor any more (Nagel et al., 2019,
    Data-free quantization through weight equalization and bias correction, section 4.1)."""
    generator = torch.Generator().manual_seed(1)
    spread = dict(weights)
    for norm, behind in pairwise(["blocks.0", "blocks.1", "blocks.2", "classifier"]):
        name = f"{behind}.weight" if behind == "classifier" else f"{behind}.conv.weight"
        draws = torch.rand(len(spread[f"{norm}.norm.weight"]), generator=generator)
        factor = torch.exp(draws * math.log(SPREAD))
        spread[f"{norm}.norm.weight"] = spread[f"{norm}.norm.weight"] * factor
        spread[f"{norm}.norm.bias"] = spread[f"{norm}.norm.bias"] * factor
        spread[name] = spread[name] / factor.view(1, -1, *[1] * (spread[name].dim() - 2))
    return spread


def trained_elsewhere(folder: Path, digits: Inspected) -> Network:
    dataset: Dataset = digits.dataset
    train = open_split(digits.splits, dataset.splits["train"], dataset)
    assert isinstance(train.inputs, torch.Tensor)
    config = {"depth": 4, "width": 8}
    torch.manual_seed(0)
    module = build("cnn", config, input=dataset.input, num_outputs=10)
    optimizer = torch.optim.AdamW(module.parameters(), 1e-2)
    for _ in range(200):
        rows = torch.randint(0, len(train.labels), (64,))
        loss = nn.functional.cross_entropy(module(train.inputs[rows] / 255), train.labels[rows])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    folder.mkdir()
    save_file(spread_out(module.state_dict()), folder / "model.safetensors")
    return Network(
        task=TASK,
        architecture="cnn",
        config=complete("cnn", config, task=TASK),
        labels=dataset.labels,
        num_outputs=10,
        input=dataset.input,
        preprocessing=Preprocessing(scale=1 / 255),
        files={"model.safetensors": file_sha256(folder / "model.safetensors")},
    )


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_student_that_8_bits_hurt_is_mended(tmp_path: Path, digits: Inspected) -> None:
    start = trained_elsewhere(tmp_path / "start", digits), tmp_path / "start"

    def finished(name: str, max_drop: float) -> tuple[Heard, dict[str, Any]]:
        place = tmp_path / name
        heard = run(stage(place, document(max_drop), digits.dataset, digits.splits, student=start))
        return heard, of_kind(heard, Finished)[-1].result

    _, left = finished("left", 1)
    heard, mended = finished("mended", 0.01)

    assert not left["quantization"]["needed"]
    assert mended["quantization"]["needed"]
    assert "quantization_stage_needed" in {event.code for event in of_kind(heard, Warned)}
    assert left["updates"]["student"] == 20
    assert mended["updates"]["student"] == 320
    before, after = (result["exports"]["onnx-int8"] for result in (left, mended))
    assert left["student"]["accuracy"] - before["accuracy"]["value"] > 0.05
    assert after["status"] == "verified"
    assert mended["student"]["accuracy"] - after["accuracy"]["value"] <= 0.01
    assert after["accuracy"]["value"] > before["accuracy"]["value"] + 0.05
