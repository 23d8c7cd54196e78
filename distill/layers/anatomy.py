"""What one dry forward tells of a network: its layers, what each gives, and what it is built of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn

from distill import models
from distill.config.layer_names import INPUT
from distill.config.losses import OUTPUTS
from distill.config.networks import Input
from distill.models.dry_forward import Call, Glimpse, dry_forward

BATCH = 2
"""More than one example, so that what has no batch dimension can be told from what has."""

Form = Literal["vector", "sequence", "map"]
FORMS: dict[int, Form] = {1: "vector", 2: "sequence", 3: "map"}
"""By the rank of a feature without its batch dimension: (features,), (tokens, features), or
(channels, height, width)."""


@dataclass(frozen=True)
class SelfAttention:
    """`{name}.query`, `{name}.key` and `{name}.value` give (B, tokens, heads * head_size)."""

    name: str
    heads: int
    head_size: int


@dataclass(frozen=True)
class EncoderLayer:
    """One layer of a transformer."""

    name: str
    attention: SelfAttention


@dataclass(frozen=True)
class Anatomy:
    """The inside of a network. Names are paths of modules, in the order in which they are done."""

    features: Mapping[str, tuple[int, ...]]
    """The shape, without the batch dimension, of everything that a tap may ask for: what each layer
    gives by its name, what it takes by `name:input`, and the network's own `outputs`."""
    learned: frozenset[str]
    """Those of the features that depend on parameters; the others are what the network is shown."""
    encoder: tuple[EncoderLayer, ...]
    """The layers of a transformer; of another network, none."""
    blocks: tuple[str, ...]
    """Layers that hold a convolution of their own and give a feature map, the outermost ones."""
    linears: tuple[str, ...]
    head: str | None
    """The linear layer that judges what others found: its outputs are the network's own."""

    def form(self, name: str) -> Form:
        """What kind of feature `name` is."""
        return FORMS[len(self.features[name])]

    @property
    def embedding(self) -> str:
        """What the network knows of an example before its head judges it; without a head, its outputs."""
        return OUTPUTS if self.head is None else f"{self.head}{INPUT}"


def anatomy(module: nn.Module, seen: Input) -> Anatomy:
    """Take `module` apart, where it is, by showing it two examples of `seen`, which is what it takes.

    Nothing of it changes; on the meta device nothing is computed.
    """
    calls = dry_forward(module, models.example_batch(seen, batch=BATCH, device=models.device_of(module)))
    features = dict(_features(calls))
    return Anatomy(
        features={name: glimpse.shape[1:] for name, glimpse in features.items()},
        learned=frozenset(name for name, glimpse in features.items() if glimpse.learns),
        encoder=tuple(_encoder(module)),
        blocks=tuple(_blocks(module, features)),
        linears=tuple(call.name for call in calls if call.kind == "Linear"),
        head=_head(module, calls),
    )


def _features(calls: Sequence[Call]) -> Iterator[tuple[str, Glimpse]]:
    """What has real numbers for each example. Of a layer that is called several times, the last call."""
    for call in calls:
        taken = {f"{call.name}{INPUT}": call.took} if call.name else {}
        for name, glimpse in {call.name or OUTPUTS: call.gave, **taken}.items():
            if glimpse and glimpse.is_real and len(glimpse.shape) - 1 in FORMS and glimpse.shape[0] == BATCH:
                yield name, glimpse


def _encoder(module: nn.Module) -> Iterator[EncoderLayer]:
    """The members of numbered lists that each hold one self-attention."""
    for path, part in module.named_modules():
        if not isinstance(part, nn.ModuleList):
            continue
        for number, member in enumerate(part):
            name = f"{path}.{number}"
            attentions = [*_attentions(member, name)]
            if len(attentions) == 1:
                yield EncoderLayer(name, attentions[0])


def _attentions(module: nn.Module, path: str) -> Iterator[SelfAttention]:
    for name, part in module.named_modules(prefix=path):
        query, heads = getattr(part, "query", None), getattr(part, "num_attention_heads", None)
        if isinstance(query, nn.Linear) and heads and hasattr(part, "key") and hasattr(part, "value"):
            yield SelfAttention(name, heads, query.out_features // heads)


def _blocks(module: nn.Module, features: Mapping[str, Glimpse]) -> list[str]:
    holders = [
        name
        for name, part in module.named_modules()
        if name and any(isinstance(child, nn.Conv2d) for child in part.children())
    ]
    outermost = [name for name in holders if not any(name.startswith(f"{outer}.") for outer in holders)]
    return [name for name, glimpse in features.items() if name in outermost and len(glimpse.shape) == 4]


def _head(module: nn.Module, calls: Sequence[Call]) -> str | None:
    *inner, whole = calls
    parts = dict(module.named_modules())
    last = next((call for call in reversed(inner) if not any(parts[call.name].children())), None)
    if last is None or not isinstance(parts[last.name], nn.Linear) or not (last.took and last.took.learns):
        return None
    assert last.gave is not None
    assert whole.gave is not None
    return last.name if last.gave.shape == whole.gave.shape else None
