"""Which labels the student and its control may see."""

from dataclasses import replace

import torch
from torch import Tensor

from distill.batches import View
from distill.config.job import Labels
from distill.rejection import Rejected


def with_fewer_labels(view: View, labels: Labels) -> tuple[View, Tensor]:
    """The view with only so many labels, the same share of each class, at least one a class."""
    labeled = view.labeled_rows()
    if labels.count is None and labels.fraction is None:
        return view, labeled
    sizes_of_all = view.labels[labeled].bincount()
    classes = sizes_of_all.nonzero().flatten()
    sizes = sizes_of_all[classes]
    count = labels.count or max(len(classes), round((labels.fraction or 1) * len(labeled)))
    if count < len(classes):
        raise Rejected(
            "too_few_labels",
            "user",
            f"{count} labels cannot name {len(classes)} classes",
            f"set labels.count to {len(classes)} or more",
            {"pointer": "/labels"},
        )
    generator = torch.Generator().manual_seed(labels.seed)
    shares = _shares(sizes.tolist(), min(count, len(labeled)))
    chosen = []
    for label, share in zip(classes.tolist(), shares, strict=True):
        rows = labeled[view.labels[labeled] == label]
        chosen.append(rows[torch.randperm(len(rows), generator=generator)[:share]])
    seen = torch.cat(chosen).sort().values
    visible = torch.full_like(view.labels, -1)
    visible[seen] = view.labels[seen]
    return replace(view, labels=visible), seen


def _shares(sizes: list[int], count: int) -> list[int]:
    """`count` dealt in proportion to `sizes`, at least 1 each, by largest remainder."""
    exact = [count * size / sum(sizes) for size in sizes]
    shares = [max(1, int(part)) for part in exact]
    while sum(shares) > count:
        shares[max((i for i in range(len(shares)) if shares[i] > 1), key=lambda i: shares[i] - exact[i])] -= 1
    while sum(shares) < count:
        open_classes = [i for i in range(len(shares)) if shares[i] < sizes[i]]
        shares[max(open_classes, key=lambda i: exact[i] - shares[i])] += 1
    return shares
