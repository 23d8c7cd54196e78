"""What the loop and the evaluation ask of a target. One module beside this for each."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from distill.config.tasks import Target
from distill.preprocess import Inputs


@dataclass(frozen=True)
class Scores:
    """How a network did on each example, so that its main figure is `value.sum() / weight.sum()`.

    Both float64 (examples,). Of a class `value` is 0 or 1 and `weight` 1; of tags `value` counts the
    words that are right and `weight` the words.
    """

    value: NDArray[np.float64]
    weight: NDArray[np.float64]

    @classmethod
    def of_examples(cls, values_N: Tensor) -> "Scores":
        """One value an example, each of the same weight."""
        value = values_N.double().cpu().numpy()
        return cls(value, np.ones_like(value))

    def main(self) -> float:
        return float(self.value.sum() / self.weight.sum())


@dataclass(frozen=True)
class Choices:
    """What a network names for each row, where it chooses among names.

    `picked` is in the form of the labels: int64 (N,) of classes and tags, int8 (N, classes) of label
    sets. `confidence`, float64 (N,), is the probability that the network gives to what it picked.
    """

    picked: Tensor
    confidence: Tensor

    def right(self, labels: Tensor) -> Tensor:
        """bool (N,): whether each row is named right."""
        return (self.picked == labels).reshape(len(labels), -1).all(dim=1)


class Science(Protocol):
    """One kind of target.

    *Rows* are what is judged: examples, or of tags words. Outputs of rows are float (N, outputs),
    labels of rows as `distill.config.networks.Dataset` says for one row each.
    """

    @property
    def target(self) -> Target: ...

    @property
    def main_figure(self) -> str:
        """The key in `figures` by which runs are compared; higher is better."""
        ...

    def rows(self, outputs: Tensor, inputs: Inputs) -> Tensor:
        """The outputs of the rows of a batch, (N, outputs), from what the network gave for `inputs`."""
        ...

    def row_labels(self, labels: Tensor, inputs: Inputs) -> Tensor:
        """The labels of the same rows, from those of the batch."""
        ...

    def row_examples(self, examples: Tensor, inputs: Inputs) -> Tensor:
        """Of which example each of these rows is, int64 (N,): one of `examples` (B,), the batch's own."""
        ...

    def labeled(self, labels: Tensor) -> Tensor:
        """bool (n,): which examples (or rows) have a label."""
        ...

    def hidden(self, labels: Tensor) -> Tensor:
        """Labels of the same shape, none of them known."""
        ...

    def scores(self, outputs: Tensor, labels: Tensor, examples: Tensor) -> Scores:
        """Of labeled rows. `examples` int64 (N,) says of which example each row is, in rising order."""
        ...

    def figures(self, outputs: Tensor, labels: Tensor, examples: Tensor, names: list[str]) -> dict[str, Any]:
        """Every figure of labeled rows, `main_figure` among them. `names` are those of the outputs."""
        ...

    def baseline(self, labels: Tensor, train_labels: Tensor) -> dict[str, float]:
        """What an answer that never looks at its input reaches: `majority_baseline` or `mean_baseline`."""
        ...

    def choices(self, outputs: Tensor) -> Choices | None:
        """What is named for each row; None where the target is no choice among names."""
        ...

    def alike(self, one: Tensor, other: Tensor, *, loosely: bool = False) -> Tensor:
        """bool (N,): whether two networks answer a row alike, as far as a user would care; `loosely`,
        as far as half precision tells."""
        ...

    def kl_divergence(self, student: Tensor, teacher: Tensor) -> float | None:
        """Mean KL(teacher || student) over rows at temperature 1, in nats; None without probabilities."""
        ...


class RowsAreExamples:
    """Of a target with one answer an example: each example is one row."""

    def rows(self, outputs: Tensor, inputs: Inputs) -> Tensor:
        return outputs

    def row_labels(self, labels: Tensor, inputs: Inputs) -> Tensor:
        return labels

    def row_examples(self, examples: Tensor, inputs: Inputs) -> Tensor:
        return examples
