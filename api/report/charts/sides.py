"""Networks and names side by side: marks on a scale, with their intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.report import words
from api.report.charts.shapes import (
    Chart,
    Key,
    Scale,
    Shape,
    Words,
    line,
    look_of,
    mark,
    room_for,
    said,
    ticks,
)
from api.report.sides import incumbents

WIDTH, ROW, RIGHT, TOP = 360.0, 26.0, 52.0, 8.0
CHARACTERS = 20


@dataclass(frozen=True)
class Side:
    """One row: a figure, with its interval where there is one."""

    name: str
    look: str
    value: float
    low: float | None = None
    high: float | None = None


def main_figure(report: Mapping[str, Any]) -> Chart | None:
    """The main figure of every network and every export; None where only points of some are known."""
    result = report["result"]
    main = result.get("main_figure")
    if main is None:
        return None
    sides = list(_sides(report, main))
    low = min(side.value if side.low is None else side.low for side in sides)
    high = max(side.value if side.high is None else side.high for side in sides)
    across = ticks(low, high, 3)
    left = room_for([side.name for side in sides], CHARACTERS)
    x = Scale(across[0], across[-1], left, WIDTH - RIGHT)
    bottom = TOP + ROW * len(sides)
    shapes = [Shape(line([(x(tick), TOP), (x(tick), bottom)]), "grid") for tick in across]
    texts = [Words(x(tick), bottom + 15, said(tick), "middle", "tick") for tick in across]
    texts.append(Words((left + WIDTH - RIGHT) / 2, bottom + 31, main, "middle", "title"))
    for number, side in enumerate(sides):
        y = TOP + ROW * (number + 0.5)
        if side.low is not None and side.high is not None:
            shapes.append(Shape(line([(x(side.low), y), (x(side.high), y)]), f"whisker {side.look}"))
        shapes.append(Shape(mark(side.look, x(side.value), y, 4.5), f"mark {side.look}", side.name))
        texts.append(Words(left - 10, y + 4, words.cut(side.name, CHARACTERS), "end", "name", side.name))
        texts.append(Words(WIDTH - RIGHT + 8, y + 4, words.number(side.value), "start", "value"))
    listed = "; ".join(f"{side.name} {words.number(side.value)}" for side in sides)
    about = f"{main} on the test split, with 95% intervals: {listed}."
    return Chart("main-figure", f"{main} on test", about, WIDTH, bottom + 36, shapes, texts)


def _sides(report: Mapping[str, Any], main: str) -> list[Side]:
    result, known = report["result"], report["main_figures"] or {}
    networks = {run: result[run] for run in ("teacher", "student", "control") if result.get(run)}
    networks |= {f"control.{name}": each for name, each in (result.get("controls") or {}).items()}
    networks |= result.get("between") or {}
    sides = []
    for run, figures in networks.items():
        around = known.get(run) or {}
        sides.append(Side(words.run(run), look_of(run), figures[main], around.get("low"), around.get("high")))
    for model, name, figures in incumbents(result):
        around = known.get(model) or {}
        sides.append(Side(name, "between", figures[main], around.get("low"), around.get("high")))
    for format, export in (result.get("exports") or {}).items():
        figure = export.get(main) or {}
        if figure.get("value") is not None:
            sides.append(Side(format, "export", figure["value"], figure.get("low"), figure.get("high")))
    return sides


def names(per_name: Mapping[str, Any]) -> Chart:
    """What teacher and student reach on each class, tag, label or number; the gap between them is a line."""
    entries: Sequence[Mapping[str, Any]] = per_name["entries"]
    row, left = 20.0, room_for([str(entry["label"]) for entry in entries], CHARACTERS)
    runs = [run for run in ("teacher", "control", "student") if run in entries[0]]
    values = [entry[run] for entry in entries for run in runs]
    across = ticks(max(min(values), -1.0), max(values), 3)
    x = Scale(across[0], across[-1], left, WIDTH - RIGHT)
    bottom = TOP + row * len(entries)
    shapes = [Shape(line([(x(tick), TOP), (x(tick), bottom)]), "grid") for tick in across]
    texts = [Words(x(tick), bottom + 15, said(tick), "middle", "tick") for tick in across]
    texts.append(Words((left + WIDTH - RIGHT) / 2, bottom + 31, per_name["figure"], "middle", "title"))
    texts.append(Words(WIDTH, bottom + 31, "kept", "end", "title"))
    for number, entry in enumerate(entries):
        y = TOP + row * (number + 0.5)
        name = str(entry["label"])
        ends = [(x(max(entry[run], across[0])), y) for run in ("teacher", "student")]
        shapes.append(Shape(line(ends), "gap"))
        for run in runs:
            title = f"{run}: {words.number(entry[run])}"
            shapes.append(Shape(mark(run, x(max(entry[run], across[0])), y), f"mark {run}", title))
        texts.append(Words(left - 10, y + 4, words.cut(name, CHARACTERS), "end", "name", name))
        texts.append(Words(WIDTH, y + 4, words.share(entry["retention"]), "end", "value"))
    about = (
        f"The {per_name['figure']} of teacher and student for each name, and at the right what the student "
        "keeps of the teacher's."
    )
    keys = [Key(run, run) for run in runs]
    return Chart("names", "What the student keeps", about, WIDTH, bottom + 36, shapes, texts, keys)
