"""What every picture is made of. Places are in the units of the picture, from its upper left corner."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """An outline in the path language of SVG. `look` names classes of the style sheet."""

    path: str
    look: str
    title: str | None = None
    strength: float | None = None
    """How opaque it is filled, 0 to 1."""


@dataclass(frozen=True)
class Words:
    """A line of text: `anchor` is `start`, `middle` or `end`."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    look: str = ""
    title: str | None = None
    """The whole text, where it is cut."""
    turned: bool = False
    """Written upwards."""


@dataclass(frozen=True)
class Key:
    """An entry of the legend: told apart by its mark and its line, not by color alone."""

    name: str
    look: str


@dataclass(frozen=True)
class Chart:
    """One picture. The description says in a sentence what a reader sees in it."""

    id: str
    title: str
    description: str
    width: float
    height: float
    shapes: Sequence[Shape] = ()
    words: Sequence[Words] = ()
    legend: Sequence[Key] = field(default=())


@dataclass(frozen=True)
class Scale:
    """From a figure to its place; it may run backwards, as upwards on a screen."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        reach = self.high - self.low
        part = (value - self.low) / reach if reach else 0.5
        return round(self.start + (self.end - self.start) * part, 2)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round figures, about so many, from at most `low` to at least `high`."""
    if not high > low:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


def said(value: float) -> str:
    """A figure at a tick."""
    if abs(value) >= 10_000:
        return f"{value / 1000:,.4g}k"
    return f"{value:,.4g}"


def room_for(names: Sequence[str], most: int) -> float:
    """The width that names need at the left of a picture, each cut after so many characters."""
    return 16 + 6.4 * min(most, max(map(len, names)))


def line(points: Iterable[Point]) -> str:
    """An open line through points."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points)


def bar(x: float, y: float, width: float, height: float) -> str:
    """A rectangle by its upper left corner."""
    return f"M{x:g} {y:g}h{width:g}v{height:g}h{-width:g}z"


MARKS = {"teacher": "square", "student": "circle", "control": "triangle", "argmax": "diamond"}


def look_of(run: str) -> str:
    """The class of a run in every picture: by what it is, whatever its seed."""
    if run.startswith("control.teacher_argmax"):
        return "argmax"
    kind = run.partition(".")[0]
    return kind if kind in MARKS else "between"


def mark(look: str, x: float, y: float, radius: float = 3.5) -> str:
    """The mark of a run around a point: each kind has an outline of its own."""
    r = radius
    match MARKS.get(look):
        case "square":
            return bar(round(x - r, 2), round(y - r, 2), 2 * r, 2 * r)
        case "circle":
            return f"M{x - r:g} {y:g}a{r:g} {r:g} 0 1 0 {2 * r:g} 0a{r:g} {r:g} 0 1 0 {-2 * r:g} 0z"
        case "triangle":
            return f"M{x:g} {y - r * 1.2:g}l{r * 1.2:g} {r * 2.1:g}h{-2.4 * r:g}z"
        case "diamond":
            d = r * 1.3
            return f"M{x:g} {y - d:g}l{d:g} {d:g}l{-d:g} {d:g}l{-d:g} {-d:g}z"
    return f"M{x - r:g} {y:g}h{2 * r:g}M{x:g} {y - r:g}v{2 * r:g}"
