"""What a document may say of the formats in which its student leaves. Torch-free."""

from collections.abc import Iterator

from distill.config.architectures import TAKES
from distill.config.job import JobDocument
from distill.config.problem import Problem
from distill.config.tasks import TASKS

TRANSFORMER = "huggingface"
"""The architecture, and the format, of transformers."""
NO_TRANSFORMER = (
    "a Hugging Face folder holds a transformer, and this student is none",
    "export onnx instead, which runs every student",
)
NO_EMBEDDING = (
    "no class of transformers pools its states into one embedding, as this student does",
    "export onnx instead, whose answer is the embedding",
)
"""What is true, and what to do."""


def export_problems(document: JobDocument) -> Iterator[Problem]:
    """Every format that the student cannot have."""
    for number, export in enumerate(document.exports):
        if export.format != TRANSFORMER:
            continue
        if TASKS[document.task].target == "embedding":
            yield Problem(f"/exports/{number}", "; ".join(NO_EMBEDDING), "export_unfit")
        elif _is_no_transformer(document):
            yield Problem(f"/exports/{number}", "; ".join(NO_TRANSFORMER), "export_unfit")


def _is_no_transformer(document: JobDocument) -> bool:
    """Whether the document alone shows that the student is none."""
    built = document.student.network()
    reads = set(TAKES[TRANSFORMER])
    of_others = reads.isdisjoint(TASKS[document.task].inputs)
    return of_others or (built is not None and built.architecture != TRANSFORMER)
