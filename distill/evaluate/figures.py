"""Figures of one network on labeled examples. Logits are float32 (n, classes), labels int64 (n,)."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

CALIBRATION_BINS = 15


def figures(logits_NC: Tensor, labels_N: Tensor, names: list[str]) -> dict[str, Any]:
    """Accuracy and its relatives, the loss, and the expected calibration error.

    Macro figures are over the classes that occur among the labels.
    """
    predicted_N = logits_NC.argmax(dim=-1)
    per_class = _per_class(predicted_N, labels_N, names)
    present = [entry for entry in per_class if entry["support"] > 0]
    return {
        "accuracy": (predicted_N == labels_N).double().mean().item(),
        "balanced_accuracy": sum(entry["recall"] for entry in present) / len(present),
        "macro_f1": sum(entry["f1"] for entry in present) / len(present),
        "per_class": per_class,
        "loss": F.cross_entropy(logits_NC.double(), labels_N).item(),
        "ece": expected_calibration_error(logits_NC, labels_N),
        "examples": len(labels_N),
    }


def expected_calibration_error(logits_NC: Tensor, labels_N: Tensor) -> float:
    """Mean gap between confidence and accuracy over 15 equal bins, weighted by their examples
    (Guo et al., 2017, section 2)."""
    confidence_N, predicted_N = F.softmax(logits_NC.double(), dim=-1).max(dim=-1)
    right_N = (predicted_N == labels_N).double()
    bin_N = (confidence_N * CALIBRATION_BINS).ceil().long().clamp(1, CALIBRATION_BINS) - 1
    gaps = torch.zeros(CALIBRATION_BINS, dtype=torch.float64).index_add(0, bin_N, right_N - confidence_N)
    return gaps.abs().sum().item() / len(labels_N)


def majority_baseline(labels_N: Tensor) -> float:
    """The accuracy of always naming the most frequent class."""
    return labels_N.bincount().max().item() / len(labels_N)


def agreement(student_NC: Tensor, teacher_NC: Tensor) -> float:
    """The share of examples on which both name the same class."""
    return (student_NC.argmax(dim=-1) == teacher_NC.argmax(dim=-1)).double().mean().item()


def kl_divergence(student_NC: Tensor, teacher_NC: Tensor) -> float:
    """Mean KL(teacher || student) at temperature 1, in nats."""
    student_log_p = F.log_softmax(student_NC.double(), dim=-1)
    teacher_log_p = F.log_softmax(teacher_NC.double(), dim=-1)
    return F.kl_div(student_log_p, teacher_log_p, reduction="batchmean", log_target=True).item()


def _per_class(predicted_N: Tensor, labels_N: Tensor, names: list[str]) -> list[dict[str, Any]]:
    classes = len(names)
    counts_CC = (labels_N * classes + predicted_N).bincount(minlength=classes**2).view(classes, classes)
    right, support, claimed = counts_CC.diag(), counts_CC.sum(dim=1), counts_CC.sum(dim=0)
    return [
        {
            "label": name,
            "precision": _ratio(hits, said),
            "recall": _ratio(hits, there),
            "f1": _ratio(2 * hits, said + there),
            "support": there,
        }
        for name, hits, there, said in zip(
            names, right.tolist(), support.tolist(), claimed.tolist(), strict=True
        )
    ]


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
