"""What an export is made of, and what it is once it is made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from distill import models
from distill.config.exporting import TRANSFORMER
from distill.config.exports import Export
from distill.config.networks import Network, Preprocessing
from distill.config.tasks import TASKS
from distill.preprocess import Inputs, Preprocessor, view


class CannotExport(Exception):
    """There is no such file of this student here; the message says what is true and what to do."""


@dataclass(frozen=True, eq=False)
class Source:
    """A trained student, and the examples by which 8-bit ranges are found.

    `module` is on the CPU. `training` are the inputs of the train split as they are stored: images
    (n, channels, height, width) uint8 or float32, features (n, features) float32; of texts, tokens.
    """

    network: Network
    module: nn.Module
    tokenizer: Path | None
    training: Inputs
    seed: int

    @property
    def is_transformer(self) -> bool:
        return self.network.architecture == TRANSFORMER


@dataclass(frozen=True)
class Made:
    """An export in `folder`. `files` are relative to it, the main one first; of a text student,
    `tokenizer.json` of the student's own folder belongs beside them.

    `inputs` lists name, dtype, shape (None where any number will do), layout and range of each.
    `preprocessing` is the student's, and `where` of it says whether the file does it by itself.
    """

    export: Export
    folder: Path
    files: tuple[str, ...]
    inputs: list[dict[str, Any]]
    preprocessing: dict[str, Any]
    opset: int | None
    runtime: str
    calibration: dict[str, Any] | None = None


class AsStored(nn.Module):
    """A student from stored examples to answers in the units of its labels.

    Built afresh, so that neither hooks nor a mode of `source.module` come along. Three parts, because a
    rounded export leaves the first and the last in float32: `preprocessing`, `network`, `units`.
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        network = source.network
        self.preprocessing = _Prepared(network)
        with torch.random.fork_rng(devices=[]):
            self.network = models.build(
                network.architecture,
                network.config,
                input=view(network.input, network.preprocessing),
                num_outputs=network.num_outputs,
            )
        self.network.load_state_dict(source.module.state_dict(), strict=True)
        self.units = _Units(network)
        self.eval()

    def forward(self, *inputs: Tensor) -> Tensor:
        """Outputs (n, outputs), of tags (n, tokens, tags), for one tensor of images or features as they are
        stored, or for `input_ids` and `attention_mask`, int64 (n, tokens)."""
        outputs: Tensor = self.units(self.network(self.preprocessing(*inputs)))
        return outputs


class _Prepared(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        is_text = network.input.kind == "text"
        self._steps = None if is_text else Preprocessor(network.preprocessing, network.input)

    def forward(self, *inputs: Tensor) -> Inputs:
        if self._steps is None:
            return {"input_ids": inputs[0], "attention_mask": inputs[1]}
        return self._steps(inputs[0])


class _Units(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        scale = network.scale
        self.std = None if scale is None else nn.Buffer(torch.tensor(scale.std))
        self.mean = None if scale is None else nn.Buffer(torch.tensor(scale.mean))

    def forward(self, outputs: Tensor) -> Tensor:
        return outputs if self.std is None or self.mean is None else outputs * self.std + self.mean


def inputs_of(network: Network) -> list[dict[str, Any]]:
    """What a file that runs the network takes: examples as they are stored, or tokens."""
    taken = network.input
    if taken.kind == "text":
        form = {"dtype": "int64", "shape": [None, None], "layout": "NL"}
        return [
            {"name": "input_ids", **form, "range": None},
            {"name": "attention_mask", **form, "range": [0, 1]},
        ]
    return [
        {
            "name": taken.kind if taken.kind == "image" else "features",
            "dtype": taken.dtype,
            "shape": [None, *taken.shape],
            "layout": "NCHW" if taken.kind == "image" else "NF",
            "range": [0, 255] if taken.dtype == "uint8" else None,
        }
    ]


def output_of(network: Network) -> str:
    """What the file calls its answers."""
    match TASKS[network.task].target:
        case "number":
            return "values"
        case "embedding":
            return "embeddings"
    return "logits"


def preprocessing_of(network: Network, where: Literal["inside", "outside"]) -> dict[str, Any]:
    """The record of a result: what is done to an example, and whether the file does it."""
    steps: Preprocessing = network.preprocessing
    return {"where": where, **steps.model_dump(mode="json")}


def example_of(network: Network) -> tuple[Tensor, ...]:
    """Two examples of zeros, as the file takes them; texts of two words."""
    taken = network.input
    if taken.kind == "text":
        tokens = min(8, view(taken, network.preprocessing).shape[0])
        return torch.zeros((2, tokens), dtype=torch.int64), torch.ones((2, tokens), dtype=torch.int64)
    return (torch.zeros((2, *taken.shape), dtype=getattr(torch, taken.dtype)),)
