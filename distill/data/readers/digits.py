"""`builtin: digits`: 1,797 handwritten digits of 8x8 pixels, which ship with scikit-learn."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from distill.config.folder import InspectDataset
from distill.data.examples import Array, Examples
from distill.rejection import Rejected


def read(path: Path | None, request: InspectDataset) -> Examples:
    """Images uint8 (1, 8, 8), 0..255; or 64 features 0..16 for tabular classification.

    Raises:
        Rejected: `task_mismatch`.
    """
    table = _table()
    features = table[:, :-1]
    labels = [str(int(label)) for label in table[:, -1]]
    rows = np.arange(len(labels))
    if request.task in ("image-classification", "feature-extraction"):
        pixels = np.round(features * 255 / 16).astype(np.uint8)
        return Examples("image", pixels.reshape(-1, 1, 8, 8), labels, rows)
    if request.task == "tabular-classification":
        return Examples("tabular", features.astype(np.float32), labels, rows)
    raise Rejected(
        "task_mismatch",
        "user",
        f"the built-in dataset 'digits' holds images of ten classes, which is nothing for {request.task}",
        "use the task image-classification, tabular-classification or feature-extraction",
    )


def _table() -> Array:
    """One row a digit: 64 pixels and the label. Read from its file, since scikit-learn takes seconds to
    import."""
    scikit_learn = find_spec("sklearn")
    assert scikit_learn is not None
    assert scikit_learn.origin is not None
    return np.loadtxt(Path(scikit_learn.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
