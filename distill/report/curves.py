"""The figures of all runs over their updates, thinned."""

from typing import Any

from distill.history import History

POINTS_OF_A_CURVE = 200
POINTS_OF_ALL = 20_000
LEAST_POINTS = 30
DIGITS = 6


def curves(history: History) -> list[dict[str, Any]]:
    """`{run, name, points: [[update, value], ...]}` of each name of each run. Where a job has very many,
    each is thinned further."""
    names = list(history.names())
    most = max(LEAST_POINTS, min(POINTS_OF_A_CURVE, POINTS_OF_ALL // max(1, len(names))))
    return [
        {"run": run, "name": name, "points": _rounded(thinned(history.curve(run, name), most))}
        for run, name in names
    ]


def thinned(points: list[tuple[int, float]], most: int = POINTS_OF_A_CURVE) -> list[tuple[int, float]]:
    """At most `most` points, the last among them."""
    every = -(-len(points) // most)
    return points[::-1][::every][::-1] if every > 1 else points


def _rounded(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    return [(step, float(f"{value:.{DIGITS}g}")) for step, value in points]
