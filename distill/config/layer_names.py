"""The names by which a job asks for layers, and the nearest ones for a name that is none. Torch-free."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Literal

from distill.config.losses import OUTPUTS, LayerTerm, LossTerm
from distill.config.networks import Layer
from distill.config.problem import Problem

INPUT = ":input"
"""After the name of a layer: what it takes, instead of what it gives."""
OFFERED = 3

Side = Literal["student", "teacher"]


def names_of(layers: Iterable[Layer]) -> list[str]:
    """Every name that a job may use for something inside a network with these layers."""
    return [name for layer in layers for name in (layer.name, f"{layer.name}{INPUT}")] + [OUTPUTS]


def unknown_layers(
    losses: Sequence[LossTerm], names: Collection[str], *, side: Side, at: str
) -> Iterator[Problem]:
    """A problem for each layer that `losses` ask the student or the teacher for and that is not in `names`.

    `at` is the JSON pointer to `losses`.
    """
    for number, section in enumerate(losses):
        if not isinstance(section, LayerTerm) or section.layers == "auto":
            continue
        for place, pair in enumerate(section.layers):
            name: str = getattr(pair, side)
            if name not in names:
                yield Problem(
                    f"{at}/{number}/layers/{place}/{side}",
                    f"the {side} has no layer '{name}' that gives numbers for each example; "
                    f"{_offer(name, names)}",
                    "no_such_layer",
                )


def _offer(name: str, names: Collection[str]) -> str:
    """The nearest names; where none is near, the ends of the list: the first layers and the last."""
    if nearest := get_close_matches(name, names, n=OFFERED, cutoff=0.3):
        return f"nearest are: {', '.join(nearest)}"
    whole = [known for known in names if not known.endswith(INPUT)]
    if len(whole) > 2 * OFFERED:
        whole = [*whole[:OFFERED], "...", *whole[-OFFERED:]]
    return f"there are: {', '.join(whole)}"
