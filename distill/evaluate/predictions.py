"""`predictions.parquet`: what each network answered on each test example."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from distill.data.opened import SplitData
from distill.evaluate.measure import Rows


def write_predictions(path: Path, split: SplitData, rows: Rows, outputs: Mapping[str, Tensor]) -> None:
    """Columns `row`, `content_hash` (hex), `label`, and for each network its outputs.

    By target: `label` is a class index; the list of the indexes that hold; the list of numbers; for
    each word that was seen a tag index. It is null where unlabeled, and missing where the teacher's
    own output is the label. Outputs are a list of float32 in the order of the dataset's labels; of tags
    such a list for each word.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    edges = np.searchsorted(rows.examples.numpy(), np.arange(len(split) + 1)).tolist()
    in_words = rows.science.target == "tag"
    numbers = pa.list_(pa.float32())
    columns = {
        "row": pa.array(split.rows.tolist(), pa.int64()),
        "content_hash": pa.array([bytes(digest).hex() for digest in split.content_hashes.tolist()]),
    }
    if rows.science.target != "embedding":
        labels = list(_labels(rows))
        columns["label"] = pa.array(_by_example(labels, edges) if in_words else labels, _label_type(rows))
    for run, answers in outputs.items():
        said = answers.tolist()
        columns[run] = pa.array(
            _by_example(said, edges) if in_words else said, pa.list_(numbers) if in_words else numbers
        )
    pq.write_table(pa.table(columns), path)


def _labels(rows: Rows) -> Iterator[Any]:
    """The label of each row, None where it has none."""
    for label, known in zip(rows.labels.tolist(), rows.labeled.tolist(), strict=True):
        if known and rows.science.target == "label_set":
            yield [index for index, holds in enumerate(label) if holds]
        else:
            yield label if known else None


def _label_type(rows: Rows) -> Any:
    import pyarrow as pa

    match rows.science.target:
        case "class":
            return pa.int64()
        case "number":
            return pa.list_(pa.float32())
    return pa.list_(pa.int64())


def _by_example(rows: list[Any], edges: list[int]) -> list[list[Any]]:
    return [rows[start:end] for start, end in pairwise(edges)]
