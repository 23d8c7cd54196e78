"""The `result` of a job, as the contract words it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.attempt import Trained
from distill.config.networks import Network
from distill.evaluate.figures import agreement, kl_divergence, majority_baseline
from distill.evaluate.intervals import comparisons, interval, resample
from distill.evaluate.measure import Measured
from distill.history import History

INTERVALS_NOTE = (
    "95% intervals by paired bootstrap over test examples, of this run alone: another seed was not tried"
)
SAME_ENOUGH = 0.999
"""The least share of examples on which a written student must name the measured student's class."""


def comparison(measured: Mapping[str, Measured], labels_N: Tensor, *, seed: int) -> dict[str, Any]:
    """The figures of teacher, student and control, and what they say side by side.

    `labels_N` are int64, -1 where unlabeled: such examples count nowhere.
    """
    teacher, student, control = (measured.get(run) for run in ("teacher", "student", "control"))
    assert teacher is not None
    assert student is not None
    labeled = labels_N >= 0
    right = {run: _right(entry.logits, labels_N) for run, entry in measured.items()}
    sample = resample(right["teacher"], right["student"], right.get("control"), seed=seed)
    return {
        "teacher": teacher.figures,
        "student": student.figures,
        "control": control and control.figures,
        "majority_baseline": majority_baseline(labels_N[labeled]),
        "agreement": agreement(student.logits[labeled], teacher.logits[labeled]),
        "kl_divergence": kl_divergence(student.logits[labeled], teacher.logits[labeled]),
        **comparisons(sample),
        "intervals_note": INTERVALS_NOTE,
        "compression": _compression(teacher.figures, student.figures),
    }


def updates_to_control(history: History, control: Trained | None) -> int | None:
    """Updates after which the student's validation accuracy had reached the control's last one."""
    if control is None:
        return None
    curve = history.curve("student", "validation.accuracy")
    return next((step for step, accuracy in curve if accuracy >= control.validation_accuracy), None)


def verified_export(
    outside_NC: Tensor, student: Measured, labels_N: Tensor, network: Network, *, seed: int
) -> dict[str, Any]:
    """What the written student answered in a process of its own, beside what was measured here."""
    match = agreement(outside_NC, student.logits)
    right = _right(outside_NC, labels_N)
    sample = resample(right, right, None, seed=seed)
    verified = match >= SAME_ENOUGH
    entry = {
        "status": "verified" if verified else "failed",
        "accuracy": interval(sample.student),
        "top1_match": match,
        "max_abs_diff": (outside_NC - student.logits).abs().max().item(),
    }
    if not verified:
        entry["reason"] = (
            f"loaded outside, the student names the measured class on {match:.2%} of the test examples; "
            f"{SAME_ENOUGH:.1%} are needed"
        )
    return entry | _description(student, network)


def failed_export(reason: str, student: Measured, network: Network) -> dict[str, Any]:
    """An export that could not even be run."""
    unknown = {"accuracy": None, "top1_match": None, "max_abs_diff": None}
    return {"status": "failed", "reason": reason} | unknown | _description(student, network)


def _description(student: Measured, network: Network) -> dict[str, Any]:
    image = network.input.kind == "image"
    return {
        "size_bytes": student.figures["size_bytes"],
        "sha256": student.figures["sha256"],
        "latency_ms": student.figures["latency_ms"],
        "inputs": [
            {
                "name": network.input.kind,
                "dtype": network.input.dtype if network.input.kind != "text" else "string",
                "shape": [None, *network.input.shape] if network.input.kind != "text" else [None],
                "layout": "NCHW" if image else "N" if network.input.kind == "text" else "NF",
                "range": [0, 255] if network.input.dtype == "uint8" else None,
            }
        ],
        "preprocessing": network.preprocessing.model_dump(mode="json"),
        "opset": None,
        "runtime": f"torch {torch.__version__}",
        "calibration": None,
    }


def _compression(teacher: dict[str, Any], student: dict[str, Any]) -> dict[str, float]:
    """How many times smaller and quicker the student is."""
    return {
        "parameters": teacher["parameters"] / student["parameters"],
        "size": teacher["size_bytes"] / student["size_bytes"],
        "speedup": teacher["latency_ms"]["p50"] / student["latency_ms"]["p50"],
    }


def _right(logits_NC: Tensor, labels_N: Tensor) -> NDArray[np.bool_]:
    """Whether each labeled example is answered right."""
    labeled = labels_N >= 0
    right: NDArray[np.bool_] = (logits_NC.argmax(dim=-1) == labels_N)[labeled].numpy().astype(np.bool_)
    return right
