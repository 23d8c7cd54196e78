"""One of several classes an example."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from distill.config.tasks import Target
from distill.tasks.confusion import Confusion
from distill.tasks.science import Choices, RowsAreExamples, Scores

CALIBRATION_BINS = 15


class Classes(RowsAreExamples):
    """Outputs are logits (N, classes), labels int64 (N,), -1 where unlabeled."""

    target: Target = "class"
    main_figure = "accuracy"

    def labeled(self, labels: Tensor) -> Tensor:
        return labels >= 0

    def hidden(self, labels: Tensor) -> Tensor:
        return torch.full_like(labels, -1)

    def scores(self, outputs: Tensor, labels: Tensor, examples: Tensor) -> Scores:
        return Scores.of_examples(outputs.argmax(dim=-1) == labels)

    def figures(self, outputs: Tensor, labels: Tensor, examples: Tensor, names: list[str]) -> dict[str, Any]:
        confusion = Confusion.of_choices(outputs.argmax(dim=-1), labels, len(names))
        return {
            "accuracy": (outputs.argmax(dim=-1) == labels).double().mean().item(),
            "balanced_accuracy": confusion.balanced_accuracy(),
            "macro_f1": confusion.macro_f1(),
            "loss": F.cross_entropy(outputs.double(), labels).item(),
            "ece": expected_calibration_error(outputs, labels),
            "per_class": confusion.per_name(names),
            "examples": len(labels),
        }

    def baseline(self, labels: Tensor, train_labels: Tensor) -> dict[str, float]:
        """The accuracy of the most frequent class of test: no constant answer reaches more."""
        return {"majority_baseline": labels.bincount().max().item() / len(labels)}

    def choices(self, outputs: Tensor) -> Choices:
        confidence, picked = F.softmax(outputs.double(), dim=-1).max(dim=-1)
        return Choices(picked, confidence)

    def alike(self, one: Tensor, other: Tensor, *, loosely: bool = False) -> Tensor:
        return one.argmax(dim=-1) == other.argmax(dim=-1)

    def kl_divergence(self, student: Tensor, teacher: Tensor) -> float | None:
        student_log_p = F.log_softmax(student.double(), dim=-1)
        teacher_log_p = F.log_softmax(teacher.double(), dim=-1)
        return F.kl_div(student_log_p, teacher_log_p, reduction="batchmean", log_target=True).item()


def expected_calibration_error(logits_NC: Tensor, labels_N: Tensor) -> float:
    """Mean gap between confidence and accuracy over 15 equal bins, weighted by their rows
    (Guo et al., 2017, section 2)."""
    confidence_N, predicted_N = F.softmax(logits_NC.double(), dim=-1).max(dim=-1)
    right_N = (predicted_N == labels_N).double()
    gaps = torch.zeros(CALIBRATION_BINS, dtype=torch.float64)
    gaps.index_add_(0, calibration_bin(confidence_N), right_N - confidence_N)
    return gaps.abs().sum().item() / len(labels_N)


def calibration_bin(confidence_N: Tensor) -> Tensor:
    """In which of `CALIBRATION_BINS` equal bins each confidence falls, int64 (N,); a bin holds its upper
    edge."""
    return (confidence_N * CALIBRATION_BINS).ceil().long().clamp(1, CALIBRATION_BINS) - 1
