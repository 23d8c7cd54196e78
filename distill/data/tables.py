"""What people see of a dataset: each split as a parquet table, and a few examples."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from distill.data.examples import Array, Inputs, are_words
from distill.data.targets import Targets

ROWS_AT_ONCE = 4096
PREVIEWED_CHARACTERS = 500
PREVIEWED_WORDS = 100


def write_table(
    path: Path, *, inputs: Inputs, labels: pa.Array, rows: Array, hashes: Sequence[bytes]
) -> None:
    """`row`, `content_hash` (hexadecimal), `label` (null where unlabeled), and the input.

    The label is a class index, a list of those that hold, a number or a list of them, or a list of the
    indices of tags. The input is `text`; `words`; `image`, a PNG of the uint8 pixels; or `features`,
    float32 (of a float image: flattened, channel by channel).
    """
    name, kind = _column(inputs)
    schema = pa.schema(
        [("row", pa.int64()), ("content_hash", pa.string()), ("label", labels.type), (name, kind)]
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            writer.write_batch(
                pa.record_batch(
                    [
                        pa.array(rows[part], pa.int64()),
                        pa.array([content.hex() for content in hashes[part]], pa.string()),
                        labels[part],
                        _cells(inputs[part], kind),
                    ],
                    schema=schema,
                )
            )


def previews(
    *, inputs: Inputs, rows: Array, targets: Targets, positions: Sequence[int]
) -> list[dict[str, Any]]:
    """A few of the examples at `positions`: `row`, `label` (in words or numbers), and `image`, `text`,
    `words` or `features`."""
    return [
        {"row": int(rows[position]), "label": targets.shown(position), **_shown(inputs[position])}
        for position in targets.worth_showing(positions)
    ]


def _shown(example: Array | str | list[str]) -> dict[str, Any]:
    if isinstance(example, str):
        return {"text": example[:PREVIEWED_CHARACTERS]}
    if isinstance(example, list):
        return {"words": [word[:PREVIEWED_CHARACTERS] for word in example[:PREVIEWED_WORDS]]}
    if example.dtype == np.uint8:
        return {"image": "data:image/png;base64," + base64.b64encode(png(example)).decode()}
    return {"features": [float(value) for value in example.ravel()[:100]]}


def _column(inputs: Inputs) -> tuple[str, pa.DataType]:
    if are_words(inputs):
        return "words", pa.list_(pa.string())
    if isinstance(inputs, list):
        return "text", pa.string()
    if inputs.dtype == np.uint8:
        return "image", pa.binary()
    return "features", pa.list_(pa.float32())


def _cells(inputs: Inputs, kind: pa.DataType) -> pa.Array:
    if isinstance(inputs, list):
        return pa.array(inputs, kind)
    if inputs.dtype == np.uint8:
        return pa.array([png(example) for example in inputs], kind)
    flat = inputs.reshape(len(inputs), -1)
    offsets = pa.array(np.arange(len(flat) + 1) * flat.shape[1], pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(flat.ravel(), pa.float32()))


def png(pixels: Array) -> bytes:
    """uint8 (channels, height, width) with 1, 3 or 4 channels as a PNG, without loss."""
    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
