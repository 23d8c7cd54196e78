"""What each update learns from: which rows, and how the networks see them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from distill.config.tasks import Task
from distill.data.opened import SplitData
from distill.preprocess import NO_WORD, Inputs, Preprocessor
from distill.tasks import science_of

RESIDENT_BYTES = 4 * 2**30
"""Splits up to this size stay on the device; larger ones travel batch by batch."""


@dataclass(frozen=True)
class View:
    """The examples of one split as every network of a job sees them.

    Images and features are preprocessed batch by batch, texts are tokens from the start. `labels`
    (n, ...) are as `distill.config.networks.Dataset` says, hidden ones of this run as unlabeled ones;
    of tags int64 (n, L), at the first token of each word, -1 elsewhere.
    """

    inputs: Inputs
    labels: Tensor
    preprocessor: Preprocessor
    device: torch.device
    task: Task
    unseen_words: int = 0
    """Words with a tag of which no network sees a token: beyond `max_length`, or nothing to the tokenizer.
    They are never learned from and never judged, whoever answers."""

    @classmethod
    def of(cls, split: SplitData, preprocessor: Preprocessor, device: torch.device) -> Self:
        labels, unseen = split.labels, 0
        if isinstance(split.inputs, Tensor):
            inputs: Inputs = split.inputs
        else:
            tokens, starts = preprocessor.tokens(split.inputs)
            inputs = tokens
            if starts is not None:
                inputs = {**tokens, "word_starts": starts != NO_WORD}
                labels = _at_tokens(split.labels, starts, [len(words) for words in split.inputs])
                unseen = int((split.labels >= 0).sum() - (labels >= 0).sum())
        if isinstance(inputs, Tensor) and inputs.nbytes <= RESIDENT_BYTES:
            inputs = inputs.to(device)
        return cls(inputs, labels, preprocessor, device, split.task, unseen)

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: Tensor) -> tuple[Inputs, Tensor]:
        """Inputs and labels of `rows`, int64 (B,) on the CPU, on the device.

        Tokens are cut to the longest text of the batch, and so are the labels of tags.
        """
        labels = self.labels[rows]
        if isinstance(self.inputs, Tensor):
            chosen = self.inputs[rows.to(self.inputs.device)].to(self.device, non_blocking=True)
            return self.preprocessor(chosen), labels.to(self.device, non_blocking=True)
        longest = max(1, int(self.inputs["attention_mask"][rows].sum(dim=1).max()))
        if "word_starts" in self.inputs:
            labels = labels[:, :longest]
        tokens = {name: values[rows, :longest].to(self.device) for name, values in self.inputs.items()}
        return tokens, labels.to(self.device)

    def labeled_rows(self) -> Tensor:
        """The rows that have a label to learn from."""
        return science_of(self.task).labeled(self.labels).nonzero().flatten()


def _at_tokens(labels: Tensor, starts: Tensor, words: list[int]) -> Tensor:
    """Labels of words, int64 (words,), at the tokens (n, L) that `starts` says."""
    first_words = torch.tensor([0, *words]).cumsum(0)[:-1]
    number = first_words.unsqueeze(1) + starts.clamp(min=0)
    return torch.where(starts != NO_WORD, labels[number.clamp(max=len(labels) - 1)], -1)


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
