"""`.safetensors`: the header is parsed here first, so that nothing it claims is taken on trust."""

import json
import struct
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from distill.inspect.tensors import MOST_TENSORS, Upload
from distill.rejection import Rejected

LONGEST_HEADER = 25_000_000
LARGEST_SIDE = 2**40
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class _Damaged(ValueError):
    """What is wrong with the header, as the end of a sentence."""


def open_safetensors(path: Path) -> Upload:
    """Names, shapes and dtypes of a `.safetensors` file.

    Raises:
        Rejected: `unreadable_file` or `unsupported_dtype`.
    """
    try:
        header, data_bytes = _header(path)
        _require_gapless([_place(name, entry) for name, entry in header.items()], data_bytes)
    except (ValueError, RecursionError) as error:
        raise _unreadable(str(error)) from error
    return Upload(
        shapes={name: tuple(entry["shape"]) for name, entry in header.items()},
        dtypes={name: DTYPES[entry["dtype"]] for name, entry in header.items()},
        read=lambda: _read(path),
    )


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise _unreadable(str(error)) from error


def _unreadable(reason: str) -> Rejected:
    return Rejected(
        "unreadable_file",
        "data",
        f"the file is no whole .safetensors file: {reason[:300]}",
        "write it again with safetensors.torch.save_file, and upload it whole",
    )


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The entries of the tensors by name, and how many bytes of data follow the header."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            raise _Damaged(f"it has {size} bytes")
        (length,) = struct.unpack("<Q", start)
        if length > LONGEST_HEADER or length > size - 8:
            raise _Damaged(f"its header claims {length:,} bytes; the file has {size:,}")
        text = file.read(length).decode()
    header = json.loads(text, object_pairs_hook=_without_repetition)
    if not isinstance(header, dict):
        raise _Damaged("its header is no JSON object")
    header.pop("__metadata__", None)
    if len(header) > MOST_TENSORS:
        raise _Damaged(f"it holds {len(header):,} tensors; at most {MOST_TENSORS:,} are read")
    return header, size - 8 - length


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise _Damaged("its header names the same tensor twice")
    return entries


def _place(name: str, entry: Any) -> tuple[int, int]:
    """Where the bytes of a tensor begin and end, once they agree with its shape and dtype."""
    shown = name[:200]
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _Damaged(f"'{shown}' lacks its dtype, shape or offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise Rejected(
            "unsupported_dtype",
            "data",
            f"'{shown}' has the dtype {str(dtype)[:20]}, which no network here has",
            f"save the weights as one of: {', '.join(DTYPES)}",
        )
    if not _are_counts(shape) or len(shape) > 16 or not _are_counts(offsets) or len(offsets) != 2:
        raise _Damaged(f"'{shown}' has a shape or offsets that are no counts")
    begin, end = offsets
    needed = prod(shape) * DTYPES[dtype].itemsize
    if end - begin != needed:
        raise _Damaged(f"'{shown}' of shape {shape} needs {needed:,} bytes; it has {end - begin:,}")
    return begin, end


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_SIDE
        for value in values
    )


def _require_gapless(places: list[tuple[int, int]], data_bytes: int) -> None:
    """Tensors fill the data without a hole or an overlap, so nothing hides between them."""
    edges = [(0, 0), *sorted(places), (data_bytes, data_bytes)]
    for (_, end), (begin, _) in pairwise(edges):
        if end != begin:
            raise _Damaged(f"its tensors leave a gap or overlap at byte {min(end, begin):,} of the data")
