"""Three splits by content: stratified, and no example in more than one of them.

Within each stratum (a class, say), examples are ordered by their content hash and dealt out by the
shares, so that the same data gives the same splits whatever the order of its rows.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from distill.config.networks import SplitName

SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
DEFAULT_SHARES: dict[SplitName, float] = {"train": 0.7, "validation": 0.15, "test": 0.15}

MOST_PROTECTED_FIRST: tuple[SplitName, ...] = ("test", "validation", "train")
"""Of a duplicate across given splits, the copy in the more protected one is kept."""


@dataclass(frozen=True)
class Deal:
    """Positions of the examples of each split, in the order of the source, and what was left out."""

    positions: dict[SplitName, list[int]]
    duplicates: int
    """Examples left out since their content was there already."""
    duplicates_across_splits: int
    """Of these, how many the source had in more than one split."""
    conflicting_labels: int
    """Of these, how many carried another label than the copy that was kept."""


def deal(
    hashes: Sequence[bytes],
    labels: Sequence[Hashable | None],
    *,
    shares: dict[SplitName, float],
    strata: Sequence[Hashable | None] | None = None,
    assigned: Sequence[SplitName | None] | None = None,
) -> Deal:
    """Put every distinct example in one split.

    `strata` are by default the labels; what has none goes to train. `assigned` fixes the split of an
    example; a split that it never names is dealt from train by `shares`.
    """
    strata = labels if strata is None else strata
    given = list(assigned) if assigned is not None else [None] * len(hashes)
    kept, duplicates, across, conflicting = _distinct(hashes, labels, given)
    positions: dict[SplitName, list[int]] = {split: [] for split in SPLITS}
    missing = [split for split in SPLITS if shares.get(split, 0) > 0 and split not in given]
    by_stratum: dict[Hashable, list[int]] = defaultdict(list)
    for position in kept:
        stratum, split = strata[position], given[position]
        if stratum is None:
            positions["train"].append(position)
        elif split in ("validation", "test"):
            positions[split].append(position)
        else:
            by_stratum[stratum].append(position)
    free = {split: shares[split] for split in SPLITS if split == "train" or split in missing}
    for members in by_stratum.values():
        members.sort(key=lambda position: hashes[position])
        start = 0
        for split, count in _counts(len(members), free).items():
            positions[split].extend(members[start : start + count])
            start += count
    return Deal({split: sorted(found) for split, found in positions.items()}, duplicates, across, conflicting)


def _distinct(
    hashes: Sequence[bytes], labels: Sequence[Hashable | None], given: Sequence[SplitName | None]
) -> tuple[list[int], int, int, int]:
    """One position for each content: labeled before unlabeled, test before validation before train."""

    def worth(position: int) -> tuple[bool, int, int]:
        split = given[position] or "train"
        return labels[position] is None, MOST_PROTECTED_FIRST.index(split), position

    copies: dict[bytes, list[int]] = defaultdict(list)
    for position, content in enumerate(hashes):
        copies[content].append(position)
    kept: list[int] = []
    across = conflicting = 0
    for positions in copies.values():
        best, *others = sorted(positions, key=worth)
        kept.append(best)
        across += sum(given[other] != given[best] for other in others)
        conflicting += sum(labels[other] not in (None, labels[best]) for other in others)
    return kept, len(hashes) - len(kept), across, conflicting


def _counts(total: int, shares: dict[SplitName, float]) -> dict[SplitName, int]:
    """`total` examples of one stratum over the shares, by largest remainder.

    While there are enough, every split gets at least one; train first, then test.
    """
    whole = sum(shares.values())
    wanted = {split: total * share / whole for split, share in shares.items() if share > 0}
    counts = {split: int(amount) for split, amount in wanted.items()}
    by_remainder = sorted(wanted, key=lambda split: counts[split] - wanted[split])
    for split in by_remainder[: total - sum(counts.values())]:
        counts[split] += 1
    for split in ("train", "test", "validation"):
        if counts.get(split) == 0:
            richest = max(counts, key=lambda name: counts[name])
            if counts[richest] > 1 or (split == "train" and counts[richest] == 1):
                counts[richest] -= 1
                counts[split] = 1
    return counts
