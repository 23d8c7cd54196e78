"""One split on disk, in the form that `distill.config.networks.Dataset` describes."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import file_digest
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from distill.config.networks import Dataset, Input, Split
from distill.data.examples import Array


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


def write_split(
    path: Path,
    *,
    input: Input,
    inputs: Array | list[str],
    labels: Array,
    rows: Array,
    hashes: Sequence[bytes],
    num_classes: int,
) -> Split:
    """Write one split and say what it holds. `labels` are class indices, -1 where unlabeled."""
    tensors = {
        "label": torch.from_numpy(labels.astype(np.int64)),
        "row": torch.from_numpy(rows.astype(np.int64)),
        "content_hash": torch.from_numpy(
            np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, 32).copy()
        ),
    }
    if isinstance(inputs, list):
        encoded = [text.encode() for text in inputs]
        offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        tensors["text_bytes"] = torch.from_numpy(np.frombuffer(b"".join(encoded), dtype=np.uint8).copy())
        tensors["text_offsets"] = torch.from_numpy(offsets)
    else:
        name = "image" if input.kind == "image" else "features"
        tensors[name] = torch.from_numpy(np.ascontiguousarray(inputs))
    save_file(tensors, path)
    labeled = labels[labels >= 0]
    return Split(
        file=path.name,
        sha256=file_sha256(path),
        examples=len(labels),
        labeled=len(labeled),
        class_counts=np.bincount(labeled, minlength=num_classes).tolist(),
    )


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _texts(data: Tensor, offsets: Tensor) -> list[str]:
    content = data.numpy().tobytes()
    edges = offsets.tolist()
    return [content[start:end].decode() for start, end in pairwise(edges)]
