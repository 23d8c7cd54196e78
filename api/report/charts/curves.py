"""Figures over the updates of each run."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from api.report import words
from api.report.charts.frame import frame
from api.report.charts.shapes import Chart, Key, Shape, line, look_of, mark

WIDTH, HEIGHT = 360.0, 220.0
_TITLES = {
    "train.loss.total": "Training loss",
    "learning_rate": "Learning rate",
}


def curves(report: Mapping[str, Any]) -> list[Chart]:
    """Validation first, then the training loss, then how the losses share the student's gradient."""
    listed = report["curves"]
    shipped = _suffix(next((s["run"] for s in report["result"].get("seeds") or [] if s["shipped"]), ""))
    names = list(dict.fromkeys(curve["name"] for curve in listed))
    charts: list[Chart] = []
    for name in [*(n for n in names if n.startswith("validation.")), "train.loss.total"]:
        charts += _chart(name, [curve for curve in listed if curve["name"] == name], shipped)
    charts += _shares(listed)
    return charts


def _chart(name: str, of_name: Sequence[Mapping[str, Any]], shipped: str) -> Iterator[Chart]:
    """One figure of all runs; those of seeds that were not shipped are drawn thin, and below."""
    drawn = [(curve["run"], _finite(curve["points"])) for curve in of_name]
    drawn = [(run, points) for run, points in drawn if points]
    if not drawn:
        return
    title = _TITLES.get(name) or name.replace("validation.", "Validation: ")
    runs = {run for run, _ in drawn}
    of_seeds = {run for run in runs if f"{run.partition('.seed')[0]}.seed2" in runs}
    minor = {run for run in of_seeds if _suffix(run) != shipped}
    drawn.sort(key=lambda each: each[0] in minor)
    y_title = name.rpartition(".")[2] if name.startswith("validation.") else "loss"
    yield _lines(
        f"curve-{name.replace('.', '-')}",
        title,
        [(run, look_of(run), points) for run, points in drawn],
        y_title=y_title,
        minor=minor,
    )


def _suffix(run: str) -> str:
    """Of which seed a run is: `.seed2`, or nothing of the first."""
    return "".join(run.partition(".seed")[1:])


def _shares(listed: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    """How much of the gradient each loss of the student gives; where there are several."""
    prefix = "train.grad_share."
    found = [
        (curve["name"].removeprefix(prefix), _finite(curve["points"]))
        for curve in listed
        if curve["run"] == "student" and curve["name"].startswith(prefix)
    ]
    found = [(kind, points) for kind, points in found if points]
    if len(found) > 1:
        series = [(kind, f"loss-{number % 4}", points) for number, (kind, points) in enumerate(found)]
        yield _lines("curve-shares", "Share of the student's gradient", series, y_title="share")


def _lines(
    id: str,
    title: str,
    series: Sequence[tuple[str, str, list[tuple[float, float]]]],
    *,
    y_title: str,
    minor: Collection[str] = (),
) -> Chart:
    everything = [point for _, _, points in series for point in points]
    field = frame(
        [0, *(step for step, _ in everything)],
        [value for _, value in everything],
        width=WIDTH,
        height=HEIGHT,
        x_title="updates",
        y_title=y_title,
    )
    shapes = list(field.shapes)
    for name, look, points in reversed(series):
        thin = " minor" if name in minor else ""
        placed = [(field.x(step), field.y(value)) for step, value in points]
        shapes.append(Shape(line(placed), f"line {look}{thin}", words.run(name)))
        shapes.append(Shape(mark(look, *placed[-1]), f"mark {look}{thin}"))
    ends = [f"{words.run(name)} {words.number(points[-1][1])}" for name, _, points in series[:8]]
    keys = {look: Key(words.run(name.partition(".seed")[0]), look) for name, look, _ in reversed(series)}
    return Chart(
        id,
        title,
        f"{title} over updates. At the end: {', '.join(ends)}.",
        WIDTH,
        HEIGHT,
        shapes,
        field.words,
        list(keys.values())[::-1],
    )


def _finite(points: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    return [(step, value) for step, value in points if value is not None and math.isfinite(value)]
