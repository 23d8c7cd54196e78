"""Which losses to recommend: fixed on images and table, by validation, with a seed of their own.

Text has no say, so that what is recommended meets it for the first time in `few_labels`.
"""

from pathlib import Path
from statistics import mean

from benchmarks.teaches.data import prepared
from benchmarks.teaches.jobs import outcome
from benchmarks.teaches.students import Section, document
from benchmarks.teaches.tables import percent, table
from benchmarks.teaches.teachers import teacher_of

SETS = ("images", "table")
FRACTION = 0.1
SEED = 100

_CE: Section = {"kind": "hard_target", "weight": 0.1}


def _soft(temperature: float, weight: float = 0.9) -> Section:
    return {"kind": "soft_target", "weight": weight, "temperature": temperature}


METHODS: dict[str, list[Section]] = {
    "hard_target alone": [{"kind": "hard_target", "weight": 1.0}],
    "soft_target, T 1": [_soft(1), _CE],
    "soft_target, T 2": [_soft(2), _CE],
    "soft_target, T 4": [_soft(4), _CE],
    "soft_target, T 8": [_soft(8), _CE],
    "soft_target alone, T 4": [_soft(4, weight=1.0)],
    "standardized": [{"kind": "standardized"}, _CE],
    "decoupled": [{"kind": "decoupled"}, _CE],
    "dist": [{"kind": "dist"}, _CE],
    "mse_logits": [{"kind": "mse_logits"}, _CE],
}
"""Weights that are not named are those of the job document."""


def compared(work: Path) -> str:
    """Accuracy on validation after the last update, at 10 % of the labels."""
    found = {name: [_validation(method, data, work) for data in SETS] for name, method in METHODS.items()}
    best_first = sorted(found.items(), key=lambda row: -mean(row[1]))
    rows = [[name, *map(percent, values), percent(mean(values))] for name, values in best_first]
    return table(["losses", *SETS, "mean"], rows)


def _validation(losses: list[Section], name: str, work: Path) -> float:
    data = prepared(name, work)
    asked = document(data, losses, fraction=FRACTION, seed=SEED, controls=())
    kinds = "-".join(f"{term['kind']}{term.get('temperature', '')}" for term in losses)
    job = outcome(work / "defaults" / f"{name}-{kinds}", asked, data, teacher_of(data, work))
    _, _, accuracy = job.curve("student", "validation.accuracy")[-1]
    return accuracy
