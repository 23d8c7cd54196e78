"""The teacher's own output for an example: there are no other labels."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from distill.config.tasks import Target
from distill.tasks.science import Choices, RowsAreExamples, Scores

PAIRED_EXAMPLES = 1000
SAME_DIRECTION, SAME_DIRECTION_LOOSELY = 0.9999, 0.999
"""The least cosine of two embeddings that are alike."""


class Embeddings(RowsAreExamples):
    """Outputs are float (N, width), labels the teacher's embeddings of the same rows, float (N, width)."""

    target: Target = "embedding"
    main_figure = "cosine"

    def labeled(self, labels: Tensor) -> Tensor:
        """An embedding is known as soon as the teacher gave it: a label that is no vector is none."""
        return ~labels.isnan().any(dim=-1) if labels.dim() == 2 else torch.zeros_like(labels).bool()

    def hidden(self, labels: Tensor) -> Tensor:
        return torch.full_like(labels, torch.nan)

    def scores(self, outputs: Tensor, labels: Tensor, examples: Tensor) -> Scores:
        return Scores.of_examples(_cosines(outputs, labels))

    def figures(self, outputs: Tensor, labels: Tensor, examples: Tensor, names: list[str]) -> dict[str, Any]:
        return {
            "cosine": _cosines(outputs, labels).mean().item(),
            "mse": (outputs.double() - labels.double()).square().mean().item(),
            "similarity_spearman": similarity_spearman(outputs, labels),
            "examples": len(labels),
        }

    def baseline(self, labels: Tensor, train_labels: Tensor) -> dict[str, float]:
        """The cosine of always answering the mean embedding of train."""
        always = train_labels.double().mean(dim=0).expand_as(labels)
        return {"mean_baseline": _cosines(always, labels).mean().item()}

    def choices(self, outputs: Tensor) -> Choices | None:
        return None

    def alike(self, one: Tensor, other: Tensor, *, loosely: bool = False) -> Tensor:
        return _cosines(one, other) >= (SAME_DIRECTION_LOOSELY if loosely else SAME_DIRECTION)

    def kl_divergence(self, student: Tensor, teacher: Tensor) -> float | None:
        return None


def similarity_spearman(one_NE: Tensor, other_NE: Tensor) -> float | None:
    """How far both put the same pairs of examples close together: the rank correlation (Spearman) of
    the cosines of all pairs of the first 1000 examples; None where a side has all pairs alike."""
    ranks = [_ranks(_cosines_of_pairs(side[:PAIRED_EXAMPLES].double())) for side in (one_NE, other_NE)]
    centered = [rank - rank.mean() for rank in ranks]
    norms = centered[0].norm() * centered[1].norm()
    return (centered[0] @ centered[1] / norms).item() if norms > 0 else None


def _cosines(one_NE: Tensor, other_NE: Tensor) -> Tensor:
    return F.cosine_similarity(one_NE.double(), other_NE.double(), dim=-1)


def _cosines_of_pairs(embeddings_NE: Tensor) -> Tensor:
    unit = F.normalize(embeddings_NE, dim=-1)
    first, second = torch.triu_indices(len(unit), len(unit), offset=1)
    return (unit @ unit.T)[first, second]


def _ranks(values: Tensor) -> Tensor:
    """float64 ranks from 0; equal values share the mean of theirs."""
    _, place, counts = np.unique(values.numpy(), return_inverse=True, return_counts=True)
    return torch.from_numpy((counts.cumsum() - (counts + 1) / 2)[place])
