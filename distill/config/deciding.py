"""Gates that so few test examples cannot decide: told before anything trains. Torch-free."""

from collections.abc import Iterator
from math import ceil

from distill.config.figures import PER_CLASS, figures_of, split_metric
from distill.config.gates import Gate
from distill.config.job import JobDocument
from distill.config.networks import Split
from distill.config.tasks import TASKS

MISTAKES_OF_A_RESAMPLE = 3
"""Where a student makes one mistake, this many are in the resample at the edge of the 95% interval: how often
one example is drawn is Poisson with mean 1, and 3 or fewer in 98% of the resamples."""


def undecidable(document: JobDocument, labels: list[str], test: Split) -> Iterator[tuple[int, str]]:
    """The number of each gate that only a student without any mistake could pass, or nobody, and why.

    `labels` are those of the dataset, `test` its test split.
    """
    figures = figures_of(TASKS[document.task].target)
    for number, gate in enumerate(document.gates):
        name, label = split_metric(gate.metric)
        is_share_of_right = (figures[name].least, figures[name].most) == (0, 1) and name != "ece"
        if gate.decide == "point" or not (is_share_of_right or name == "retention"):
            continue
        examples, which = _examples(name, label, labels, test)
        if examples == 0:
            yield number, f"{_said(gate)}: {which} has no test example, so that there is nothing to judge by"
        elif (reason := _too_few(gate, examples, which)) is not None:
            yield number, reason


def _too_few(gate: Gate, examples: int, which: str) -> str | None:
    margin = _margin(gate)
    if margin is None:
        return None
    needed = ceil(round(MISTAKES_OF_A_RESAMPLE / margin, 6))
    if examples >= needed:
        return None
    return (
        f"{_said(gate)}: {which} has {examples:,} test examples, so that one mistake more decides, and a "
        f"student passes only without any; {needed:,} are needed, or decide: point"
    )


def _margin(gate: Gate) -> float | None:
    """The share of the examples that may be lost; None where the gate allows for no loss anyway."""
    if gate.min is None:
        return None
    margin = -gate.min if gate.compare == "difference" else 1 - gate.min
    return margin if margin > 1e-9 else None


def _examples(name: str, label: str | None, labels: list[str], test: Split) -> tuple[int, str]:
    counted = dict(zip(labels, test.class_counts, strict=False))
    if name == PER_CLASS and counted:
        there = [name for name, count in counted.items() if count]
        fewest = label or min(there, key=lambda name: counted[name])
        return counted[fewest], f"the label '{fewest}'"
    return test.labeled, "the dataset"


def _said(gate: Gate) -> str:
    beside = f" relative to {gate.relative_to}" if gate.relative_to is not None else ""
    return f"the gate {gate.metric}{beside} min {gate.min:g}" if gate.min is not None else gate.metric
