"""Answers to a small test split, made up, and what gates are judged by."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from distill.config.document import parse_job
from distill.config.folder import Incumbent
from distill.config.job import JobDocument
from distill.config.networks import Input, Network
from distill.config.tasks import Task
from distill.evaluate.cost import Times
from distill.evaluate.measure import Rows
from distill.gates import Evidence, judge
from distill.tasks import science_of

COSTS = {"size_bytes": 1000, "parameters": 250, "macs": 500}


def document(*gates: Mapping[str, Any], task: Task = "tabular-classification", **change: Any) -> JobDocument:
    facts = {"name": "x", "task": task, "teacher": "t", "dataset": "d", "student": {"architecture": "mlp"}}
    return parse_job({**facts, "gates": list(gates), "exports": ["onnx"], **change})


def rows(task: Task, labels: Tensor, names: Sequence[str], examples: Tensor | None = None) -> Rows:
    numbered = torch.arange(len(labels)) if examples is None else examples
    return Rows(science_of(task), list(names), labels, numbered)


def answering(picked: Sequence[int], *, classes: int = 2) -> Tensor:
    """Logits that name these classes."""
    return torch.nn.functional.one_hot(torch.tensor(picked), classes).float() * 4


def evidence(
    labels: Sequence[int],
    outputs: Mapping[str, Sequence[int]],
    milliseconds: Mapping[str, Sequence[Sequence[float]]] | None = None,
    *,
    classes: int = 2,
) -> Evidence:
    """Of classes called a, b, c, ...; outputs name the class of each example, -1 is an unlabeled one."""
    names = [chr(ord("a") + number) for number in range(classes)]
    said = {name: answering(picked, classes=classes) for name, picked in outputs.items()}
    judged = rows("tabular-classification", torch.tensor(labels), names)
    times = {name: Times(tuple(map(tuple, rounds))) for name, rounds in (milliseconds or {}).items()}
    return Evidence(judged, said, times)


def result(**change: Any) -> dict[str, Any]:
    """What a job says beside its gates."""
    return {
        "teacher": {"size_bytes": 4000, "parameters": 1000, "macs": 2000},
        "student": COSTS,
        "control": COSTS,
        "exports": {"safetensors": {"status": "verified", **COSTS}, "onnx": {"status": "verified", **COSTS}},
        "incumbents": {},
        **change,
    }


LABELS = [0] * 10 + [1] * 10
RIGHT = LABELS
INCUMBENT = Incumbent(
    model="mdl_1",
    name="digits",
    version=3,
    said="digits@production",
    network=Network(
        task="tabular-classification",
        architecture="mlp",
        config={},
        labels=["a", "b"],
        num_outputs=2,
        input=Input(kind="tabular", shape=[4], dtype="float32"),
    ),
)


def wrong(*places: int) -> list[int]:
    """Answers that are right but at these places."""
    return [1 - label if place in places else label for place, label in enumerate(LABELS)]


def of_student(answers: list[int], **others: list[int]) -> Evidence:
    return evidence(LABELS, {"teacher": RIGHT, "student": answers, **others})


def judged(
    gate: Mapping[str, Any], proof: Evidence, facts: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    (entry,) = judge(document(gate), facts or result(), proof, incumbents=[INCUMBENT])
    return entry
