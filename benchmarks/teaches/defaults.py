"""Which losses to recommend: fixed on images and table, by validation, with a seed of their own.

Text has no say, so that what is recommended meets it for the first time in `few_labels`.
"""

from pathlib import Path
from statistics import mean

from benchmarks.teaches.data import prepared
from benchmarks.teaches.jobs import outcome
from benchmarks.teaches.students import Section, document, soft_and_hard
from benchmarks.teaches.tables import percent, table
from benchmarks.teaches.teachers import teacher_of

SETS = ("images", "table")
FRACTIONS = (0.1, 1.0)
SEED = 100

METHODS: dict[str, list[Section]] = {
    "hard_target alone": [{"kind": "hard_target", "weight": 1.0}],
    "soft_target, T 1": soft_and_hard(1.0),
    "soft_target, T 4": soft_and_hard(4.0),
    "soft_target, T 2, halves": soft_and_hard(2.0, soft=0.5, hard=0.5),
}
"""Weights are those of the job document, but for halves: 0.5 of `soft_target` and of `hard_target`."""


def compared(work: Path) -> str:
    """Accuracy on validation after the last update, with few labels and with all."""
    found = {
        name: [validation(name, data, fraction, work) for data in SETS for fraction in FRACTIONS]
        for name in METHODS
    }
    best_first = sorted(found.items(), key=lambda row: -mean(row[1]))
    rows = [[name, *map(percent, values), percent(mean(values))] for name, values in best_first]
    heads = [f"{data}, {percent(fraction, digits=0)}" for data in SETS for fraction in FRACTIONS]
    return table(["losses", *heads, "mean"], rows)


def validation(method: str, name: str, fraction: float, work: Path) -> float:
    """What the student of one set is right on, taught by one of `METHODS` with this share of the labels."""
    data = prepared(name, work)
    asked = document(data, METHODS[method], fraction=fraction, seed=SEED, controls=())
    folder = work / "defaults" / f"{name}-{fraction:g}-{method.replace(', ', '-').replace(' ', '_')}"
    job = outcome(folder, asked, data, teacher_of(data, work))
    _, _, accuracy = job.curve("student", "validation.accuracy")[-1]
    return accuracy
