"""One split of a dataset as tensors, read from what `distill.data.canonical` wrote."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from distill.config.networks import Dataset, Split


@dataclass(frozen=True)
class SplitData:
    """The examples of one split.

    `inputs` are uint8 or float32 (n, ...), or n texts; `labels` int64 (n,), -1 where unlabeled;
    `rows` int64 (n,) number the examples as the source does; `content_hashes` uint8 (n, 32).
    """

    inputs: Tensor | list[str]
    labels: Tensor
    rows: Tensor
    content_hashes: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def open_split(folder: Path, split: Split, dataset: Dataset) -> SplitData:
    """Read one split of `dataset` from `folder` into memory."""
    tensors = load_file(folder / split.file)
    inputs: Tensor | list[str]
    if dataset.input.kind == "text":
        inputs = _texts(tensors["text_bytes"], tensors["text_offsets"])
    else:
        inputs = tensors["image" if dataset.input.kind == "image" else "features"]
    return SplitData(inputs, tensors["label"], tensors["row"], tensors["content_hash"])


def _texts(data: Tensor, offsets: Tensor) -> list[str]:
    content = data.numpy().tobytes()
    edges = offsets.tolist()
    return [content[start:end].decode() for start, end in pairwise(edges)]
