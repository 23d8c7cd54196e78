"""Where teacher and student differ in what is right: how often, and the worst cases to look at."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from distill.evaluate.measure import Rows

WORST = 20


def flips(student: Tensor, teacher: Tensor, rows: Rows, source_rows: Tensor) -> dict[str, Any] | None:
    """How many labeled rows one answers right and the other wrong, and the `WORST` of those that the
    student lost: those on which it is surest of its mistake, the surest first.

    Outputs are float32 (N, outputs); `source_rows` int64 (n,) numbers the examples as the source does.
    None where the target is no choice among names, so that nothing is simply right.
    """
    here = rows.labeled
    labels = rows.labels[here]
    said, known = rows.science.choices(student[here]), rows.science.choices(teacher[here])
    if said is None or known is None:
        return None
    lost = known.right(labels) & ~said.right(labels)
    won = said.right(labels) & ~known.right(labels)
    worst = said.confidence.where(lost, -1.0).argsort(descending=True, stable=True)[:WORST]
    place = here.nonzero().flatten()
    word = _place_in_example(rows.examples)
    return {
        "teacher_right_student_wrong": int(lost.sum()),
        "student_right_teacher_wrong": int(won.sum()),
        "examples": [
            {
                "row": int(source_rows[rows.examples[place[row]]]),
                **({"word": int(word[place[row]])} if rows.science.target == "tag" else {}),
                "label": _named(labels[row], rows.names),
                "teacher": _named(known.picked[row], rows.names),
                "student": _named(said.picked[row], rows.names),
                "confidence": said.confidence[row].item(),
            }
            for row in worst[: int(lost.sum())].tolist()
        ],
    }


def _place_in_example(examples: Tensor) -> Tensor:
    """The number of each row within its example, from 0."""
    _, first, example = np.unique(examples.numpy(), return_index=True, return_inverse=True)
    return torch.arange(len(examples)) - torch.from_numpy(first[example])


def _named(picked: Tensor, names: list[str]) -> str | list[str]:
    """A class or tag by its name, a set of labels by theirs."""
    if picked.dim() == 0:
        return names[int(picked)]
    return [name for name, holds in zip(names, picked.tolist(), strict=True) if holds]
