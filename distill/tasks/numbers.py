"""One or more real numbers an example."""

from typing import Any

import torch
from torch import Tensor

from distill.config.tasks import Target
from distill.tasks.science import Choices, RowsAreExamples, Scores

SAME_NUMBER, SAME_NUMBER_LOOSELY = 1e-3, 1e-2
"""Two answers are alike where they differ by less than this share of the answers' standard deviation."""


class Numbers(RowsAreExamples):
    """Outputs and labels are float (N, outputs), both in the same units; a row of NaN is unlabeled."""

    target: Target = "number"
    main_figure = "r2"

    def labeled(self, labels: Tensor) -> Tensor:
        return ~labels.isnan().any(dim=-1)

    def hidden(self, labels: Tensor) -> Tensor:
        return torch.full_like(labels, torch.nan)

    def scores(self, outputs: Tensor, labels: Tensor, examples: Tensor) -> Scores:
        return Scores.of_examples(_explained(outputs, labels).mean(dim=-1))

    def figures(self, outputs: Tensor, labels: Tensor, examples: Tensor, names: list[str]) -> dict[str, Any]:
        """`r2` is the mean over outputs; `mae` and `rmse`, in the units of the labels, over all numbers."""
        error = outputs.double() - labels.double()
        columns = {
            "r2": _explained(outputs, labels).mean(dim=0),
            "mae": error.abs().mean(dim=0),
            "rmse": error.square().mean(dim=0).sqrt(),
        }
        return {
            "r2": columns["r2"].mean().item(),
            "mae": error.abs().mean().item(),
            "rmse": error.square().mean().sqrt().item(),
            "per_output": [
                {"label": name, **{figure: column[number].item() for figure, column in columns.items()}}
                for number, name in enumerate(names)
            ],
            "examples": len(labels),
        }

    def baseline(self, labels: Tensor, train_labels: Tensor) -> dict[str, float]:
        """The r2 of always answering the mean of train."""
        always = train_labels.double().mean(dim=0).expand_as(labels)
        return {"mean_baseline": _explained(always, labels).mean().item()}

    def choices(self, outputs: Tensor) -> Choices | None:
        return None

    def alike(self, one: Tensor, other: Tensor, *, loosely: bool = False) -> Tensor:
        spread = one.double().std(dim=0, correction=0).clamp_min(1e-12)
        same = SAME_NUMBER_LOOSELY if loosely else SAME_NUMBER
        return ((one - other).double().abs() <= same * spread).all(dim=-1)

    def kl_divergence(self, student: Tensor, teacher: Tensor) -> float | None:
        return None


def _explained(outputs_NO: Tensor, labels_NO: Tensor) -> Tensor:
    """`1 - error^2 / variance of the labels`, float64 (N, outputs): its mean over rows is R squared.

    An output whose labels never vary is counted by its squared error alone.
    """
    labels = labels_NO.double()
    variance = labels.var(dim=0, correction=0)
    error = (outputs_NO.double() - labels).square()
    return 1 - error / torch.where(variance > 0, variance, 1.0)
