"""What one dry forward tells of a network: its layers, what each gives, and what it is built of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from distill import models
from distill.config.losses import OUTPUTS
from distill.config.networks import Input
from distill.layers.dry_forward import Call, dry_forward

INPUT = ":input"
"""After the name of a layer: what it takes, instead of what it gives."""
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
        """What the network knows of an example before its head judges it: what the last linear layer
        takes. Where no such layer ends the network, its outputs."""
        return OUTPUTS if self.head is None else f"{self.head}{INPUT}"


def anatomy(module: nn.Module, seen: Input) -> Anatomy:
    """Take `module`, on whichever device it is, apart by showing it examples of `seen`.

    Nothing of it changes: see `dry_forward`. On the meta device nothing is computed either.
    """
    device = str(next(module.parameters()).device)
    calls = dry_forward(module, models.example_batch(seen, batch=BATCH, device=device))
    return Anatomy(
        features=dict(_features(calls)),
        encoder=tuple(_encoder(module)),
        blocks=tuple(_blocks(module, calls)),
        linears=tuple(call.name for call in calls if call.kind == "Linear"),
        head=_head(module, calls),
    )


def _features(calls: Sequence[Call]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for call in calls:
        named = (
            {call.name: call.gave, f"{call.name}{INPUT}": call.took} if call.name else {OUTPUTS: call.gave}
        )
        for name, tensor in named.items():
            if tensor is not None and _is_a_feature(tensor):
                yield name, tuple(tensor.shape[1:])


def _is_a_feature(tensor: Tensor) -> bool:
    """Whether it has real numbers for each example; the ids of tokens and the positions do not."""
    return tensor.is_floating_point() and tensor.dim() - 1 in FORMS and len(tensor) == BATCH


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


def _blocks(module: nn.Module, calls: Sequence[Call]) -> Iterator[str]:
    found: list[str] = []
    for name, part in module.named_modules():  # a block comes before what it holds
        convolves = any(isinstance(child, nn.Conv2d) for child in part.children())
        if name and convolves and not any(name.startswith(f"{outer}.") for outer in found):
            found.append(name)
    for call in calls:
        if call.name in found and call.gave is not None and call.gave.dim() == 4:
            yield call.name


def _head(module: nn.Module, calls: Sequence[Call]) -> str | None:
    """The layer that is called last, where it is linear, gives the outputs, and is not the whole network."""
    *inner, whole = calls
    parts = dict(module.named_modules())
    leaves = [call for call in inner if not any(parts[call.name].children())]
    learned = [call for call in leaves if any(parts[call.name].parameters())]
    if len(learned) < 2 or not isinstance(parts[leaves[-1].name], nn.Linear):
        return None
    last = leaves[-1].gave
    assert last is not None
    assert whole.gave is not None
    return leaves[-1].name if last.shape == whole.gave.shape else None
