"""A target that the job does not have is refused at submit."""

from typing import Any

import pytest

from distill.config.document import DocumentInvalid, parse_job

ON_GPU: dict[str, Any] = {"latency": {"device": "cuda"}}


def problems(**change: Any) -> list[tuple[str, str]]:
    facts = {
        "name": "x",
        "task": "image-classification",
        "teacher": "t",
        "dataset": "d",
        "student": {"architecture": "mlp"},
        "evaluation": ON_GPU,
    }
    with pytest.raises(DocumentInvalid) as caught:
        parse_job(facts | change)
    return [(problem.pointer, problem.code) for problem in caught.value.problems]


def test_calls_are_timed_on_a_gpu_only_where_the_job_has_one() -> None:
    assert problems() == [("/evaluation/latency/device", "latency_needs_gpu")]


def test_a_runtime_of_the_processor_is_not_timed_on_a_gpu() -> None:
    found = problems(resources={"gpus": 1}, exports=["onnx", "executorch"])

    assert found == [("/exports/1", "latency_needs_gpu")]
