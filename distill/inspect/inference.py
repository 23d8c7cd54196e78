"""What architecture a list of shapes could be: guessed from shapes and, for some, from names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from distill.config.networks import Input
from distill.inspect.tensors import Shapes

COMMON_SIDES = (8, 16, 28, 32, 64, 224)
MOST_LAYERS = 1000
RESNET_BLOCK = re.compile(r"layer([1-4])\.(\d+)\.conv1\.weight$")
BERT_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")


@dataclass(frozen=True)
class Guess:
    """An architecture that may have these shapes; `seen` is what its first layer would see."""

    architecture: str
    config: dict[str, Any]
    seen: Input
    num_outputs: int


def guesses(shapes: Shapes, seen: Input | None) -> Iterator[Guess]:
    """Every architecture worth comparing with `shapes`; `seen` where the input is known."""
    yield from _mlp(shapes, seen)
    yield from _cnn(shapes, seen)
    yield from _resnet(shapes, seen)
    yield from _bert(shapes)


def _mlp(shapes: Shapes, seen: Input | None) -> Iterator[Guess]:
    """A chain of matrices: what one gives, the next takes; hidden layers of one width."""
    matrices = _in_order(shapes, dimensions=2)
    if not 1 <= len(matrices) <= MOST_LAYERS:
        return
    width = matrices[0][0] if len(matrices) > 1 else 64
    features, outputs = matrices[0][1], matrices[-1][0]
    if min(width, features, outputs) < 1:
        return
    tabular = Input(kind="tabular", shape=[features], dtype="float32")
    takes = seen if seen is not None and seen.kind != "text" else tabular
    yield Guess("mlp", {"depth": len(matrices), "width": width}, takes, outputs)


def _cnn(shapes: Shapes, seen: Input | None) -> Iterator[Guess]:
    """A chain of 3x3 convolutions and one matrix. Where it halves depends on the size of the image."""
    kernels = _in_order(shapes, dimensions=4)
    matrices = _in_order(shapes, dimensions=2)
    if not 1 <= len(kernels) < MOST_LAYERS or len(matrices) != 1 or any(k[2:] != (3, 3) for k in kernels):
        return
    config = {"depth": len(kernels) + 1, "width": kernels[0][0]}
    if min(*kernels[0], matrices[0][0]) < 1:
        return
    known = [seen.shape[1:]] if seen is not None and seen.kind == "image" else [[s, s] for s in COMMON_SIDES]
    for sides in known:
        takes = Input(kind="image", shape=[kernels[0][1], *sides], dtype="float32")
        yield Guess("cnn", config, takes, matrices[0][0])


def _resnet(shapes: Shapes, seen: Input | None) -> Iterator[Guess]:
    """By torchvision's names for the blocks; the stem by the size of its kernel."""
    stem = next((shape for name, shape in shapes.items() if re.fullmatch(r".*\bconv1\.weight", name)), None)
    head = _in_order(shapes, dimensions=2)
    blocks: dict[int, int] = {}
    for name in shapes:
        if match := RESNET_BLOCK.search(name):
            stage = int(match[1])
            blocks[stage] = max(blocks.get(stage, 0), min(int(match[2]), 200) + 1)
    if stem is None or len(stem) != 4 or not head or sorted(blocks) != list(range(1, len(blocks) + 1)):
        return
    if not blocks or min(*stem, head[-1][0]) < 1 or max(blocks.values()) > 200:
        return
    config = {
        "block": "bottleneck" if any(name.endswith("layer1.0.conv3.weight") for name in shapes) else "basic",
        "layers": [blocks[stage] for stage in sorted(blocks)],
        "width": stem[0],
        "stem": "imagenet" if stem[2] == 7 else "cifar",
    }
    side = 224 if stem[2] == 7 else 32
    sides = seen.shape[1:] if seen is not None and seen.kind == "image" else [side, side]
    yield Guess("resnet", config, Input(kind="image", shape=[stem[1], *sides], dtype="float32"), head[-1][0])


def _bert(shapes: Shapes) -> Iterator[Guess]:
    def shape_of(ending: str) -> tuple[int, ...]:
        return next((shape for name, shape in shapes.items() if name.endswith(ending)), ())

    words = shape_of("embeddings.word_embeddings.weight")
    positions = shape_of("embeddings.position_embeddings.weight")
    types = shape_of("embeddings.token_type_embeddings.weight")
    inner = shape_of("intermediate.dense.weight")
    outputs = shape_of("classifier.weight")
    head = "embedding" if not outputs else "sequence" if shape_of("pooler.dense.weight") else "token"
    numbers = [int(match[1]) for name in shapes if (match := BERT_LAYER.search(name)) and len(match[1]) < 4]
    if not numbers or any(len(shape) != 2 or min(shape) < 1 for shape in (words, positions, types, inner)):
        return
    config = {
        "model_type": "bert",
        "head": head,
        "vocab_size": words[0],
        "hidden_size": words[1],
        "num_hidden_layers": max(numbers) + 1,
        "intermediate_size": inner[0],
        "max_position_embeddings": positions[0],
        "type_vocab_size": types[0],
    }
    seen = Input(kind="text", shape=[min(positions[0], 128)], dtype="int64")
    last = outputs or shape_of("projection.weight") or words[1:]
    yield Guess("huggingface", config, seen, max(1, last[0]))


def _in_order(shapes: Shapes, *, dimensions: int) -> list[tuple[int, ...]]:
    """Shapes of the weights with so many dimensions, by name, numbers in names as numbers."""
    found = [name for name, shape in shapes.items() if len(shape) == dimensions]
    return [shapes[name] for name in sorted(found, key=_natural)]


def _natural(name: str) -> list[tuple[int, str]]:
    return [
        (int(part) if part.isdigit() and len(part) < 10 else -1, part) for part in re.split(r"(\d+)", name)
    ]
