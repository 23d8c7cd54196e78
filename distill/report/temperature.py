"""What a temperature does to the teacher's word on one example (Hinton et al., 2015, section 2)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from distill.data.opened import SplitData
from distill.evaluate.measure import Measured, Rows
from distill.report.examples import named, place, shown

TEMPERATURES = (1.0, 4.0, 20.0)
MOST_NAMES = 10


def temperature_picture(
    measured: Mapping[str, Measured], rows: Rows, test: SplitData
) -> dict[str, Any] | None:
    """The teacher's probabilities for one row of test at each of `TEMPERATURES`, and the student's at 1.

    The row is the one on which the teacher is right and yet hesitates most. Names are those that the
    teacher finds likeliest, at most `MOST_NAMES`; of classes `others` says what the rest has together.
    None where the outputs are no probabilities.
    """
    if rows.science.target not in ("class", "tag", "label_set"):
        return None
    row = _most_hesitant(measured["teacher"].outputs, rows)
    teacher, student = (measured[run].outputs[row].double() for run in ("teacher", "student"))
    softened = torch.stack([_probabilities(teacher / T, rows) for T in TEMPERATURES])
    names = softened[0].argsort(descending=True, stable=True)[:MOST_NAMES]
    said = _probabilities(student, rows)
    others = rows.science.target != "label_set" and len(names) < len(rows.names)
    return {
        **place(row, rows, test),
        "label": named(rows.labels[row], rows.names),
        "example": shown(row, rows, test),
        "names": [rows.names[name] for name in names.tolist()],
        "temperatures": list(TEMPERATURES),
        "teacher": softened[:, names].tolist(),
        "student": said[names].tolist(),
        "others": {
            "count": len(rows.names) - len(names),
            "teacher": (1 - softened[:, names].sum(dim=1)).clamp_min(0).tolist(),
            "student": float((1 - said[names].sum()).clamp_min(0)),
        }
        if others
        else None,
    }


def _most_hesitant(teacher: Tensor, rows: Rows) -> int:
    """Of the labeled rows that the teacher answers right, or else of all labeled ones, the one on which it
    is least sure."""
    said = rows.science.choices(teacher)
    assert said is not None
    right = said.right(rows.labels) & rows.labeled
    candidates = right if bool(right.any()) else rows.labeled
    return int(said.confidence.where(candidates, torch.inf).argmin())


def _probabilities(logits: Tensor, rows: Rows) -> Tensor:
    return logits.sigmoid() if rows.science.target == "label_set" else logits.softmax(dim=-1)
