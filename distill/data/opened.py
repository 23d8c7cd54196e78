"""One split of a dataset as tensors, read from what `distill.data.canonical` wrote."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from distill.config.networks import Dataset, Split
from distill.config.tasks import Task


@dataclass(frozen=True)
class SplitData:
    """The examples of one split.

    `inputs` are uint8 or float32 (n, ...), n texts, or where words have tags n lists of words;
    `labels` as `distill.config.networks.Dataset` says, of tags int64 (words,), those of one text after
    those of the other; `rows` int64 (n,) number the examples as the source does; `content_hashes` uint8
    (n, 32).
    """

    task: Task
    inputs: Tensor | list[str] | list[list[str]]
    labels: Tensor
    rows: Tensor
    content_hashes: Tensor

    def __len__(self) -> int:
        return len(self.rows)


def open_split(folder: Path, split: Split, dataset: Dataset) -> SplitData:
    """Read one split of `dataset` from `folder` into memory."""
    tensors = load_file(folder / split.file)
    inputs: Tensor | list[str] | list[list[str]]
    if dataset.input.kind == "text":
        inputs = _texts(tensors["text_bytes"], tensors["text_offsets"])
        if "word_offsets" in tensors:
            inputs = [inputs[start:end] for start, end in pairwise(tensors["word_offsets"].tolist())]
    else:
        inputs = tensors["image" if dataset.input.kind == "image" else "features"]
    return SplitData(dataset.task, inputs, tensors["label"], tensors["row"], tensors["content_hash"])


def _texts(data: Tensor, offsets: Tensor) -> list[str]:
    content = data.numpy().tobytes()
    edges = offsets.tolist()
    return [content[start:end].decode() for start, end in pairwise(edges)]
