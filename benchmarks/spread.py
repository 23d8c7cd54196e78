"""How measurements are summed up: the median, and the quartiles on either side of it."""

import statistics
from collections.abc import Sequence


def summary(values: Sequence[float], *, unit: str = "") -> str:
    """`median unit [lower quartile - upper quartile]`."""
    low, _, high = quartiles(values)
    return f"{statistics.median(values):.3g} {unit}".rstrip() + f" [{low:.3g} - {high:.3g}]"


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
