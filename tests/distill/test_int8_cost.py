"""What 8 bits would cost is found on the very file, and a network that rounds answers as that file does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distill.config.exports import Export
from distill.config.folder import InspectDataset, RunJob
from distill.export.int8 import calibration_rows, int8_outputs
from distill.export.source import CannotExport, Source
from distill.int8_cost import Decision, int8_cost
from distill.models import build
from distill.opening import Opened, open_job
from distill.preprocess import Preprocessor, view
from distill.rounding import Rounding
from tests.distill.conftest import Inspected
from tests.distill.folders import inspected, stage
from tests.distill.jobs import DOCUMENT, QUICK

INT8 = {"format": "onnx-int8", "calibration": {"examples": 300}, "max_drop": 0.01}
STAGES = [
    {"name": "first", "losses": [{"kind": "hard_target"}], "training": QUICK},
    {"name": "rounded", "losses": [{"kind": "hard_target"}], "training": QUICK, "quantize": "int8"},
]
STUDENTS: dict[str, Any] = {
    "mlp": {"architecture": "mlp", "config": {"depth": 3, "width": 24}},
    "resnet": {"architecture": "resnet", "config": {"layers": [1, 1], "width": 4}},
}


def opened(folder: Path, digits: Inspected, student: Any, **changes: Any) -> Opened:
    document = DOCUMENT | {"student": student, "training": None, "stages": STAGES, "exports": [INT8]}
    place = stage(folder / "job", document | changes, digits.dataset, digits.splits)
    request = RunJob.model_validate_json((place / "in" / "request.json").read_bytes())
    return open_job(request, place, lambda code, message: None)


def trained(job: Opened) -> nn.Module:
    """A student after a few updates."""
    network = job.student_network
    torch.manual_seed(1)
    module = build(
        network.architecture,
        network.config,
        input=view(network.input, network.preprocessing),
        num_outputs=network.num_outputs,
    )
    optimizer = torch.optim.AdamW(module.parameters(), 0.01)
    for rows in torch.split(torch.arange(len(job.train)), 64):
        inputs, labels = job.everything.batch(rows)
        loss = nn.functional.cross_entropy(module(inputs), labels)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    return module.eval()


@pytest.mark.parametrize("kind", STUDENTS)
def test_a_network_that_rounds_answers_as_its_8_bit_file(
    tmp_path: Path, digits: Inspected, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a step of 8 bits over the range of the answers; the figure of the cost is that of the file."""
    job = opened(tmp_path, digits, STUDENTS[kind])
    module, made = trained(job), []

    def outputs(export: Export, source: Source, inputs: Tensor) -> Tensor:
        assert export.calibration is not None
        made.append((calibration_rows(source, export.calibration), int8_outputs(export, source, inputs)))
        return made[0][1]

    monkeypatch.setattr("distill.int8_cost.int8_outputs", outputs)
    cost = int8_cost(job, module)
    ((rows, file),) = made
    rounding = Rounding(module)
    with torch.no_grad():
        with rounding.measuring():
            module(job.train.batch(rows)[0])
        inputs, labels = job.validation.batch(torch.arange(len(job.validation)))
        rounded = module(inputs)
        rounding.close()
        full = module(inputs)

    step = float(file.max() - file.min()) / 255
    off = (rounded - file).abs()
    assert off.mean() < step / 10
    assert off.max() < 3 * step
    assert off.mean() < (full - file).abs().mean() / 3
    assert (rounded.argmax(1) == file.argmax(1)).float().mean() > 0.99
    assert cost.figure == "accuracy"
    assert cost.examples == len(labels)
    assert cost.int8 == pytest.approx((file.argmax(1) == labels).float().mean().item())
    assert cost.full == pytest.approx((full.argmax(1) == labels).float().mean().item())


class Files:
    """In place of 8-bit files: what `worse` makes of the student's own answers."""

    def __init__(self, worse: Callable[[Tensor], Tensor]) -> None:
        self._worse = worse
        self.sources: list[Source] = []

    def __call__(self, export: Export, source: Source, inputs: Tensor) -> Tensor:
        self.sources.append(source)
        steps = Preprocessor.of(source.network.preprocessing, source.network.input)
        with torch.no_grad():
            return self._worse(source.module(steps(inputs)))


def decided(
    job: Opened, module: nn.Module, files: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[bool, dict[str, Any], list[str]]:
    """What a decision comes to, what of it is kept, and what the user is told."""
    monkeypatch.setattr("distill.int8_cost.int8_outputs", files)
    found: dict[str, Any] = {}
    told: list[str] = []
    decision = Decision(job, found, lambda code, message: told.append(f"{code}: {message}"))
    needed = decision(module)
    assert decision(nn.Linear(1, 1)) == needed
    assert Decision(job, found, lambda code, message: told.append(code))(nn.Linear(1, 1)) == needed
    return needed, json.loads(json.dumps(found))["quantization"], told


def test_a_student_that_8_bits_cost_too_much_must_learn_to_be_rounded_and_nobody_is_asked_again(
    tmp_path: Path, digits: Inspected, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = opened(tmp_path, digits, STUDENTS["mlp"])

    needed, found, told = decided(job, trained(job), Files(torch.zeros_like), monkeypatch)

    assert needed
    assert found["needed"]
    assert found["full"] - found["int8"] > found["max_drop"] == 0.01
    (said,) = told
    assert said.startswith("quantization_stage_needed: static int8 takes accuracy on ")
    assert f"from {found['full']:.4f} to {found['int8']:.4f}" in said


def test_a_student_that_8_bits_cost_little_is_left_as_it_is(
    tmp_path: Path, digits: Inspected, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = opened(tmp_path, digits, STUDENTS["mlp"])
    module = trained(job)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}

    needed, found, told = decided(job, module.train(), Files(lambda outputs: outputs), monkeypatch)

    assert not needed
    assert found["int8"] == found["full"]
    assert [said.partition(":")[0] for said in told] == ["quantization_stage_skipped"]
    assert module.training
    assert all(tensor.equal(before[name]) for name, tensor in module.state_dict().items())


def test_where_no_file_can_be_made_there_is_nothing_to_learn_for(
    tmp_path: Path, digits: Inspected, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Tensor:
        raise CannotExport("this network has an operator of its own")

    job = opened(tmp_path, digits, STUDENTS["mlp"])

    needed, found, told = decided(job, trained(job), fails, monkeypatch)

    assert not needed
    assert found == {"needed": False, "reason": "this network has an operator of its own"}
    assert told == [
        "quantization_stage_skipped: there will be no 8-bit file to learn for: this network has an operator "
        "of its own"
    ]


def test_numbers_are_compared_in_the_units_in_which_they_are_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    table = "\n".join(["a,price", *(f"{number / 100},{1000 + 3 * number}" for number in range(200))])
    (tmp_path / "in" / "upload").write_text(table)
    request = InspectDataset(filename="prices.csv", task="regression", columns={"label": "price"})
    numbers = Inspected(inspected(request, tmp_path), tmp_path)
    job = opened(tmp_path, numbers, STUDENTS["mlp"], task="regression")
    files = Files(lambda outputs: outputs)
    monkeypatch.setattr("distill.int8_cost.int8_outputs", files)

    cost = int8_cost(job, job.fresh_student(0))

    assert cost.figure == "r2"
    assert cost.int8 == pytest.approx(cost.full)
    assert files.sources[0].network.scale is None
