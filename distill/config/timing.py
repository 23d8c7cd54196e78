"""What a document may not ask of the target on which calls are timed. Torch-free."""

from collections.abc import Iterator

from distill.config.job import JobDocument
from distill.config.problem import Problem


def timing_problems(document: JobDocument) -> Iterator[Problem]:
    """A GPU that the job does not have, and a runtime that has none."""
    if document.evaluation.latency.device == "cpu":
        return
    if document.resources.gpus == 0:
        yield Problem(
            "/evaluation/latency/device",
            "latency is to be measured on a GPU, and the job asks for none; set resources.gpus to 1, or "
            "measure on the cpu",
            "latency_needs_gpu",
        )
    for number, export in enumerate(document.exports):
        if export.format == "executorch":
            yield Problem(
                f"/exports/{number}",
                "executorch runs on the processor, and latency is to be measured on a GPU; leave it out, or "
                "set evaluation.latency.device to cpu",
                "latency_needs_gpu",
            )
