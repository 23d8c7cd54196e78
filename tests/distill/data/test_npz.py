"""`.npz` as numpy writes it: layouts, dtypes and names that are accepted, and what is not."""

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill.config.folder import InspectDataset
from distill.data.examples import Examples
from distill.data.readers.npz import read
from distill.rejection import Rejected

LABELS = np.array([0, 1, 0, 1])


def packed(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def examples(
    tmp_path: Path, *, task: str = "image-classification", request: Any = None, **arrays: Any
) -> Examples:
    path = tmp_path / "upload"
    path.write_bytes(packed(**arrays))
    return read(path, InspectDataset(filename="x.npz", task=task, **(request or {})))


@pytest.mark.parametrize(
    ("shape", "channels_first"),
    [
        ((4, 8, 8), (4, 1, 8, 8)),
        ((4, 3, 8, 6), (4, 3, 8, 6)),
        ((4, 8, 6, 3), (4, 3, 8, 6)),
    ],
)
def test_images_of_every_layout_become_channels_first(
    tmp_path: Path, shape: tuple[int, ...], channels_first: tuple[int, ...]
) -> None:
    found = examples(tmp_path, x=np.zeros(shape, np.uint8), y=LABELS)
    assert found.inputs.shape == channels_first
    assert found.inputs.dtype == np.uint8


def test_whole_numbers_up_to_255_are_bytes_and_others_floats(tmp_path: Path) -> None:
    assert examples(tmp_path, x=np.full((4, 2, 2), 255, np.int64), y=LABELS).inputs.dtype == np.uint8
    assert examples(tmp_path, x=np.full((4, 2, 2), 256, np.int64), y=LABELS).inputs.dtype == np.float32
    assert examples(tmp_path, x=np.full((4, 2, 2), 0.5), y=LABELS).inputs.dtype == np.float32


def test_given_splits_keep_their_examples(tmp_path: Path) -> None:
    found = examples(
        tmp_path,
        task="tabular-classification",
        x_train=np.zeros((2, 3)),
        y_train=[0, 1],
        x_test=np.ones((1, 3)),
        y_test=[1],
    )
    assert found.assigned == ["train", "train", "test"]
    assert found.labels == ["0", "1", "1"]


def test_minus_one_is_unlabeled_beside_classes_but_one_of_two_classes_otherwise(tmp_path: Path) -> None:
    beside = examples(tmp_path, x=np.zeros((4, 2, 2)), y=np.array([0, 1, -1, 2]))
    assert beside.labels == ["0", "1", None, "2"]
    two = examples(tmp_path, x=np.zeros((4, 2, 2)), y=np.array([1, -1, -1, 1]))
    assert two.labels == ["1", "-1", "-1", "1"]


def test_labels_may_be_names_and_an_empty_name_is_unlabeled(tmp_path: Path) -> None:
    found = examples(tmp_path, x=np.zeros((4, 2, 2)), y=np.array(["cat", "", "dog", "cat"]))
    assert found.labels == ["cat", None, "dog", "cat"]


def test_rows_without_a_number_are_left_out_and_named(tmp_path: Path) -> None:
    features = np.zeros((4, 2))
    features[1, 0], features[2, 1] = np.nan, 1e300
    found = examples(tmp_path, task="tabular-classification", x=features, y=LABELS)
    assert found.rows.tolist() == [0, 3]
    assert len(found.unreadable) == 2


def test_an_array_may_name_the_splits(tmp_path: Path) -> None:
    found = examples(
        tmp_path,
        x=np.zeros((4, 2, 2)),
        y=LABELS,
        part=np.array(["train", "train", "test", "val"]),
        request={"split": {"column": "part"}},
    )
    assert found.assigned == ["train", "train", "test", "val"]


@pytest.mark.parametrize(
    ("arrays", "task", "code"),
    [
        ({"x": np.zeros((4, 2, 2)), "y": [0, 1]}, "image-classification", "shape_mismatch"),
        ({"x": np.zeros((4, 2, 2)), "y": np.eye(4)}, "image-classification", "shape_mismatch"),
        ({"x": np.zeros((4, 7)), "y": LABELS}, "image-classification", "shape_mismatch"),
        ({"x": np.zeros((4, 2, 2)), "y": LABELS}, "tabular-classification", "shape_mismatch"),
        ({"x": np.zeros((4, 9, 8, 8)), "y": LABELS}, "image-classification", "shape_mismatch"),
        ({"x": np.float64(3), "y": LABELS}, "image-classification", "shape_mismatch"),
        ({"x": np.zeros((4, 2), complex), "y": LABELS}, "tabular-classification", "not_a_number"),
        ({"x": np.zeros((4, 2)), "y": np.zeros(4, complex)}, "tabular-classification", "labels_not_classes"),
        ({"a": np.zeros((4, 2))}, "tabular-classification", "column_missing"),
        ({"x": np.zeros((4, 2))}, "tabular-classification", "column_missing"),
        ({"x": np.zeros((4, 2)), "y": LABELS}, "text-classification", "task_mismatch"),
    ],
)
def test_arrays_that_make_no_dataset_are_refused(tmp_path: Path, arrays: Any, task: str, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        examples(tmp_path, task=task, **arrays)
    assert refused.value.code == code


WHOLE = packed(x=np.arange(64, dtype=np.uint8).reshape(4, 4, 4), y=LABELS)


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_an_archive_with_any_byte_changed_is_read_or_refused(tmp_path: Path, at: int, byte: int) -> None:
    path = tmp_path / "upload"
    path.write_bytes(WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :])
    with suppress(Rejected):
        read(path, InspectDataset(filename="x.npz", task="image-classification"))


@given(st.integers(0, len(WHOLE) - 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_an_archive_cut_short_anywhere_is_refused(tmp_path: Path, length: int) -> None:
    path = tmp_path / "upload"
    path.write_bytes(WHOLE[:length])
    with pytest.raises(Rejected, match=r"no whole \.npz archive"):
        read(path, InspectDataset(filename="x.npz", task="image-classification"))
