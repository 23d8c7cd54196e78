"""Fewer points of a curve, with its peaks and valleys left in."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Point = TypeVar("Point")


def thin(points: Sequence[Point], *, at_most: int, value: Callable[[Point], float]) -> list[Point]:
    """At most `at_most` of `points`, in order: the first, the last, and of each stretch between
    them the lowest and the highest.

    With fewer than four the ends alone are kept (of one, the last).
    """
    if len(points) <= at_most:
        return list(points)
    if at_most < 4:
        return [points[0], points[-1]][-at_most:]
    inner = range(1, len(points) - 1)
    stretches = (at_most - 2) // 2
    kept = {0, len(points) - 1}
    for number in range(stretches):
        stretch = inner[len(inner) * number // stretches : len(inner) * (number + 1) // stretches]
        kept.add(min(stretch, key=lambda index: value(points[index])))
        kept.add(max(stretch, key=lambda index: value(points[index])))
    return [points[index] for index in sorted(kept)]
