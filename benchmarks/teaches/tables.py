"""Markdown tables, and the numbers in them."""

from collections.abc import Sequence
from statistics import mean, stdev


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def percent(share: float, *, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def spread(shares: Sequence[float]) -> str:
    """Mean and standard deviation, in percent."""
    return f"{100 * mean(shares):.1f} ± {100 * stdev(shares):.1f}"
