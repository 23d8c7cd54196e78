"""What a document may say of stages in which the student learns to be rounded. Torch-free."""

from collections.abc import Iterator

from distill.config.job import JobDocument
from distill.config.problem import Problem
from distill.config.tasks import TASKS

NOT_OF_TRANSFORMERS = (
    "the 8-bit export of a transformer rounds its activations anew for each call, which needs no training",
    "leave quantize out",
)
"""What is true, and what to do."""


def rounding_problems(document: JobDocument) -> Iterator[Problem]:
    """Every stage that asks for what there is not."""
    exports = {export.format for export in document.exports}
    for number, stage in enumerate(document.stages or ()):
        if stage.quantize is None:
            continue
        place = f"/stages/{number}/quantize"
        if _is_of_transformer(document):
            yield Problem(place, "; ".join(NOT_OF_TRANSFORMERS), "quantize_unfit")
        elif "onnx-int8" not in exports:
            yield Problem(
                place,
                "this stage learns for an 8-bit file, and the job exports none; add onnx-int8 to exports, or "
                "leave quantize out",
                "quantize_without_export",
            )
        elif number == 0:
            yield Problem(
                place,
                "whether this stage is needed shows in what the student has learned before, and it is the "
                "first; put a stage without quantize before it",
                "quantize_first",
            )


def _is_of_transformer(document: JobDocument) -> bool:
    """Whether the document alone shows that the student is one."""
    built = document.student.network()
    reads_text = TASKS[document.task].inputs == ("text",)
    return reads_text or (built is not None and built.architecture == "huggingface")
