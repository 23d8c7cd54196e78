"""Which labels the student and its control may see, and in which space they are learned."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from distill.batches import View
from distill.config.job import Labels
from distill.config.networks import Scale
from distill.config.tasks import TASKS
from distill.rejection import Rejected
from distill.tasks import science_of
from distill.teachers import Teacher

AT_ONCE = 256
"""Examples of which the teacher makes labels at once."""


def with_fewer_labels(view: View, labels: Labels) -> tuple[View, Tensor]:
    """The view with only so many labels, and the rows that keep theirs, int64, in rising order.

    Of classes each keeps the same share, at least one; of tagged texts those of each most frequent tag
    do. Numbers and sets of labels are drawn from all alike.

    Raises:
        Rejected: `too_few_labels`, where there is not one for each class.
    """
    labeled = view.labeled_rows()
    if labels.count is None and labels.fraction is None:
        return view, labeled
    group_of_each = _groups(view, labeled)
    groups, sizes = _sizes(group_of_each)
    at_least = len(groups) if TASKS[view.task].target == "class" else 1
    count = labels.count or max(at_least, round((labels.fraction or 1) * len(labeled)))
    if count < at_least:
        raise Rejected(
            "too_few_labels",
            "user",
            f"{count} labels cannot name {len(groups)} classes",
            f"set labels.count to {len(groups)} or more",
            {"pointer": "/labels"},
        )
    if count < len(groups):
        group_of_each = torch.zeros_like(group_of_each)
        groups, sizes = _sizes(group_of_each)
    generator = torch.Generator().manual_seed(labels.seed)
    shares = _shares(sizes, min(count, len(labeled)))
    chosen = []
    for group, share in zip(groups, shares, strict=True):
        rows = labeled[group_of_each == group]
        chosen.append(rows[torch.randperm(len(rows), generator=generator)[:share]])
    seen = torch.cat(chosen).sort().values
    visible = science_of(view.task).hidden(view.labels)
    visible[seen] = view.labels[seen]
    return replace(view, labels=visible), seen


def scale_of(view: View) -> Scale:
    """Mean and standard deviation of each number among the labels of `view`; of one that never varies
    1, so that it keeps its differences."""
    numbers = view.labels[view.labeled_rows()].double()
    std = numbers.std(dim=0, correction=0)
    return Scale(mean=numbers.mean(dim=0).tolist(), std=torch.where(std > 1e-12, std, 1.0).tolist())


def standardized(view: View, scale: Scale | None) -> View:
    """The view with labels in the space in which networks are trained; as it is without a scale."""
    if scale is None:
        return view
    mean, std = (torch.tensor(numbers, dtype=torch.float64) for numbers in (scale.mean, scale.std))
    return replace(view, labels=((view.labels.double() - mean) / std).float())


def answered_by(teacher: Teacher, view: View, heed: Callable[[], None] = lambda: None) -> View:
    """The view whose labels are what the teacher says of each example: float32 (n, outputs).

    `heed` is called between batches; what it raises ends this.
    """
    answers = []
    for rows in torch.split(torch.arange(len(view)), AT_ONCE):
        heed()
        answers.append(teacher(view.batch(rows)[0]).outputs.float().cpu())
    return replace(view, labels=torch.cat(answers))


def _sizes(group_of_each: Tensor) -> tuple[list[int], list[int]]:
    """Every group that is there, and how many rows it has."""
    sizes = group_of_each.bincount()
    groups = sizes.nonzero().flatten()
    return groups.tolist(), sizes[groups].tolist()


def _groups(view: View, labeled: Tensor) -> Tensor:
    """Of each labeled row, the group whose share is kept: int64 (labeled,)."""
    labels = view.labels[labeled]
    match TASKS[view.task].target:
        case "class":
            return labels
        case "tag":
            return _usual_tag(labels)
    return torch.zeros(len(labeled), dtype=torch.int64)


def _usual_tag(labels: Tensor) -> Tensor:
    """The most frequent tag of each text, from int64 (n, L), -1 where there is none."""
    tags = int(labels.max()) + 1
    counts = torch.zeros(len(labels), tags + 1, dtype=torch.int64)
    counts.scatter_add_(1, labels + 1, torch.ones_like(labels))
    return counts[:, 1:].argmax(dim=1)


def _shares(sizes: list[int], count: int) -> list[int]:
    """`count` dealt in proportion to `sizes`, at least 1 each, by largest remainder."""
    exact = [count * size / sum(sizes) for size in sizes]
    shares = [max(1, int(part)) for part in exact]
    while sum(shares) > count:
        shares[max((i for i in range(len(shares)) if shares[i] > 1), key=lambda i: shares[i] - exact[i])] -= 1
    while sum(shares) < count:
        open_groups = [i for i in range(len(shares)) if shares[i] < sizes[i]]
        shares[max(open_groups, key=lambda i: exact[i] - shares[i])] += 1
    return shares
