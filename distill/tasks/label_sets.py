"""Any of several labels an example."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from distill.config.tasks import Target
from distill.tasks.confusion import Confusion
from distill.tasks.science import Choices, RowsAreExamples, Scores


class LabelSets(RowsAreExamples):
    """Outputs are logits (N, labels), each of its own sigmoid: a label holds above 0.5.

    Labels are int8 (N, labels), 1 where a label holds, a row of -1 where unlabeled.
    """

    target: Target = "label_set"
    main_figure = "f1"

    def labeled(self, labels: Tensor) -> Tensor:
        return (labels >= 0).all(dim=-1)

    def hidden(self, labels: Tensor) -> Tensor:
        return torch.full_like(labels, -1)

    def scores(self, outputs: Tensor, labels: Tensor, examples: Tensor) -> Scores:
        return Scores.of_examples(f1_of_examples(outputs > 0, labels))

    def figures(self, outputs: Tensor, labels: Tensor, examples: Tensor, names: list[str]) -> dict[str, Any]:
        """`f1` is the mean over examples, `macro_f1` over the labels that occur, `micro_f1` of all
        decisions together; `exact_match` the share of examples with no label wrong."""
        picked = outputs > 0
        confusion = Confusion.of_sets(picked, labels)
        return {
            "f1": f1_of_examples(picked, labels).mean().item(),
            "macro_f1": confusion.macro_f1(),
            "micro_f1": confusion.micro_f1(),
            "exact_match": (picked == labels).all(dim=-1).double().mean().item(),
            "loss": F.binary_cross_entropy_with_logits(outputs.double(), labels.double()).item(),
            "per_label": confusion.per_name(names),
            "examples": len(labels),
        }

    def baseline(self, labels: Tensor, train_labels: Tensor) -> dict[str, float]:
        """The f1 of always naming the most frequent set of train."""
        sets, counts = np.unique(train_labels.numpy(), axis=0, return_counts=True)
        always = torch.from_numpy(sets[counts.argmax()]).expand_as(labels)
        return {"majority_baseline": f1_of_examples(always, labels).mean().item()}

    def choices(self, outputs: Tensor) -> Choices:
        """The confidence in a set is the product of those in its decisions."""
        log_probability = F.logsigmoid(outputs.double().abs()).sum(dim=-1)
        return Choices((outputs > 0).to(torch.int8), log_probability.exp())

    def alike(self, one: Tensor, other: Tensor, *, loosely: bool = False) -> Tensor:
        return ((one > 0) == (other > 0)).all(dim=-1)

    def kl_divergence(self, student: Tensor, teacher: Tensor) -> float | None:
        """Summed over the labels, each a yes or no of its own."""
        student, teacher = student.double(), teacher.double()
        yes = teacher.sigmoid() * (F.logsigmoid(teacher) - F.logsigmoid(student))
        no = (-teacher).sigmoid() * (F.logsigmoid(-teacher) - F.logsigmoid(-student))
        return (yes + no).sum(dim=-1).mean().item()


def f1_of_examples(picked_NC: Tensor, labels_NC: Tensor) -> Tensor:
    """The F1 of the named and the true set of each example, float64 (N,); 1 where both are empty."""
    picked, there = picked_NC.double(), labels_NC.double()
    sizes = picked.sum(dim=-1) + there.sum(dim=-1)
    return torch.where(sizes > 0, 2 * (picked * there).sum(dim=-1) / sizes.clamp_min(1), 1.0)
