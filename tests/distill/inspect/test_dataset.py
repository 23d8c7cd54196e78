"""From an upload to three splits, their tables, a report and a preview."""

import base64
import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from distill.rejection import Rejected
from tests.distill.data.inspecting import inspected, opened


def csv_of(labels: list[str]) -> bytes:
    return "\n".join(["a,label", *(f"{at},{label}" for at, label in enumerate(labels))]).encode()


def test_the_built_in_digits_are_images_of_bytes(tmp_path: Path) -> None:
    answer = inspected(tmp_path, None, builtin="digits", task="image-classification")
    splits = opened(tmp_path, answer)
    assert sum(len(split) for split in splits.values()) == 1797
    assert answer.dataset.labels == [str(digit) for digit in range(10)]
    assert answer.dataset.input.model_dump() == {"kind": "image", "shape": [1, 8, 8], "dtype": "uint8"}
    assert splits["train"].inputs.max() == 255


def test_the_built_in_digits_are_also_a_table(tmp_path: Path) -> None:
    answer = inspected(tmp_path, None, builtin="digits", task="tabular-classification")
    assert answer.dataset.input.shape == [64]
    assert opened(tmp_path, answer)["test"].inputs.max() == 16


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_table_that_people_download_holds_what_training_reads(tmp_path: Path, split: str) -> None:
    answer = inspected(tmp_path, None, builtin="digits", task="image-classification")
    data = opened(tmp_path, answer)[split]
    table = pq.read_table(tmp_path / answer.tables[split]["path"]).to_pydict()
    assert table["row"] == data.rows.tolist()
    assert table["label"] == data.labels.tolist()
    assert table["content_hash"] == [bytes(digest).hex() for digest in data.content_hashes.tolist()]
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(png))) for png in table["image"]])
    assert (pixels == data.inputs[:, 0].numpy()).all()


def test_the_table_of_features_has_null_for_a_missing_label(tmp_path: Path) -> None:
    answer = inspected(tmp_path, csv_of(["x", "y"] * 10 + [""]), task="tabular-classification")
    table = pq.read_table(tmp_path / "out/train.parquet").to_pydict()
    assert table["label"][table["row"].index(20)] is None
    assert table["features"][table["row"].index(20)] == [20.0]
    assert answer.dataset.splits["train"].labeled == answer.dataset.splits["train"].examples - 1


def test_the_preview_shows_a_few_examples_of_each_class(tmp_path: Path) -> None:
    answer = inspected(tmp_path, None, builtin="digits", task="image-classification")
    shown = [entry["label"] for entry in answer.preview]
    assert shown == [str(digit) for digit in range(10) for _ in range(3)]
    picture = base64.b64decode(answer.preview[0]["image"].removeprefix("data:image/png;base64,"))
    assert Image.open(io.BytesIO(picture)).size == (8, 8)


def test_labels_that_are_numbers_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    answer = inspected(tmp_path, csv_of(["10", "9", "2"] * 5), task="tabular-classification")
    assert answer.dataset.labels == ["2", "9", "10"]


def test_a_class_called_nan_makes_the_order_that_of_names(tmp_path: Path) -> None:
    answer = inspected(tmp_path, csv_of(["nan", "10", "9", "inf"] * 5), task="tabular-classification")
    assert answer.dataset.labels == ["10", "9", "inf", "nan"]


def test_a_label_map_renames_before_classes_are_counted(tmp_path: Path) -> None:
    answer = inspected(
        tmp_path, csv_of(["0", "1"] * 10), task="tabular-classification", label_map={"0": "no", "1": "yes"}
    )
    assert answer.dataset.labels == ["no", "yes"]


def test_copies_are_counted_and_kept_once(tmp_path: Path) -> None:
    rows = [f"{at % 20},{'xy'[at % 2]}" for at in range(40)]
    answer = inspected(tmp_path, "\n".join(["a,label", *rows]).encode(), task="tabular-classification")
    assert answer.report["duplicates"] == 20
    assert answer.report["examples"] == 20


def test_the_report_names_a_class_too_rare_for_three_splits(tmp_path: Path) -> None:
    answer = inspected(tmp_path, csv_of(["x", "y"] * 10 + ["z"]), task="tabular-classification")
    assert answer.report["warnings"] == ["class 'z' has no example in validation and test"]


@pytest.mark.parametrize(
    ("content", "request_", "code"),
    [
        (csv_of(["x"] * 20), {}, "one_class"),
        (csv_of([""] * 20), {}, "one_class"),
        (csv_of(["x", "y"]), {}, "too_few_examples"),
        (csv_of([f"{at}.5" for at in range(200)]), {}, "labels_not_classes"),
        (b"a,label\n", {}, "empty_dataset"),
        (csv_of(["x", "y"] * 10), {"split": {"train": 0.5}}, "invalid_split"),
        (csv_of(["x", "y"] * 10), {"split": {"train": 0.5, "validation": 0.5, "test": 0.5}}, "invalid_split"),
        (csv_of(["x", "y"] * 10), {"split": {"column": "label"}}, "invalid_split"),
        (csv_of(["x", "y"] * 10), {"split": {"train": "file_1"}}, "not_available_yet"),
        (csv_of(["x", "y"] * 10), {"format": "parquet"}, "unknown_format"),
        (None, {"builtin": "mnist"}, "unknown_builtin"),
        (None, {"builtin": "digits", "task": "text-classification"}, "task_mismatch"),
    ],
)
def test_what_makes_no_dataset_is_refused(tmp_path: Path, content, request_, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, content, **{"task": "tabular-classification", **request_})
    assert refused.value.code == code


def test_nothing_is_written_of_a_dataset_that_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        inspected(tmp_path, csv_of(["x"] * 20), task="tabular-classification")
    assert not list((tmp_path / "out").iterdir())
