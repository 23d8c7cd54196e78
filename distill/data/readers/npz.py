"""`.npz`: arrays of numpy, `x` and `y`, never unpickled.

Inputs are called `x`, `images`, `features`, `inputs` or `data`; labels `y`, `labels`, `label` or
`target`. Given splits carry a suffix: `x_train`, `y_train`, `x_test`, ... A split without labels,
or a label that is NaN or empty text, is unlabeled; so is -1 beside two or more labels from 0 up.
"""

import zipfile
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from distill import archives
from distill.config.folder import InspectDataset
from distill.data.budget import require_memory
from distill.data.examples import Array, Examples, label_name
from distill.rejection import Rejected

INPUTS = ("x", "images", "features", "inputs", "data")
LABELS = ("y", "labels", "label", "target", "targets")
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
UNLABELED_MARKER = "-1"


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
    if request.task == "text-classification":
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

    parts: list[Array] = []
    labels: list[str | None] = []
    assigned: list[str | None] = []
    for inputs_name, labels_name, split in pairs:
        part = _load(archive, inputs_name)
        if part.ndim < 2:
            raise Rejected(
                "shape_mismatch",
                "data",
                f"'{inputs_name}' has the shape {_shown(part.shape)}: it holds no examples with features",
                "its first dimension counts the examples, the others are one example",
            )
        parts.append(part)
        labels += _labels(archive, labels_name, len(part), inputs_name)
        assigned += [split] * len(part)
    if len({part.shape[1:] for part in parts}) > 1:
        raise Rejected("shape_mismatch", "data", "the splits hold examples of different shapes")
    column = request.split.get("column") or request.columns.get("split")
    if column is not None:
        if column not in declared:
            raise Rejected(
                "column_missing", "data", f"the archive has no array '{str(column)[:60]}' of splits"
            )
        assigned = _labels(archive, column, len(labels), "the inputs")
    given = len(pairs) > 1 or column is not None
    inputs, notes = _canonical(np.concatenate(parts) if len(parts) > 1 else parts[0], request)
    return _without_missing(inputs, _without_marker(labels), assigned if given else None, notes)


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
            f"'{member.filename}' declares the shape {_shown(shape)} of {dtype}, "
            f"which its {member.file_size:,} bytes do not hold",
            "write it again with numpy.savez_compressed",
        )
    return declared


def _pairs(
    declared: dict[str, _Declared], request: InspectDataset
) -> list[tuple[str, str | None, str | None]]:
    """(inputs, labels, split) by name."""
    asked_inputs = request.columns.get("image") or request.columns.get("features")
    if isinstance(asked_inputs, list):
        asked_inputs = asked_inputs[0] if len(asked_inputs) == 1 else None
    asked_label = request.columns.get("label")
    pairs: list[tuple[str, str | None, str | None]] = []
    for suffix, split in SUFFIXES.items():
        inputs = _first(declared, [asked_inputs] if asked_inputs else INPUTS, suffix)
        labels = _first(declared, [asked_label] if asked_label else LABELS, suffix)
        if inputs is not None:
            pairs.append((inputs, labels, split))
    if not pairs or all(labels is None for _, labels, _ in pairs):
        raise Rejected(
            "column_missing",
            "data",
            f"the archive holds {', '.join(repr(name[:40]) for name in declared) or 'nothing'}; "
            "no inputs and labels were found among them",
            "call them 'x' and 'y' (or x_train, y_train, ...), or name them: "
            "columns: {image: ..., label: ...}",
        )
    return pairs


def _first(declared: dict[str, _Declared], names: list[str] | tuple[str, ...], suffix: str) -> str | None:
    return next((name + suffix for name in names if name + suffix in declared), None)


def _load(archive: zipfile.ZipFile, name: str) -> Array:
    member = name + ".npy" if name + ".npy" in archive.NameToInfo else name
    with archive.open(member) as file:
        array: Array = npy.read_array(file, allow_pickle=False)
    return array


def _labels(archive: zipfile.ZipFile, name: str | None, count: int, inputs: str) -> list[str | None]:
    if name is None:
        return [None] * count
    values = _load(archive, name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or len(values) != count:
        raise Rejected(
            "shape_mismatch",
            "data",
            f"'{name}' has the shape {_shown(values.shape)}; '{inputs}' has {count} examples",
            "give one label for each example, as a class, not as one-hot rows",
        )
    if values.dtype.kind not in "iufUSb":
        raise Rejected("labels_not_classes", "data", f"'{name}' of {values.dtype} holds no labels")
    return [label_name(value) for value in values.tolist()]


def _without_marker(labels: list[str | None]) -> list[str | None]:
    """The labels with -1 as "unlabeled", where it stands beside real classes; {-1, 1} are two classes."""
    others = {label for label in labels if label not in (None, UNLABELED_MARKER)}
    if len(others) < 2 or not all(label is not None and label.isdigit() for label in others):
        return labels
    return [None if label == UNLABELED_MARKER else label for label in labels]


def _canonical(inputs: Array, request: InspectDataset) -> tuple[Array, dict[str, object]]:
    if inputs.dtype.kind not in "iufb":
        raise Rejected("not_a_number", "data", f"inputs of {inputs.dtype} are no numbers")
    if request.task == "tabular-classification":
        if inputs.ndim != 2 or inputs.shape[1] == 0:
            raise Rejected(
                "shape_mismatch",
                "data",
                f"features need the shape (examples, features); this is {_shown(inputs.shape)}",
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
        f"last, or gray without channels; this is {_shown(inputs.shape)}",
        "for rows of features use the task tabular-classification",
    )


def _without_missing(
    inputs: Array, labels: list[str | None], assigned: list[str | None] | None, notes: dict[str, object]
) -> Examples:
    """Leave out, and name, examples with a value that is no finite number."""
    kind = "image" if inputs.ndim == 4 else "tabular"
    good = np.ones(len(inputs), dtype=bool)
    if inputs.dtype == np.float32:
        good &= np.isfinite(inputs.reshape(len(inputs), -1)).all(axis=1)
    rows = np.flatnonzero(good)
    return Examples(
        "image" if kind == "image" else "tabular",
        inputs if good.all() else inputs[good],
        [labels[row] for row in rows],
        rows,
        None if assigned is None else [assigned[row] for row in rows],
        [f"row {row}: a value is missing or infinite" for row in np.flatnonzero(~good).tolist()],
        notes,
    )


def _shown(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ")"
