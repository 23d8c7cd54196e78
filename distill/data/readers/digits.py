"""`builtin: digits`: 1,797 handwritten digits of 8x8 pixels, which ship with scikit-learn."""

from pathlib import Path

import numpy as np

from distill.config.folder import InspectDataset
from distill.data.examples import Examples
from distill.rejection import Rejected


def read(path: Path | None, request: InspectDataset) -> Examples:
    """Images uint8 (1, 8, 8), 0..255; or 64 features 0..16 for tabular classification."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    labels = [str(label) for label in digits.target]
    rows = np.arange(len(labels))
    if request.task == "image-classification":
        pixels = np.round(digits.images * 255 / 16).astype(np.uint8)[:, None]
        return Examples("image", pixels, labels, rows)
    if request.task == "tabular-classification":
        return Examples("tabular", digits.data.astype(np.float32), labels, rows)
    raise Rejected(
        "task_mismatch",
        "user",
        "the built-in dataset 'digits' holds images, not text",
        "use the task image-classification or tabular-classification",
    )
