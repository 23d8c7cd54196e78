"""Write one split in the form that `distill.config.networks.Dataset` describes. Torch-free, to start soon."""

from collections.abc import Sequence
from hashlib import file_digest
from itertools import chain
from pathlib import Path
from typing import cast

import numpy as np
from safetensors.numpy import save_file

from distill.config.networks import Input, Split
from distill.data.examples import Array, Inputs, are_words


def write_split(
    path: Path,
    *,
    input: Input,
    inputs: Inputs,
    labels: Array,
    rows: Array,
    hashes: Sequence[bytes],
    labeled: int,
    class_counts: list[int],
) -> Split:
    """Write one split and say what it holds. `labels` are as `Dataset` says for its task."""
    tensors: dict[str, Array] = {
        "label": np.ascontiguousarray(labels),
        "row": rows.astype(np.int64),
        "content_hash": np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(-1, 32),
    }
    if are_words(inputs):
        tensors |= _texts(list(chain.from_iterable(inputs)))
        tensors["word_offsets"] = np.cumsum([0, *map(len, inputs)], dtype=np.int64)
    elif isinstance(inputs, list):
        tensors |= _texts(cast("list[str]", inputs))
    else:
        name = "image" if input.kind == "image" else "features"
        tensors[name] = np.ascontiguousarray(inputs)
    save_file(tensors, path)
    return Split(
        file=path.name,
        sha256=file_sha256(path),
        examples=len(rows),
        labeled=labeled,
        class_counts=class_counts,
    )


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _texts(texts: list[str]) -> dict[str, Array]:
    encoded = [text.encode() for text in texts]
    return {
        "text_bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8),
        "text_offsets": np.cumsum([0, *map(len, encoded)], dtype=np.int64),
    }
