"""What a gate may ask: every figure by its name, and for whom there is one. Torch-free."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from distill.config.tasks import Target

Kind = Literal["answer", "agreement", "comparison", "size", "shape", "speed", "memory"]
"""`answer`: how well the labels of test are answered. `agreement`: how often as the teacher does.
`comparison`: what the result says of student, teacher and control together. `size`: bytes of the file.
`shape`: of the network, whatever file it is in. `speed` and `memory`: what running the file takes."""

PER_CLASS = "per_class_accuracy"
"""The share of a class's examples that are answered right: its recall. With `.<label>` of that class, alone
of the worst."""


@dataclass(frozen=True)
class Figure:
    """A figure that a gate may ask for."""

    name: str
    kind: Kind
    least: float = -inf
    most: float = inf
    """Between which it lies, whatever the network."""


def _shares(*names: str) -> tuple[Figure, ...]:
    return tuple(Figure(name, "answer", 0, 1) for name in names)


def _errors(*names: str) -> tuple[Figure, ...]:
    return tuple(Figure(name, "answer", 0) for name in names)


_OF_TARGET: dict[Target, tuple[Figure, ...]] = {
    "class": (*_shares("accuracy", "balanced_accuracy", "macro_f1", PER_CLASS, "ece"), *_errors("loss")),
    "label_set": (*_shares("f1", "macro_f1", "micro_f1", "exact_match", PER_CLASS), *_errors("loss")),
    "tag": (
        *_shares("accuracy", "balanced_accuracy", "macro_f1", "entity_f1", PER_CLASS, "ece"),
        *_errors("loss"),
    ),
    "number": (Figure("r2", "answer", most=1), *_errors("mae", "rmse")),
    "embedding": (Figure("cosine", "answer", -1, 1), *_errors("mse")),
}
_AGREEMENT = Figure("agreement", "agreement", 0, 1)
_OF_ALL = (
    Figure("retention", "comparison"),
    Figure("gain", "comparison"),
    Figure("gap_closed", "comparison"),
    Figure("size_bytes", "size", 0),
    Figure("parameters", "shape", 0),
    Figure("macs", "shape", 0),
    Figure("latency_ms.p50", "speed", 0),
    Figure("latency_ms.p95", "speed", 0),
    Figure("peak_memory_bytes", "memory", 0),
)


def figures_of(target: Target) -> dict[str, Figure]:
    """Every figure of a task with this target, by its name."""
    agreement = () if target in ("number", "embedding") else (_AGREEMENT,)
    return {figure.name: figure for figure in (*_OF_TARGET[target], *agreement, *_OF_ALL)}


def is_figure_somewhere(name: str) -> bool:
    """Whether a task has it, if not this one."""
    return any(name in figures_of(target) for target in _OF_TARGET)


def split_metric(metric: str) -> tuple[str, str | None]:
    """The name of a gate's figure, and the class that it is of where it names one."""
    name, _, label = metric.partition(".")
    return (name, label) if name == PER_CLASS and label else (metric, None)


_TAG = re.compile(r"O|[BI]-.+")


def are_bio(names: Sequence[str]) -> bool:
    """Whether these tags mark entities: all of them O, B-kind or I-kind, and not O alone."""
    return list(names) != ["O"] and all(_TAG.fullmatch(name) for name in names)
