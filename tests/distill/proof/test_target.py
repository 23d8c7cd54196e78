"""A target that this machine does not have is refused before anything trains."""

from typing import Any

import pytest
import torch

from distill.config.document import parse_job
from distill.config.job import JobDocument, Latency
from distill.evaluate.cost import Times
from distill.proof import target
from distill.proof.target import described, require_target
from distill.rejection import Rejected


def document(*exports: str) -> JobDocument:
    facts: dict[str, Any] = {
        "name": "x",
        "task": "image-classification",
        "teacher": "t",
        "dataset": "d",
        "student": {"architecture": "mlp"},
        "evaluation": {"latency": {"device": "cuda"}},
        "resources": {"gpus": 1},
        "exports": list(exports),
    }
    return parse_job(facts)


@pytest.mark.parametrize(
    ("torch_sees_one", "exports", "reason"),
    [(False, ["onnx"], "this worker sees none"), (True, ["onnx-int8"], "cannot run onnx-int8 on one")],
)
def test_a_gpu_that_is_not_there_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, torch_sees_one: bool, exports: list[str], reason: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: torch_sees_one)
    monkeypatch.setattr(target, "_onnxruntime_has_cuda", lambda: False)

    with pytest.raises(Rejected) as refused:
        require_target(document(*exports))

    assert refused.value.code == "latency_device_absent"
    assert refused.value.details == {"pointer": "/evaluation/latency/device"}
    assert reason in refused.value.message
    assert "cpu" in refused.value.hint


def test_a_gpu_that_torch_sees_suffices_where_nothing_else_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    require_target(document("safetensors"))


def test_what_was_timed_and_where_is_told() -> None:
    times = {"teacher": Times(((1.0, 2.0), (3.0, 4.0))), "assistant": None, "onnx": Times(((1.0, 2.0),) * 2)}

    found = described(
        Latency(threads=2, batch_size=4),
        times,
        {"teacher": "torch 2", "onnx": "onnxruntime 1"},
        {"processor": "a processor"},
        in_one_process=False,
    )

    assert found == {
        "device": "cpu",
        "threads": 2,
        "batch_size": 4,
        "warm_up": 5,
        "rounds": 2,
        "calls": 4,
        "processor": "a processor",
        "runtimes": {"teacher": "torch 2", "onnx": "onnxruntime 1"},
        "in_turns": ["onnx", "teacher"],
        "processes": "own",
    }
