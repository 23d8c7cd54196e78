"""What each update learns from: which rows, and how the networks see them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from distill.data.opened import SplitData
from distill.preprocess import Inputs, Preprocessor

RESIDENT_BYTES = 4 * 2**30
"""Splits up to this size stay on the device; larger ones travel batch by batch."""


@dataclass(frozen=True)
class View:
    """The examples of one split as every network of a job sees them.

    Images and features are preprocessed batch by batch, texts are tokens from the start. `labels`
    are int64 (n,), -1 where unlabeled or hidden from this run.
    """

    inputs: Inputs
    labels: Tensor
    preprocessor: Preprocessor
    device: torch.device

    @classmethod
    def of(cls, split: SplitData, preprocessor: Preprocessor, device: torch.device) -> Self:
        inputs = split.inputs if isinstance(split.inputs, Tensor) else preprocessor(split.inputs)
        if isinstance(inputs, Tensor) and inputs.nbytes <= RESIDENT_BYTES:
            inputs = inputs.to(device)
        return cls(inputs, split.labels, preprocessor, device)

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: Tensor) -> tuple[Inputs, Tensor]:
        """Inputs and labels of `rows`, int64 (B,) on the CPU, on the device."""
        labels = self.labels[rows].to(self.device, non_blocking=True)
        if isinstance(self.inputs, Tensor):
            chosen = self.inputs[rows.to(self.inputs.device)].to(self.device, non_blocking=True)
            return self.preprocessor(chosen), labels
        mask = self.inputs["attention_mask"][rows]
        longest = max(1, int(mask.sum(dim=1).max()))
        return {
            "input_ids": self.inputs["input_ids"][rows, :longest].to(self.device),
            "attention_mask": mask[:, :longest].to(self.device),
        }, labels

    def labeled_rows(self) -> Tensor:
        """The rows that have a label to learn from."""
        return (self.labels >= 0).nonzero().flatten()


class Order:
    """Which rows each update takes: an endless chain of shuffled passes, cut into full batches.

    A pass is shuffled by (seed, its number), so that the place in the chain is the number of the
    update and nothing else; no batch is ever smaller than the rest.
    """

    def __init__(self, rows: Tensor, *, batch_size: int, seed: int) -> None:
        self.rows = rows
        self.batch_size = batch_size
        self.seed = seed
        self._shuffled: tuple[int, Tensor] = (-1, rows)

    def batch(self, step: int) -> Tensor:
        """The rows of update `step`, counted from 1."""
        start, end = (step - 1) * self.batch_size, step * self.batch_size
        size = len(self.rows)
        pieces = [
            self._pass(number)[max(0, start - number * size) : end - number * size]
            for number in range(start // size, (end - 1) // size + 1)
        ]
        return torch.cat(pieces)

    def _pass(self, number: int) -> Tensor:
        if self._shuffled[0] != number:
            order = np.random.default_rng([self.seed, number]).permutation(len(self.rows))
            self._shuffled = (number, self.rows[torch.from_numpy(order)])
        return self._shuffled[1]
