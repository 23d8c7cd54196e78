"""What people see of a dataset: each split as a parquet table, and a few examples of each class."""

import base64
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from distill.data.examples import Array

ROWS_AT_ONCE = 4096
PREVIEWS_PER_CLASS = 3
PREVIEWED_CLASSES = 100
PREVIEWED_CHARACTERS = 500


def write_table(
    path: Path, *, inputs: Array | list[str], labels: Array, rows: Array, hashes: Sequence[bytes]
) -> None:
    """`row`, `content_hash` (hexadecimal), `label` (class index, null where unlabeled), and the input.

    `text`; `image`, a PNG of the uint8 pixels; or `features`, float32 (of a float image: flattened,
    channel by channel).
    """
    name, kind = _column(inputs)
    schema = pa.schema(
        [("row", pa.int64()), ("content_hash", pa.string()), ("label", pa.int64()), (name, kind)]
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, len(labels), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            some = labels[part]
            writer.write_batch(
                pa.record_batch(
                    [
                        pa.array(rows[part], pa.int64()),
                        pa.array([content.hex() for content in hashes[part]], pa.string()),
                        pa.array(some, pa.int64(), mask=some < 0),
                        _cells(inputs[part], kind),
                    ],
                    schema=schema,
                )
            )


def previews(
    *, inputs: Array | list[str], labels: Array, rows: Array, names: Sequence[str]
) -> list[dict[str, Any]]:
    """A few examples of each class: `row`, `label` (name), and `image`, `text` or `features`."""
    return list(_previews(inputs, labels, rows, names))


def _previews(
    inputs: Array | list[str], labels: Array, rows: Array, names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    for index, name in enumerate(names[:PREVIEWED_CLASSES]):
        for position in np.flatnonzero(labels == index)[:PREVIEWS_PER_CLASS].tolist():
            yield {"row": int(rows[position]), "label": name, **_shown(inputs[position])}


def _shown(example: Array | str) -> dict[str, Any]:
    if isinstance(example, str):
        return {"text": example[:PREVIEWED_CHARACTERS]}
    if example.dtype == np.uint8:
        return {"image": "data:image/png;base64," + base64.b64encode(png(example)).decode()}
    return {"features": [float(value) for value in example.ravel()[:100]]}


def _column(inputs: Array | list[str]) -> tuple[str, pa.DataType]:
    if isinstance(inputs, list):
        return "text", pa.string()
    if inputs.dtype == np.uint8:
        return "image", pa.binary()
    return "features", pa.list_(pa.float32())


def _cells(inputs: Array | list[str], kind: pa.DataType) -> pa.Array:
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
