"""What an export of the student did outside, beside what was measured here."""

from typing import Any

import torch
from torch import Tensor

from distill.config.networks import Network
from distill.config.tasks import TASKS
from distill.evaluate.intervals import Rivals, interval, resample
from distill.evaluate.measure import Measured, Rows
from distill.evaluate.result import agreement

SAME_ENOUGH = 0.999
"""The least share of rows that a written student must answer as the measured student did."""


def verified_export(
    outside: Tensor, student: Measured, rows: Rows, network: Network, *, seed: int
) -> dict[str, Any]:
    """What the written student answered in a process of its own, float32 (N, outputs) of the same rows."""
    science, here = rows.science, rows.labeled
    match = science.alike(student.outputs, outside).double().mean().item()
    scores = science.scores(outside[here], rows.labels[here], rows.examples[here])
    verified = match >= SAME_ENOUGH
    entry = {
        "status": "verified" if verified else "failed",
        science.main_figure: interval(resample(Rivals([scores], [scores]), seed=seed).student),
        "match": match,
        "top1_match": agreement(student.outputs, outside, rows),
        "max_abs_diff": (outside - student.outputs).abs().max().item(),
    }
    if not verified:
        entry["reason"] = (
            f"loaded outside, the student answers as measured on {match:.2%} of what it was asked about "
            f"test; {SAME_ENOUGH:.1%} are needed"
        )
    return entry | _description(student, network)


def failed_export(reason: str, student: Measured, network: Network) -> dict[str, Any]:
    """An export that could not even be run."""
    figures = (TASKS[network.task].main_figure, "match", "top1_match", "max_abs_diff")
    return {"status": "failed", "reason": reason} | dict.fromkeys(figures) | _description(student, network)


def _description(student: Measured, network: Network) -> dict[str, Any]:
    return {
        "size_bytes": student.figures["size_bytes"],
        "sha256": student.figures["sha256"],
        "latency_ms": student.figures["latency_ms"],
        "inputs": [_input(network)],
        "preprocessing": network.preprocessing.model_dump(mode="json"),
        "opset": None,
        "runtime": f"torch {torch.__version__}",
        "calibration": None,
    }


def _input(network: Network) -> dict[str, Any]:
    """What the loader takes: examples as they are stored, or texts."""
    taken = network.input
    if taken.kind == "text":
        in_words = TASKS[network.task].target == "tag"
        form = {"dtype": "string", "shape": [None, None] if in_words else [None]}
        return {"name": "text", **form, "layout": "NW" if in_words else "N", "range": None}
    return {
        "name": taken.kind,
        "dtype": taken.dtype,
        "shape": [None, *taken.shape],
        "layout": "NCHW" if taken.kind == "image" else "NF",
        "range": [0, 255] if taken.dtype == "uint8" else None,
    }
