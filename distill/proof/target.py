"""The stated target on which calls are timed: refused early where it is not there, told in the result."""

from collections.abc import Mapping
from typing import Any

import torch

from distill.config.job import JobDocument, Latency
from distill.evaluate.cost import WARM_UP, Times
from distill.rejection import Rejected

POINTER = {"pointer": "/evaluation/latency/device"}
OF_ONNXRUNTIME = ("onnx", "onnx-fp16", "onnx-int8")


def require_target(document: JobDocument) -> None:
    """Refuse a GPU that this machine, or the runtime of an export, does not have.

    Raises:
        Rejected: `latency_device_absent`.
    """
    if document.evaluation.latency.device == "cpu":
        return
    if not torch.cuda.is_available():
        raise Rejected(
            "latency_device_absent",
            "user",
            "latency is to be measured on a GPU, and this worker sees none",
            "let a worker with a GPU take the job, or set evaluation.latency.device to cpu",
            POINTER,
        )
    formats = [export.format for export in document.exports if export.format in OF_ONNXRUNTIME]
    if formats and not _onnxruntime_has_cuda():
        raise Rejected(
            "latency_device_absent",
            "user",
            f"latency is to be measured on a GPU, and the onnxruntime here cannot run {formats[0]} on one",
            "install onnxruntime-gpu on the worker in place of onnxruntime, or set "
            "evaluation.latency.device to cpu",
            POINTER,
        )


def _onnxruntime_has_cuda() -> bool:
    import onnxruntime

    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def described(
    target: Latency,
    times: Mapping[str, Times | None],
    runtimes: Mapping[str, str],
    environment: Mapping[str, Any],
    *,
    in_one_process: bool,
) -> dict[str, Any]:
    """The contract's `latency`: on what, how often and by which runtimes calls were timed."""
    timed = {name: each for name, each in times.items() if each is not None}
    rounds = max((len(each.rounds) for each in timed.values()), default=0)
    calls = max((len(each.calls) for each in timed.values()), default=0)
    processor = environment["gpu"] if target.device == "cuda" else environment["processor"]
    return {
        **target.model_dump(),
        "warm_up": WARM_UP,
        "rounds": rounds,
        "calls": calls,
        "processor": processor,
        "runtimes": dict(runtimes),
        "in_turns": sorted(timed),
        "processes": "one" if in_one_process else "own",
    }
