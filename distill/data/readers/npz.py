"""`.npz`: arrays of numpy, `x` and `y`, never unpickled.

Inputs are called `x`, `images`, `features`, `inputs` or `data`; labels `y`, `label`, `target` or
`labels`. Given splits carry a suffix: `x_train`, `y_train`, `x_test`, ... A split without labels is
unlabeled; what else is says `npz_labels`.
"""

import zipfile
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import cast

import numpy as np
from numpy.lib import format as npy

from distill import archives
from distill.config.folder import InspectDataset
from distill.config.tasks import TASKS, InputKind
from distill.data.budget import require_memory
from distill.data.examples import Array, Examples, Labels, label_name
from distill.data.readers.npz_labels import Found, one_a_row, read_labels, shown
from distill.rejection import Rejected

INPUTS = ("x", "images", "features", "inputs", "data")
LABELS = ("y", "label", "target", "targets", "labels")
NAMES = "labels"
"""Beside an array of labels, this one names the columns of that."""
SUFFIXES = {
    "": None,
    "_train": "train",
    "_validation": "validation",
    "_valid": "validation",
    "_val": "validation",
    "_test": "test",
}
MOST_MEMBERS = 64
CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class _Declared:
    """One array as its own header declares it."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def bytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize


def read(path: Path, request: InspectDataset) -> Examples:
    """Images uint8 or float32 (n, C, H, W), or features float32 (n, features).

    Raises:
        Rejected: the archive, an array or a shape is not what it must be; nothing large was allocated.
    """
    if TASKS[request.task].inputs == ("text",):
        raise Rejected("task_mismatch", "user", "a .npz file holds numbers, not text", "upload text as .csv")
    with archives.opened(
        path,
        most_members=MOST_MEMBERS,
        what=".npz archive",
        hint="write it with numpy.savez_compressed(path, x=..., y=...)",
    ) as archive:
        return _read(archive, request)


def _read(archive: zipfile.ZipFile, request: InspectDataset) -> Examples:
    declared = {
        member.filename.removesuffix(".npy"): _header(archive, member) for member in archive.infolist()
    }
    pairs = _pairs(declared, request)
    used = [name for pair in pairs for name in pair[:2] if name is not None]
    require_memory(sum(declared[name].bytes for name in used), "the archive")

    parts = [_load(archive, inputs) for inputs, _, _ in pairs]
    for part, (inputs_name, _, _) in zip(parts, pairs, strict=True):
        if part.ndim < 2:
            raise Rejected(
                "shape_mismatch",
                "data",
                f"'{inputs_name}' has the shape {shown(part.shape)}: it holds no examples with features",
                "its first dimension counts the examples, the others are one example",
            )
    if len({part.shape[1:] for part in parts}) > 1:
        raise Rejected("shape_mismatch", "data", "the splits hold examples of different shapes")
    found = [
        Found(len(part), inputs, labels, None if labels is None else _load(archive, labels))
        for part, (inputs, labels, _) in zip(parts, pairs, strict=True)
    ]
    labels, names = read_labels(found, _names(archive, declared, used), TASKS[request.task].target)
    column = request.split.get("column") or request.columns.get("split")
    if column is not None:
        assigned: list[str | None] | None = _split_column(archive, declared, column, sum(map(len, parts)))
    elif len(pairs) > 1:
        assigned = [split for part, (_, _, split) in zip(parts, pairs, strict=True) for _ in range(len(part))]
    else:
        assigned = None
    inputs, notes = _canonical(np.concatenate(parts) if len(parts) > 1 else parts[0], request)
    return _without_missing(
        Examples(_kind(inputs), inputs, labels, np.arange(len(inputs)), assigned, [], notes, names)
    )


def _names(archive: zipfile.ZipFile, declared: dict[str, _Declared], used: list[str]) -> list[str] | None:
    if NAMES not in declared or NAMES in used:
        return None
    require_memory(declared[NAMES].bytes, f"the array '{NAMES}'")
    return [label_name(name) or "" for name in _load(archive, NAMES).ravel().tolist()]


def _split_column(
    archive: zipfile.ZipFile, declared: dict[str, _Declared], column: object, count: int
) -> list[str | None]:
    if not isinstance(column, str) or column not in declared:
        raise Rejected("column_missing", "data", f"the archive has no array '{str(column)[:60]}' of splits")
    require_memory(declared[column].bytes, f"the array '{column}'")
    return one_a_row(_load(archive, column), column, "the inputs", count)


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> _Declared:
    with archive.open(member) as file:
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(file)
        start = file.tell()
    if dtype.hasobject:
        raise Rejected(
            "pickled_array",
            "data",
            f"'{member.filename}' holds Python objects, which are never loaded: they can carry code",
            "convert it to numbers or text: array.astype(numpy.float32) or array.astype(str)",
        )
    declared = _Declared(shape, dtype)
    if any(side < 0 for side in shape) or declared.bytes + start != member.file_size:
        raise Rejected(
            "unreadable_file",
            "data",
            f"'{member.filename}' declares the shape {shown(shape)} of {dtype}, "
            f"which its {member.file_size:,} bytes do not hold",
            "write it again with numpy.savez_compressed",
        )
    return declared


def _pairs(
    declared: dict[str, _Declared], request: InspectDataset
) -> list[tuple[str, str | None, str | None]]:
    """(inputs, labels, split) by name."""
    asked_inputs = _only(request.columns.get("image") or request.columns.get("features"))
    asked_label = _only(request.columns.get("label"))
    pairs: list[tuple[str, str | None, str | None]] = []
    for suffix, split in SUFFIXES.items():
        inputs = _first(declared, [asked_inputs] if asked_inputs else INPUTS, suffix)
        labels = _first(declared, [asked_label] if asked_label else LABELS, suffix)
        if inputs is not None:
            pairs.append((inputs, labels, split))
    needs_labels = TASKS[request.task].target != "embedding"
    if not pairs or (needs_labels and all(labels is None for _, labels, _ in pairs)):
        raise Rejected(
            "column_missing",
            "data",
            f"the archive holds {', '.join(repr(name[:40]) for name in declared) or 'nothing'}; "
            "no inputs and labels were found among them",
            "call them 'x' and 'y' (or x_train, y_train, ...), or name them: "
            "columns: {image: ..., label: ...}",
        )
    return pairs


def _only(asked: object) -> str | None:
    """The one array that a request names; a table's list of columns has no meaning here."""
    if isinstance(asked, list):
        asked = asked[0] if len(asked) == 1 else None
    return asked if isinstance(asked, str) else None


