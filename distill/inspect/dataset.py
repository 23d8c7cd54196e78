"""Inspect a dataset: read it, deal it into splits, write each split for machines and for people."""

from collections import Counter
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from distill.config.events import DatasetInspected, Event
from distill.config.folder import InspectDataset
from distill.config.networks import Dataset, Input, Split, SplitName
from distill.data.canonical import file_sha256, write_split
from distill.data.examples import Examples, content_hashes, sorted_labels
from distill.data.readers import read
from distill.data.requested_split import assigned_splits, requested_shares
from distill.data.splits import SPLITS, Deal, deal
from distill.data.tables import previews, write_table
from distill.rejection import Rejected

FEWEST_EXAMPLES_OF_A_CLASS = 3
MOST_CLASSES = 10_000
NAMED_ROWS = 20


class Sink(Protocol):
    """Where events go; `distill.channel.Events` is one."""

    def send(self, event: Event, /) -> None: ...


def inspect_dataset(request: InspectDataset, folder: Path, events: Sink) -> None:
    """Read `folder/in/upload` or a built-in, and write `out/{split}.safetensors` and `.parquet`.

    Raises:
        Rejected: says what is wrong with the data and what to do.
    """
    shares = requested_shares(request.split)
    examples = read(folder / "in" / "upload", request)
    if len(examples) == 0:
        raise Rejected(
            "empty_dataset",
            "data",
            "the dataset holds no readable examples",
            "; ".join(examples.unreadable[:3]) or None,
        )
    labels = [None if label is None else request.label_map.get(label, label) for label in examples.labels]
    names = _classes(labels)
    hashes = content_hashes(examples.inputs)
    dealt = deal(hashes, labels, shares=shares, assigned=assigned_splits(examples.assigned))
    _require_every_split(dealt, labels)

    index = {name: position for position, name in enumerate(names)}
    classes = np.array([-1 if label is None else index[label] for label in labels], dtype=np.int64)
    input = _input(examples)
    out = folder / "out"
    splits: dict[SplitName, Split] = {}
    tables: dict[str, dict[str, str]] = {}
    for split in SPLITS:
        positions = dealt.positions[split]
        part = {
            "inputs": _chosen(examples, positions),
            "labels": classes[positions],
            "rows": examples.rows[positions],
            "hashes": [hashes[position] for position in positions],
        }
        splits[split] = write_split(out / f"{split}.safetensors", input=input, num_classes=len(names), **part)
        table = out / f"{split}.parquet"
        write_table(table, **part)
        tables[split] = {"path": f"out/{table.name}", "sha256": file_sha256(table)}
        if split == "train":
            preview = previews(inputs=part["inputs"], labels=part["labels"], rows=part["rows"], names=names)
    dataset = Dataset(task=request.task, labels=names, input=input, splits=splits)
    events.send(
        DatasetInspected(
            dataset=dataset, tables=tables, report=_report(examples, dealt, dataset), preview=preview
        )
    )


def _classes(labels: list[str | None]) -> list[str]:
    counts = Counter(label for label in labels if label is not None)
    if len(counts) < 2:
        found = f"only '{next(iter(counts))}'" if counts else "none"
        raise Rejected(
            "one_class",
            "data",
            f"a classifier needs at least two classes; the labels name {found}",
            "check that `columns.label` names the right column",
        )
    if len(counts) > MOST_CLASSES or (len(counts) > 50 and len(counts) > sum(counts.values()) / 2):
        raise Rejected(
            "labels_not_classes",
            "data",
            f"{sum(counts.values()):,} labeled examples have {len(counts):,} different labels: "
            "that looks like a quantity or an id",
            "check that `columns.label` names the right column",
        )
    return sorted_labels(set(counts))


def _require_every_split(dealt: Deal, labels: list[str | None]) -> None:
    for split in SPLITS:
        if not any(labels[position] is not None for position in dealt.positions[split]):
            raise Rejected(
                "too_few_examples",
                "data",
                f"no labeled example is left for the split '{split}'",
                "training, choosing and testing each need labeled examples of their own: add some",
            )


def _input(examples: Examples) -> Input:
    if isinstance(examples.inputs, list):
        longest = max(len(text) for text in examples.inputs)
        return Input(kind="text", shape=[longest], dtype="int64")
    dtype = "uint8" if examples.inputs.dtype == np.uint8 else "float32"
    return Input(kind=examples.kind, shape=list(examples.inputs.shape[1:]), dtype=dtype)


def _chosen(examples: Examples, positions: list[int]) -> Any:
    if isinstance(examples.inputs, list):
        return [examples.inputs[position] for position in positions]
    return examples.inputs[positions]


def _report(examples: Examples, dealt: Deal, dataset: Dataset) -> dict[str, Any]:
    return {
        "examples": sum(split.examples for split in dataset.splits.values()),
        "labeled": sum(split.labeled for split in dataset.splits.values()),
        "splits": {
            name: {
                "examples": split.examples,
                "labeled": split.labeled,
                "balance": dict(zip(dataset.labels, split.class_counts, strict=True)),
            }
            for name, split in dataset.splits.items()
        },
        "duplicates": dealt.duplicates,
        "duplicates_across_splits": dealt.duplicates_across_splits,
        "conflicting_labels": dealt.conflicting_labels,
        "unreadable": len(examples.unreadable),
        "unreadable_rows": examples.unreadable[:NAMED_ROWS],
        "warnings": [_rare(name, dataset) for name in _rare_classes(dataset)],
        **examples.notes,
    }


def _rare_classes(dataset: Dataset) -> list[str]:
    totals = [
        sum(counts) for counts in zip(*(split.class_counts for split in dataset.splits.values()), strict=True)
    ]
    return [
        name for name, total in zip(dataset.labels, totals, strict=True) if total < FEWEST_EXAMPLES_OF_A_CLASS
    ]


def _rare(name: str, dataset: Dataset) -> str:
    return f"class '{name}' has too few examples to be in all of {', '.join(dataset.splits)}"
