"""Intervals by paired bootstrap over test examples, and what they say about the distillation.

Whether each network is right on an example is one of eight outcomes, so that resampling examples
is drawing from a multinomial over eight cells: exact, and as quick for a million examples as for ten.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
CONFIDENCE = 0.95
Accuracies = NDArray[np.float64]


@dataclass(frozen=True)
class Resampled:
    """Accuracies of teacher, student and control: as measured, and in each of the resamples."""

    teacher: Accuracies
    student: Accuracies
    control: Accuracies | None
    """Entry 0 is as measured."""


def resample(
    teacher_right: NDArray[np.bool_],
    student_right: NDArray[np.bool_],
    control_right: NDArray[np.bool_] | None,
    *,
    seed: int,
) -> Resampled:
    """Resample examples, each with all three networks' answers on it. Arguments are bool (n,)."""
    third = np.zeros_like(student_right) if control_right is None else control_right
    cells = teacher_right * 4 + student_right * 2 + third * 1
    examples = len(cells)
    observed = np.bincount(cells, minlength=8)
    drawn = np.random.default_rng(seed).multinomial(examples, observed / examples, size=DRAWS)
    counts = np.vstack([observed, drawn])
    teacher, student, control = (
        counts[:, [cell for cell in range(8) if cell & bit]].sum(axis=1) / examples for bit in (4, 2, 1)
    )
    return Resampled(teacher, student, None if control_right is None else control)


def interval(values: Accuracies) -> dict[str, float]:
    """`{value, low, high}`: entry 0, and the percentile interval of the rest, less what is no number."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values[1:], [tail, 1 - tail])
    return {"value": float(values[0]), "low": float(low), "high": float(high)}


def comparisons(sample: Resampled) -> dict[str, Any]:
    """`retention`, `gain`, `gap_closed` and the verdict `distillation`."""
    if sample.control is None:
        reason = "the control was switched off"
        return {
            "retention": _retention(sample),
            "gain": _nothing(reason),
            "gap_closed": _nothing(reason),
            "distillation": "not_measured",
        }
    gain = interval(sample.student - sample.control)
    return {
        "retention": _retention(sample),
        "gain": gain,
        "gap_closed": _gap_closed(sample, sample.control),
        "distillation": verdict(gain),
    }


def verdict(gain: dict[str, float]) -> str:
    """What the gain's interval says: only one that leaves zero out decides."""
    if gain["low"] > 0:
        return "helped"
    return "hurt" if gain["high"] < 0 else "no_difference"


def _retention(sample: Resampled) -> dict[str, Any]:
    if (sample.teacher == 0).any():
        return _nothing("the teacher is right on so few test examples that a share of it is noise")
    return interval(sample.student / sample.teacher)


def _gap_closed(sample: Resampled, control: Accuracies) -> dict[str, Any]:
    gap = sample.teacher - control
    if interval(gap)["low"] <= 0:
        return _nothing("the teacher is not clearly better than the control: there is no gap to close")
    return interval((sample.student - control) / np.where(gap > 0, gap, np.nan))


def _nothing(reason: str) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "reason": reason}
