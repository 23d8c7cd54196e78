"""`predictions.parquet`: what each network answered on each test example."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from distill.data.opened import SplitData


def write_predictions(path: Path, split: SplitData, logits: Mapping[str, Tensor]) -> None:
    """Columns `row`, `content_hash` (hex), `label` (class index, null where unlabeled), and the
    logits of each network as a list of float32, in the order of the dataset's labels."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    hashes = [bytes(digest).hex() for digest in split.content_hashes.tolist()]
    labels = [label if label >= 0 else None for label in split.labels.tolist()]
    columns = {
        "row": pa.array(split.rows.tolist(), pa.int64()),
        "content_hash": pa.array(hashes, pa.string()),
        "label": pa.array(labels, pa.int64()),
    }
    for run, logits_NC in logits.items():
        columns[run] = pa.array(logits_NC.tolist(), pa.list_(pa.float32()))
    pq.write_table(pa.table(columns), path)
