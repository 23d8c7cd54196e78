"""What a request says about its splits: shares, or a column that names the split of each row."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from distill.config.networks import SplitName
from distill.data.splits import DEFAULT_SHARES, SPLITS
from distill.rejection import Rejected

SPELLINGS: dict[str, SplitName] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def requested_shares(split: dict[str, Any]) -> dict[SplitName, float]:
    """The shares that the request gives, adding up to 1; the default where it gives none.

    Raises:
        Rejected: `invalid_split`, or `not_available_yet` for files.
    """
    shares = {name: value for name, value in split.items() if name != "column"}
    if "files" in shares or any(isinstance(value, str) for value in shares.values()):
        raise Rejected(
            "not_available_yet",
            "user",
            "one file for each split is not available in this version yet",
            "give shares, or a column that names the split of each row",
        )
    if not shares:
        return DEFAULT_SHARES
    unknown = sorted(set(shares) - set(SPLITS))
    numbers = all(
        isinstance(value, int | float) and isfinite(value) and value > 0 for value in shares.values()
    )
    if unknown or set(shares) != set(SPLITS) or not numbers or abs(sum(shares.values()) - 1) > 1e-6:
        raise Rejected(
            "invalid_split",
            "user",
            "the shares of train, validation and test must be above 0 and add up to 1",
            "for example split: {train: 0.7, validation: 0.15, test: 0.15}",
        )
    return {name: float(shares[name]) for name in SPLITS}


def assigned_splits(names: Sequence[str | None] | None) -> list[SplitName | None] | None:
    """The split that the source gives each example, whatever its usual spelling."""
    if names is None:
        return None
    unknown = next((name for name in names if name is not None and name.lower() not in SPELLINGS), None)
    if unknown is not None:
        raise Rejected(
            "invalid_split",
            "data",
            f"the column of splits says '{unknown[:40]}'",
            "it may say train, validation or test",
        )
    return [None if name is None else SPELLINGS[name.lower()] for name in names]
