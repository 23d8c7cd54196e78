"""What an export did outside, beside what was measured of the student here."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from distill.config.exports import Export, Format
from distill.evaluate.intervals import Rivals, interval, resample
from distill.evaluate.measure import Measured, Rows
from distill.evaluate.result import agreement
from distill.proof.bench import Shown
from distill.proof.process import RefusedToRun

SAME_ENOUGH = 0.999
"""The least share of rows that an export in float32 must answer as the measured student did."""
ROUNDING = 1e-9
"""What differences of decimal fractions are off by, in binary."""
LEAST_MATCH: Mapping[Format, float | None] = {"onnx-fp16": 0.995, "onnx-int8": None}
"""Of other formats; where None, the drop of the main figure decides."""


def entry_of(
    export: Export,
    found: Shown | RefusedToRun,
    student: Measured,
    rows: Rows,
    *,
    description: dict[str, Any],
    seed: int,
) -> dict[str, Any]:
    """The block of one export in the result: verified, or failed with its figures and the reason."""
    if isinstance(found, RefusedToRun):
        return failed(f"it did not run outside: {found}", rows.science.main_figure, description)
    description = description | {"peak_memory_bytes": found.peak_memory_bytes, "runtime": found.runtime}
    if found.times is not None:
        description["latency_ms"] = found.times.latency_ms()
    outputs = found.outputs
    assert outputs is not None
    problem = _not_comparable(outputs, student)
    if problem is not None:
        return failed(problem, rows.science.main_figure, description)
    figures = _figures(export, outputs, student, rows, seed=seed)
    reason = _reason(export, figures, rows.science.main_figure)
    status = {"status": "verified"} if reason is None else {"status": "failed", "reason": reason}
    return status | figures | description


def failed(reason: str, main_figure: str, description: dict[str, Any]) -> dict[str, Any]:
    """An export that could not be made, run or compared: there is no figure of it."""
    nothing = dict.fromkeys((main_figure, "drop", "match", "top1_match", "max_abs_diff"))
    cost = {"latency_ms": None, "peak_memory_bytes": None, "runtime": None}
    return {"status": "failed", "reason": reason} | nothing | cost | description


def _not_comparable(outputs: Tensor, student: Measured) -> str | None:
    if outputs.shape != student.outputs.shape:
        return f"it answers {len(outputs)} rows of test where the student answers {len(student.outputs)}"
    odd = int((~torch.isfinite(outputs)).any(dim=1).sum())
    return f"it answers {odd} of {len(outputs)} rows of test with NaN or infinity" if odd else None


def _figures(export: Export, outputs: Tensor, student: Measured, rows: Rows, *, seed: int) -> dict[str, Any]:
    science, here = rows.science, rows.labeled
    scores = science.scores(outputs[here], rows.labels[here], rows.examples[here])
    sample = resample(Rivals([student.scores], [scores]), seed=seed)
    alike = science.alike(student.outputs, outputs, loosely=export.format == "onnx-fp16")
    return {
        science.main_figure: interval(sample.student),
        "drop": interval(sample.teacher - sample.student),
        "match": alike.double().mean().item(),
        "top1_match": agreement(student.outputs, outputs, rows),
        "max_abs_diff": (outputs - student.outputs).abs().max().item(),
    }


def _reason(export: Export, figures: dict[str, Any], main_figure: str) -> str | None:
    """Why an export with these figures is not the student any more; None where it is."""
    least = LEAST_MATCH.get(export.format, SAME_ENOUGH)
    if least is None:
        assert export.max_drop is not None
        drop = figures["drop"]["value"]
        if drop <= export.max_drop + ROUNDING:
            return None
        return f"{main_figure} falls by {drop:.4f} on test, and max_drop allows {export.max_drop:g}"
    if figures["match"] >= least:
        return None
    return (
        f"run outside, it answers {figures['match']:.2%} of test as the student that was measured; "
        f"{least:.1%} are needed"
    )
