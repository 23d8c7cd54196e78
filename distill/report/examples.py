"""Examples of test as a reader may look at them: those on which the student did worst."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distill.data.opened import SplitData
from distill.data.thumbnails import thumbnail
from distill.evaluate.measure import Measured, Rows

WORST = 20
MOST_CHARACTERS = 300
MOST_FEATURES = 24
WORDS_AROUND = 15


def worst(
    measured: Mapping[str, Measured], rows: Rows, test: SplitData, result: dict[str, Any]
) -> dict[str, Any]:
    """The examples on which the student lost most, at most `WORST`, the worst first.

    `by` says what is meant: `confidence`, where the teacher is right and the student sure of something
    else; `error`, of numbers the error beyond the teacher's in standard deviations of the labels; `cosine`,
    of embeddings the least likeness.
    """
    flips = result.get("flips")
    if flips is not None:
        position = {int(row): number for number, row in enumerate(test.rows.tolist())}
        return {
            "by": "confidence",
            "examples": [
                flip | {"example": _look(test, position[flip["row"]], flip.get("word"))}
                for flip in flips["examples"][:WORST]
            ],
        }
    student, teacher = measured["student"].outputs, measured["teacher"].outputs
    if rows.science.target == "embedding":
        likeness = torch.cosine_similarity(student.double(), teacher.double(), dim=-1)
        chosen = likeness.argsort(stable=True)[:WORST].tolist()
        return {
            "by": "cosine",
            "examples": [
                place(row, rows, test) | {"cosine": likeness[row].item(), "example": shown(row, rows, test)}
                for row in chosen
            ],
        }
    return {"by": "error", "examples": _most_in_error(student, teacher, rows, test)}


def _most_in_error(student: Tensor, teacher: Tensor, rows: Rows, test: SplitData) -> list[dict[str, Any]]:
    spread = rows.labels[rows.labeled].double().std(dim=0, correction=0)
    spread = torch.where(spread > 0, spread, 1.0)
    student_off, teacher_off = (
        ((outputs.double() - rows.labels.double()).abs() / spread).mean(dim=1)
        for outputs in (student, teacher)
    )
    lost = (student_off - teacher_off).where(rows.labeled, -torch.inf)
    chosen = [row for row in lost.argsort(descending=True, stable=True)[:WORST].tolist() if lost[row] > 0]
    return [
        place(row, rows, test)
        | {
            "label": rows.labels[row].tolist(),
            "teacher": teacher[row].tolist(),
            "student": student[row].tolist(),
            "error": student_off[row].item(),
            "example": shown(row, rows, test),
        }
        for row in chosen
    ]


def place(row: int, rows: Rows, test: SplitData) -> dict[str, int]:
    """Which example of the source this row is, and of tags which of its words."""
    found = {"row": int(test.rows[rows.examples[row]])}
    return found if rows.science.target != "tag" else found | {"word": _word(row, rows)}


def shown(row: int, rows: Rows, test: SplitData) -> dict[str, Any]:
    """The example of a row: `image`, a PNG as a data URI; `text`; `words`, and `at` which of them; or
    `features`."""
    word = _word(row, rows) if rows.science.target == "tag" else None
    return _look(test, int(rows.examples[row]), word)


def named(picked: Tensor, names: list[str]) -> str | list[str] | None:
    """A class or tag by its name, a set of labels by theirs; None where it is unlabeled."""
    if picked.dim() == 0:
        return names[int(picked)] if picked >= 0 else None
    if bool((picked < 0).any()):
        return None
    return [name for name, holds in zip(names, picked.tolist(), strict=True) if holds]


def _word(row: int, rows: Rows) -> int:
    """The number of a row within its example, from 0."""
    return row - int(np.searchsorted(rows.examples.numpy(), int(rows.examples[row])))


def _look(test: SplitData, position: int, word: int | None) -> dict[str, Any]:
    example = test.inputs[position]
    if isinstance(example, Tensor):
        if example.dim() == 3:
            return {"image": "data:image/png;base64," + base64.b64encode(thumbnail(example)).decode()}
        values = example.flatten()
        return {"features": values[:MOST_FEATURES].tolist(), "of": len(values)}
    if isinstance(example, str):
        return {"text": example[:MOST_CHARACTERS], "of": len(example)}
    at = word or 0
    start = max(0, at - WORDS_AROUND)
    around = [_short(each) for each in example[start : at + WORDS_AROUND + 1]]
    return {"words": around, "at": None if word is None else at - start, "from": start, "of": len(example)}


def _short(word: str) -> str:
    return word if len(word) <= 40 else word[:39] + "…"
