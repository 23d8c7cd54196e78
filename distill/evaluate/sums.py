"""Figures of answers as sums over examples, so that a resample of the examples is another sum.

A figure that is no mean of one number an example, such as macro F1, is a function of a few such sums.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from distill.config.figures import PER_CLASS, split_metric
from distill.evaluate.intervals import MOST_EXAMPLES, Figures
from distill.evaluate.measure import Rows
from distill.tasks.classes import CALIBRATION_BINS, calibration_bin
from distill.tasks.entities import entity_counts
from distill.tasks.science import Choices

Figure = NDArray[np.float64]
Of = Callable[[Figures], Figure]


@dataclass(frozen=True)
class Sums:
    """A figure of one network: `of` takes sums of `columns`, float64 (draws, n), to figures (draws,),
    NaN where a draw has nothing that it is about."""

    columns: Figures
    """float64 (examples, n)."""
    of: Of
    examples: int
    """That it is about: of a class those in which the class is."""


def sums_of(metric: str, outputs: Tensor, teacher: Tensor, rows: Rows) -> Sums:
    """The figure `metric` of a network that answers `outputs`, float32 (N, outputs), on all rows of test.

    `teacher` are the teacher's answers to the same rows, of which `agreement` is. Rows without a label
    are left out.
    """
    return _Answers(outputs[rows.labeled], teacher[rows.labeled], rows).figure(metric)


class _Answers:
    """What one network answered to the labeled rows."""

    def __init__(self, outputs: Tensor, teacher: Tensor, rows: Rows) -> None:
        self._outputs = outputs
        self._teacher = teacher
        self._science = rows.science
        self._names = rows.names
        self._labels = rows.labels[rows.labeled]
        self._examples = rows.examples[rows.labeled]

    def figure(self, metric: str) -> Sums:
        name, label = split_metric(metric)
        if name == PER_CLASS:
            return self._of_class(self._names.index(label)) if label else self._of_worst_class()
        if name == self._science.main_figure:
            scores = self._science.scores(self._outputs, self._labels, self._examples)
            return Sums(np.stack([scores.value, scores.weight], axis=1), _mean, len(scores.value))
        match name:
            case "balanced_accuracy":
                return self._by_name(*self._right_and_there(), of=_mean_recall)
            case "macro_f1":
                return self._by_name(*self._right_and_there(), self._said(), of=_macro_f1)
            case "micro_f1":
                return self._by_name(*self._right_and_there(), self._said(), of=_micro_f1)
            case "ece":
                return self._calibration()
            case "entity_f1":
                return self._entities()
            case "rmse":
                return self._averaged(self._errors().square().mean(dim=-1), of=_root_of_mean)
        return self._averaged(self._of_rows(name), of=_mean)

    def _of_rows(self, name: str) -> Tensor:
        """A figure that is the mean of one number a row, float64 (N,)."""
        outputs, labels = self._outputs, self._labels
        match name:
            case "agreement":
                return self._science.alike(self._teacher, outputs).double()
            case "loss" if self._science.target == "label_set":
                losses = F.binary_cross_entropy_with_logits(
                    outputs.double(), labels.double(), reduction="none"
                )
                return losses.mean(dim=-1)
            case "loss":
                return F.cross_entropy(outputs.double(), labels, reduction="none")
            case "exact_match":
                return self._choices().right(labels).double()
            case "mae":
                return self._errors().abs().mean(dim=-1)
            case "mse":
                return self._errors().square().mean(dim=-1)
        raise ValueError(f"there is no figure '{name}' of {self._science.target}")

    def _choices(self) -> Choices:
        choices = self._science.choices(self._outputs)
        assert choices is not None
        return choices

    def _errors(self) -> Tensor:
        return self._outputs.double() - self._labels.double()

    def _right_and_there(self) -> tuple[Tensor, Tensor]:
        """How often each name is there and said, and how often it is there, float64 (examples, names)."""
        picked, labels = self._choices().picked, self._labels
        right = picked * labels if picked.dim() == 2 else torch.where(picked == labels, picked, -1)
        return self._counted(right), self._counted(labels)

    def _said(self) -> Tensor:
        return self._counted(self._choices().picked)

    def _counted(self, named: Tensor) -> Tensor:
        """How often each name is named in the rows of each example, or of each group of examples where there
        are too many; -1 names nothing."""
        groups, group = self._groups
        names = len(self._names)
        if named.dim() == 2:
            return torch.zeros(groups, names, dtype=torch.float64).index_add(0, group, named.double())
        counted = torch.bincount((group * names + named)[named >= 0], minlength=groups * names)
        return counted.view(groups, names).double()

    @cached_property
    def _groups(self) -> tuple[int, Tensor]:
        """How many there are, and of which each row is; the same of all networks."""
        known, example = np.unique(self._examples.numpy(), return_inverse=True)
        groups = len(known)
        if groups > MOST_EXAMPLES:
            example = (np.random.default_rng(0).permutation(groups) % MOST_EXAMPLES)[example]
            groups = MOST_EXAMPLES
        return groups, torch.from_numpy(example)

    def _by_name(self, *counted: Tensor, of: Of) -> Sums:
        return Sums(torch.cat(counted, dim=1).numpy(), of, len(np.unique(self._examples.numpy())))

    def _of_class(self, number: int) -> Sums:
        picked, labels = self._choices().picked, self._labels
        said, there = (
            (side[:, number] == 1 if side.dim() == 2 else side == number).double().unsqueeze(1)
            for side in (picked, labels)
        )
        sums = self._summed(said * there, there, of=_mean)
        return Sums(sums.columns, sums.of, int((sums.columns[:, 1] > 0).sum()))

    def _of_worst_class(self) -> Sums:
        return self._by_name(*self._right_and_there(), of=_least_recall)

    def _calibration(self) -> Sums:
        confidence = self._choices().confidence
        gaps = F.one_hot(calibration_bin(confidence), CALIBRATION_BINS).double()
        gaps = gaps * (self._choices().right(self._labels).double() - confidence).unsqueeze(1)
        return self._summed(gaps, torch.ones(len(gaps), 1, dtype=torch.float64), of=_calibration_error)

    def _entities(self) -> Sums:
        """Whole entities lie within an example: their numbers are counted by example at once."""
        counts = entity_counts(self._choices().picked, self._labels, self._examples, self._names)
        columns = np.array([counts[example] for example in sorted(counts)], dtype=np.float64)
        return Sums(columns, _entity_f1, len(columns))

    def _averaged(self, values_N: Tensor, *, of: Of) -> Sums:
        weights = torch.ones(len(values_N), 1, dtype=torch.float64)
        return self._summed(values_N.unsqueeze(1), weights, of=of)

    def _summed(self, *columns_NK: Tensor, of: Of) -> Sums:
        """Columns of rows, summed over the rows of each example."""
        columns = torch.cat(columns_NK, dim=1)
        known, example = np.unique(self._examples.numpy(), return_inverse=True)
        if len(known) < len(columns):
            summed = torch.zeros(len(known), columns.shape[1], dtype=torch.float64)
            columns = summed.index_add(0, torch.from_numpy(example), columns)
        return Sums(columns.numpy(), of, len(known))


def _mean(sums: Figures) -> Figure:
    return _share(sums[:, 0], sums[:, 1])


def _root_of_mean(sums: Figures) -> Figure:
    root: Figure = np.sqrt(_mean(sums))
    return root


def _mean_recall(sums: Figures) -> Figure:
    right, there = np.split(sums, 2, axis=1)
    return _mean_of_those_there(_share(right, there), there)


def _least_recall(sums: Figures) -> Figure:
    right, there = np.split(sums, 2, axis=1)
    least = np.where(there > 0, _share(right, there), np.inf).min(axis=1)
    return np.where(np.isinf(least), np.nan, least)


def _macro_f1(sums: Figures) -> Figure:
    right, there, said = np.split(sums, 3, axis=1)
    return _mean_of_those_there(_share(2 * right, there + said), there)


def _micro_f1(sums: Figures) -> Figure:
    right, there, said = (side.sum(axis=1) for side in np.split(sums, 3, axis=1))
    return np.nan_to_num(_share(2 * right, there + said))


def _calibration_error(sums: Figures) -> Figure:
    return _share(np.abs(sums[:, :-1]).sum(axis=1), sums[:, -1])


def _entity_f1(sums: Figures) -> Figure:
    return np.nan_to_num(_share(2 * sums[:, 0], sums[:, 1]), nan=1.0)


def _mean_of_those_there(figures: Figures, there: Figures) -> Figure:
    return _share(np.where(there > 0, figures, 0.0).sum(axis=1), (there > 0).sum(axis=1))


def _share(part: Figures, whole: Figures) -> Figures:
    """NaN where there is nothing to have a share of."""
    nothing = np.full(part.shape, np.nan)
    share: Figures = np.divide(part, whole, out=nothing, where=whole > 0)
    return share
