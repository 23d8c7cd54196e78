"""The digits that ship with scikit-learn, read without importing it."""

import subprocess
import sys

import numpy as np
from sklearn.datasets import load_digits

from distill.config.folder import InspectDataset
from distill.data.readers import digits


def test_the_digits_are_those_of_scikit_learn() -> None:
    theirs = load_digits()
    images, table = (
        digits.read(None, InspectDataset(filename=None, builtin="digits", task=task))
        for task in ("image-classification", "tabular-classification")
    )

    assert isinstance(images.inputs, np.ndarray)
    assert (images.inputs == np.round(theirs.images * 255 / 16)[:, None]).all()
    assert (table.inputs == theirs.data).all()
    assert images.labels == table.labels == [str(label) for label in theirs.target]


def test_inspecting_a_dataset_waits_for_no_heavy_import() -> None:
    """Torch alone takes two seconds, and scikit-learn another."""
    program = (
        "import sys, distill.__main__, distill.inspect.dataset; print({'torch', 'sklearn'} & {*sys.modules})"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert ran.stdout.strip() == "set()", ran.stderr
