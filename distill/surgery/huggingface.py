"""A smaller transformer: encoder layers, and of each the feed-forward units with the largest weights.

Embeddings, pooler and head stay (Sanh et al., 2019, section 3), and so do the heads of the attention:
their size follows from the state, which all layers share.
"""

import re
from typing import Any

from torch import Tensor

from distill.surgery.cuts import Original, Weights, most_important, norm_of_units, share

_LAYER = re.compile(r"(?P<before>.*encoder\.layer\.)(?P<number>\d+)\.(?P<part>.*)")


def blocks(of: Original) -> int:
    """The layers of the encoder."""
    return int(of.config["num_hidden_layers"])


def needed(of: Original) -> dict[int, str]:
    """Any layer may go."""
    return {}


def smaller(of: Original, kept: list[int], width: float) -> dict[str, Any]:
    """The configuration of what is left."""
    return of.config | {"num_hidden_layers": len(kept), "intermediate_size": share(_units(of), width)}


def inherited(weights: Weights, of: Original, kept: list[int], width: float) -> Weights:
    """The weights of what is left, under its own names."""
    count = share(_units(of), width)
    left: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        found = _LAYER.fullmatch(name)
        if found is None:
            left[name] = tensor
        elif int(found["number"]) in kept:
            layer = f"{found['before']}{found['number']}."
            place = f"{found['before']}{kept.index(int(found['number']))}."
            left[place + found["part"]] = _cut(weights, layer, found["part"], count)
    return left


def _cut(weights: Weights, layer: str, part: str, count: int) -> Tensor:
    """One parameter of a layer, without the feed-forward units that go."""
    whole = weights[layer + part]
    if not part.startswith(("intermediate.dense.", "output.dense.weight")):
        return whole
    importance = norm_of_units(
        weights[f"{layer}intermediate.dense.weight"], weights[f"{layer}output.dense.weight"]
    )
    important = most_important(importance, count)
    return whole[:, important] if part.startswith("output.") else whole[important]


def _units(of: Original) -> int:
    return int(of.config["intermediate_size"] or 4 * of.config["hidden_size"])