def _first(declared: dict[str, _Declared], names: list[str] | tuple[str, ...], suffix: str) -> str | None:
    return next((name + suffix for name in names if name + suffix in declared), None)


def _load(archive: zipfile.ZipFile, name: str) -> Array:
    member = name + ".npy" if name + ".npy" in archive.NameToInfo else name
    with archive.open(member) as file:
        array: Array = npy.read_array(file, allow_pickle=False)
    return array


def _canonical(inputs: Array, request: InspectDataset) -> tuple[Array, dict[str, object]]:
    if inputs.dtype.kind not in "iufb":
        raise Rejected("not_a_number", "data", f"inputs of {inputs.dtype} are no numbers")
    kinds = TASKS[request.task].inputs
    if "image" not in kinds or ("tabular" in kinds and inputs.ndim <= 2):
        if inputs.ndim != 2 or inputs.shape[1] == 0:
            raise Rejected(
                "shape_mismatch",
                "data",
                f"features need the shape (examples, features); this is {shown(inputs.shape)}",
                "for pixels use the task image-classification",
            )
        return _float32(inputs), {}
    images, layout = _channels_first(inputs)
    whole = images.dtype.kind in "iub"
    if whole and images.size and images.min() >= 0 and images.max() <= 255:
        return np.ascontiguousarray(images, dtype=np.uint8), {"layout": layout}
    return _float32(images), {"layout": layout}


def _float32(values: Array) -> Array:
    """What is too large becomes infinite, and its row is left out like any other without a number."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, dtype=np.float32)


def _channels_first(inputs: Array) -> tuple[Array, str]:
    if inputs.ndim == 3 and min(inputs.shape[1:]) > 0:
        return inputs[:, None], "gray"
    if inputs.ndim == 4 and min(inputs.shape[1:]) > 0:
        if inputs.shape[1] in CHANNELS:
            return inputs, "channels_first"
        if inputs.shape[3] in CHANNELS:
            return np.moveaxis(inputs, 3, 1), "channels_last"
    raise Rejected(
        "shape_mismatch",
        "data",
        f"images need the shape (examples, channels, height, width) with 1, 3 or 4 channels, channels "
        f"last, or gray without channels; this is {shown(inputs.shape)}",
        "for rows of features use the task tabular-classification",
    )


def _kind(inputs: Array) -> InputKind:
    return "image" if inputs.ndim == 4 else "tabular"


def _without_missing(examples: Examples) -> Examples:
    """Leave out, and name, examples with a value that is no finite number."""
    inputs, labels, assigned = examples.inputs, examples.labels, examples.assigned
    assert isinstance(inputs, np.ndarray)
    if inputs.dtype != np.float32:
        return examples
    good = np.isfinite(inputs.reshape(len(inputs), -1)).all(axis=1)
    if good.all():
        return examples
    rows = np.flatnonzero(good)
    kept = rows.tolist()
    if isinstance(labels, np.ndarray):
        labels = labels[rows]
    elif labels is not None:
        labels = cast("Labels", [labels[row] for row in kept])
    return replace(
        examples,
        inputs=inputs[rows],
        labels=labels,
        rows=rows,
        assigned=None if assigned is None else [assigned[row] for row in kept],
        unreadable=[f"row {row}: a value is missing or infinite" for row in np.flatnonzero(~good).tolist()],
    )
