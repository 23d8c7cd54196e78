"""A field between two axes."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.report.charts.shapes import Scale, Shape, Words, line, said, ticks

LEFT, RIGHT, TOP, BOTTOM = 46.0, 10.0, 8.0, 36.0


@dataclass(frozen=True)
class Frame:
    """Scales of both axes, and everything that is drawn of them."""

    x: Scale
    y: Scale
    shapes: list[Shape]
    words: list[Words]


def frame(
    xs: Sequence[float],
    ys: Sequence[float],
    *,
    width: float,
    height: float,
    x_title: str,
    y_title: str,
) -> Frame:
    """Axes that hold all of `xs` and `ys`, with their ticks, a grid and titles."""
    across, up = ticks(min(xs), max(xs)), ticks(min(ys), max(ys))
    x = Scale(across[0], across[-1], LEFT, width - RIGHT)
    y = Scale(up[0], up[-1], height - BOTTOM, TOP)
    shapes = [Shape(line([(LEFT, y(tick)), (width - RIGHT, y(tick))]), "grid") for tick in up]
    shapes.append(Shape(line([(LEFT, height - BOTTOM), (width - RIGHT, height - BOTTOM)]), "axis"))
    words = [Words(LEFT - 6, y(tick) + 4, said(tick), "end", "tick") for tick in up]
    for tick in across:
        end = "end" if tick == across[-1] and x(tick) > width - RIGHT - 12 else "middle"
        words.append(
            Words(x(tick) + (RIGHT if end == "end" else 0), height - BOTTOM + 15, said(tick), end, "tick")
        )
    words.append(Words((LEFT + width - RIGHT) / 2, height - 4, x_title, "middle", "title"))
    words.append(Words(11, (TOP + height - BOTTOM) / 2, y_title, "middle", "title", turned=True))
    return Frame(x, y, shapes, words)
