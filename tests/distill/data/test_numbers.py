"""Real numbers as labels: one or several, some of them missing."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from distill.rejection import Rejected
from tests.distill.data.inspecting import inspected, opened
from tests.distill.data.test_label_sets import packed

LINES = [f"{at},{at / 4}" for at in range(40)]


def csv_of(*lines: str, header: str = "a,label") -> bytes:
    return "\n".join([header, *lines]).encode()


def test_a_column_of_numbers_is_kept_as_it_is(tmp_path: Path) -> None:
    answer = inspected(tmp_path, csv_of(*LINES), task="regression")
    assert answer.dataset.labels == ["label"]
    for split in opened(tmp_path, answer).values():
        assert split.labels.dtype.is_floating_point
        assert split.labels[:, 0].tolist() == [row / 4 for row in split.rows.tolist()]


def test_several_columns_are_several_outputs_in_their_order(tmp_path: Path) -> None:
    content = csv_of(*(f"{at},{2 * at},{-at}" for at in range(40)), header="a,up,down")
    answer = inspected(tmp_path, content, task="regression", columns={"label": ["down", "up"]})
    assert answer.dataset.labels == ["down", "up"]
    assert answer.dataset.input.shape == [1]
    test = opened(tmp_path, answer)["test"]
    assert test.labels.tolist() == [[-row, 2 * row] for row in test.rows.tolist()]


def test_a_text_may_have_a_number(tmp_path: Path) -> None:
    content = csv_of(*(f"review {at},{at}" for at in range(40)), header="text,label")
    answer = inspected(tmp_path, content, task="regression")
    assert answer.dataset.input.kind == "text"


@pytest.mark.parametrize("missing", ["", "nan", "NA", "?"])
def test_a_row_without_its_number_is_unlabeled(tmp_path: Path, missing: str) -> None:
    answer = inspected(tmp_path, csv_of(*LINES, f"40,{missing}"), task="regression")
    train = opened(tmp_path, answer)["train"]
    assert np.isnan(train.labels[train.rows.tolist().index(40)].item())
    assert answer.dataset.splits["train"].labeled == answer.dataset.splits["train"].examples - 1


def test_a_row_with_some_of_its_numbers_is_unlabeled_and_counted(tmp_path: Path) -> None:
    lines = [f"{at},{at},{at}" for at in range(40)]
    answer = inspected(
        tmp_path,
        csv_of(*lines, "40,1,", header="a,up,down"),
        task="regression",
        columns={"label": ["up", "down"]},
    )
    assert answer.report["splits"]["train"]["partly_labeled"] == 1
    assert answer.report["labeled"] == 40


@pytest.mark.parametrize("cell", ["high", "inf", "1e60", "1 000"])
def test_a_label_that_is_no_number_is_named_by_its_line(tmp_path: Path, cell: str) -> None:
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, csv_of(*LINES, f"40,{cell}"), task="regression")
    assert refused.value.message == f"line 42, column 'label': '{cell}' is not a finite number"
    assert refused.value.details == {"line": 42, "column": "label"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1,3", "2,3", "3,3"] * 9, "every labeled example has the same 'label': 3"),
        (["1,", "2,", "3,"] * 9, "no example has a number as its label"),
    ],
)
def test_numbers_from_which_nothing_is_learned_are_refused(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, csv_of(*lines), task="regression")
    assert refused.value.message == message


def test_a_label_map_has_nothing_to_rename(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="the labels here are numbers"):
        inspected(tmp_path, csv_of(*LINES), task="regression", label_map={"1": "one"})


@pytest.mark.parametrize(
    ("y", "labels", "names"),
    [
        (np.arange(30) / 3, {}, ["y"]),
        (np.arange(30), {"labels": ["price"]}, ["price"]),
        (np.arange(60).reshape(30, 2), {}, ["y0", "y1"]),
        (np.arange(60).reshape(30, 2), {"labels": ["up", "down"]}, ["up", "down"]),
    ],
)
def test_an_archive_holds_numbers_in_one_or_several_columns(
    tmp_path: Path, y: Any, labels: Any, names: list[str]
) -> None:
    images = np.arange(30 * 16, dtype=np.int64).reshape(30, 4, 4) % 256
    answer = inspected(tmp_path, packed(x=images, y=y, **labels), "d.npz", task="regression")
    assert answer.dataset.labels == names
    assert answer.dataset.input.kind == "image"
    for split in opened(tmp_path, answer).values():
        expected = y.reshape(30, -1)[split.rows.numpy()]
        np.testing.assert_allclose(split.labels.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("y", "code"),
    [
        (np.array(["a"] * 30), "not_a_number"),
        (np.zeros((30, 2, 2)), "shape_mismatch"),
        (np.zeros(29), "shape_mismatch"),
        (np.full(30, np.nan), "one_class"),
        (np.where(np.arange(30) == 7, np.inf, np.arange(30)), "not_a_number"),
        (np.where(np.arange(30) == 7, 1e300, np.arange(30)), "not_a_number"),
    ],
)
def test_arrays_that_hold_no_numbers_are_refused(tmp_path: Path, y: Any, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, packed(x=np.arange(60.0).reshape(30, 2), y=y), "d.npz", task="regression")
    assert refused.value.code == code


def test_an_infinite_label_is_named_by_its_row(tmp_path: Path) -> None:
    y = np.where(np.arange(30) == 7, np.inf, np.arange(30))
    with pytest.raises(Rejected, match="row 7"):
        inspected(tmp_path, packed(x=np.arange(60.0).reshape(30, 2), y=y), "d.npz", task="regression")


def test_the_report_says_mean_and_spread_and_previews_go_from_the_lowest_to_the_highest(
    tmp_path: Path,
) -> None:
    answer = inspected(tmp_path, csv_of(*LINES), task="regression")
    train = opened(tmp_path, answer)["train"].labels.numpy()
    found = answer.report["splits"]["train"]["numbers"]["label"]
    assert found["mean"] == pytest.approx(train.mean())
    assert found["std"] == pytest.approx(train.std())
    shown = [entry["label"] for entry in answer.preview]
    assert shown == sorted(shown)
    assert (shown[0], shown[-1]) == (train.min(), train.max())


def test_the_table_has_numbers_and_lists_of_them_where_there_are_several(tmp_path: Path) -> None:
    inspected(tmp_path / "one", csv_of(*LINES, "40,"), task="regression")
    table = pq.read_table(tmp_path / "one/out/train.parquet").to_pydict()
    assert dict(zip(table["row"], table["label"], strict=True))[40] is None
    assert all(label == row / 4 for row, label in zip(table["row"], table["label"], strict=True) if row != 40)
    two = packed(x=np.arange(60.0).reshape(30, 2), y=np.arange(60.0).reshape(30, 2))
    inspected(tmp_path / "two", two, "d.npz", task="regression")
    table = pq.read_table(tmp_path / "two/out/test.parquet").to_pydict()
    assert table["label"] == table["features"]


def test_numbers_are_dealt_by_content_whatever_the_order_of_the_rows(tmp_path: Path) -> None:
    plain = opened(tmp_path / "a", inspected(tmp_path / "a", csv_of(*LINES), task="regression"))
    mixed = opened(tmp_path / "b", inspected(tmp_path / "b", csv_of(*LINES[::-1]), task="regression"))
    for split in plain:
        assert sorted(plain[split].labels.tolist()) == sorted(mixed[split].labels.tolist())
    assert [len(plain[split]) for split in ("train", "validation", "test")] == [28, 6, 6]
