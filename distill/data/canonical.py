"""Write one split in the form that `distill.config.networks.Dataset` describes. Torch-free, to start soon."""

from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from distill.config.networks import Input, Split
from distill.data.examples import Array


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
    tensors: dict[str, Array] = {
        "label": labels.astype(np.int64),
        "row": rows.astype(np.int64),
        "content_hash": np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, 32),
    }
    if isinstance(inputs, list):
        encoded = [text.encode() for text in inputs]
        offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        tensors["text_bytes"] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        tensors["text_offsets"] = offsets
    else:
        name = "image" if input.kind == "image" else "features"
        tensors[name] = np.ascontiguousarray(inputs)
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
