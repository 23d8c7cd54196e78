"""Inspect a dataset: read it, deal it into splits, write each split for machines and for people."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from distill.config.events import DatasetInspected, Event
from distill.config.folder import InspectDataset
from distill.config.networks import Dataset, Input, Split, SplitName
from distill.config.tasks import TASKS, Target
from distill.data.canonical import file_sha256, write_split
from distill.data.examples import Examples, are_words, chosen, content_hashes
from distill.data.readers import read
from distill.data.requested_split import assigned_splits, requested_shares
from distill.data.splits import SPLITS, Deal, deal
from distill.data.tables import previews, write_table
from distill.data.targets import Targets, targets_of
from distill.rejection import Rejected

NAMED_ROWS = 20
NAMED_CLASSES = 20
NOUNS: dict[Target, str] = {"class": "class", "label_set": "label", "tag": "tag"}


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
    targets = targets_of(request.task, examples, request.label_map)
    hashes = content_hashes(examples.inputs)
    strata = targets.strata()
    dealt = deal(
        hashes, targets.keys(), shares=shares, strata=strata, assigned=assigned_splits(examples.assigned)
    )
    _require_every_split(request, {s: [strata[at] is not None for at in dealt.positions[s]] for s in SPLITS})

    input = _input(examples)
    out = folder / "out"
    splits: dict[SplitName, Split] = {}
    tables: dict[str, dict[str, str]] = {}
    for split in SPLITS:
        positions = dealt.positions[split]
        part = {
            "inputs": chosen(examples.inputs, positions),
            "rows": examples.rows[positions],
            "hashes": [hashes[position] for position in positions],
        }
        splits[split] = write_split(
            out / f"{split}.safetensors",
            input=input,
            labels=targets.encoded(positions),
            labeled=targets.labeled(positions),
            class_counts=targets.counts(positions),
            **part,
        )
        table = out / f"{split}.parquet"
        write_table(table, labels=targets.column(positions), **part)
        tables[split] = {"path": f"out/{table.name}", "sha256": file_sha256(table)}
    dataset = Dataset(task=request.task, labels=targets.names, input=input, splits=splits)
    events.send(
        DatasetInspected(
            dataset=dataset,
            tables=tables,
            report=_report(examples, targets, dealt, dataset),
            preview=previews(
                inputs=examples.inputs,
                rows=examples.rows,
                targets=targets,
                positions=dealt.positions["train"],
            ),
        )
    )


def _require_every_split(request: InspectDataset, usable: dict[SplitName, list[bool]]) -> None:
    what = "example" if TASKS[request.task].target == "embedding" else "labeled example"
    for split, examples in usable.items():
        if not any(examples):
            raise Rejected(
                "too_few_examples",
                "data",
                f"no {what} is left for the split '{split}'",
                f"training, choosing and testing each need {what}s of their own: add some",
            )


def _input(examples: Examples) -> Input:
    """The length of a text is that in characters: how many tokens it has, its tokenizer will say."""
    if are_words(examples.inputs):
        longest = max(sum(map(len, words)) for words in examples.inputs)
        return Input(kind="text", shape=[max(1, longest)], dtype="int64")
    if isinstance(examples.inputs, list):
        return Input(kind="text", shape=[max(map(len, examples.inputs))], dtype="int64")
    dtype = "uint8" if examples.inputs.dtype == np.uint8 else "float32"
    return Input(kind=examples.kind, shape=list(examples.inputs.shape[1:]), dtype=dtype)


def _report(examples: Examples, targets: Targets, dealt: Deal, dataset: Dataset) -> dict[str, Any]:
    missing = list(_missing_somewhere(dataset))
    unnamed = len(missing) - NAMED_CLASSES
    return {
        "examples": sum(split.examples for split in dataset.splits.values()),
        "labeled": sum(split.labeled for split in dataset.splits.values()),
        "splits": {
            name: {
                "examples": split.examples,
                "labeled": split.labeled,
                **targets.report(dealt.positions[name]),
            }
            for name, split in dataset.splits.items()
        },
        "duplicates": dealt.duplicates,
        "duplicates_across_splits": dealt.duplicates_across_splits,
        "conflicting_labels": dealt.conflicting_labels,
        "unreadable": len(examples.unreadable),
        "unreadable_rows": examples.unreadable[:NAMED_ROWS],
        "warnings": missing[:NAMED_CLASSES] + ([f"and {unnamed:,} more of these"] if unnamed > 0 else []),
        **examples.notes,
    }


def _missing_somewhere(dataset: Dataset) -> Iterator[str]:
    """A sentence on each class, label or tag that a split has no example of."""
    noun = NOUNS.get(TASKS[dataset.task].target)
    if noun is None:
        return
    for at, name in enumerate(dataset.labels):
        lacking = [split for split, held in dataset.splits.items() if held.class_counts[at] == 0]
        if lacking:
            yield f"{noun} '{name}' has no example in {' and '.join(lacking)}"
