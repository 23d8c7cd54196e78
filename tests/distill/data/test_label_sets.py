"""Any number of labels for each example, however people write them down."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill.data.cells import label_set
from distill.data.targets.label_sets import LabelSetTargets
from distill.rejection import Rejected
from tests.distill.data.inspecting import inspected, opened

TASK = "multi-label-classification"


def csv_of(cells: list[str]) -> bytes:
    return "\n".join(["text;label", *(f"text {at};{cell}" for at, cell in enumerate(cells))]).encode()


@pytest.mark.parametrize(
    ("cell", "holds"),
    [
        ("a", {"a"}),
        ("a|b", {"a", "b"}),
        (" a ; b ;", {"a", "b"}),
        ("a;b|c", {"a;b", "c"}),
        ('["a", "b|c"]', {"a", "b|c"}),
        ("[1, 2]", {"1", "2"}),
        ("[]", set()),
        (["a", 3.0], {"a", "3"}),
        ([], set()),
        (7, {"7"}),
        ("", None),
        ("  ", None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_a_cell_holds_the_labels_that_it_names(cell: Any, holds: set[str] | None) -> None:
    assert label_set(cell) == holds


@pytest.mark.parametrize(
    "cell", ["[1", "[[1]]", '["a", null]', '["a", ""]', {"a": 1}, [{"a": 1}], "[" * 9999]
)
def test_a_cell_that_names_no_labels_is_refused(cell: Any) -> None:
    with pytest.raises(ValueError, match=r"'"):
        label_set(cell)


def test_an_empty_cell_is_unlabeled_and_an_empty_list_is_the_empty_set(tmp_path: Path) -> None:
    answer = inspected(tmp_path, csv_of(["a|b", "b", "[]"] * 10 + [""] * 3), task=TASK)

    rows = {
        row: labels
        for split in opened(tmp_path, answer).values()
        for row, labels in zip(split.rows.tolist(), split.labels.tolist(), strict=True)
    }
    assert answer.dataset.labels == ["a", "b"]
    assert [rows[row] for row in (0, 1, 2, 30)] == [[1, 1], [0, 1], [0, 0], [-1, -1]]
    assert answer.report["labeled"] == 30


def test_each_label_may_have_a_column_of_its_own(tmp_path: Path) -> None:
    lines = [f"{at},{at % 2},{'true' if at % 3 == 0 else 'no'}" for at in range(30)]
    content = "\n".join(["a,warm,bright", *lines, "30,,"]).encode()

    answer = inspected(tmp_path, content, task=TASK, columns={"label": ["bright", "warm"]})

    assert answer.dataset.labels == ["bright", "warm"]
    assert answer.dataset.input.shape == [1]
    train = opened(tmp_path, answer)["train"]
    row = train.rows.tolist().index(30)
    assert train.labels[row].tolist() == [-1, -1]
    assert all(
        labels == [int(at % 3 == 0), at % 2]
        for at, labels in zip(train.rows.tolist(), train.labels.tolist(), strict=True)
        if at != 30
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,2,0", "line 3, column 'warm': '2' is neither 0 nor 1"),
        ("1,0,", "line 3, column 'bright': is empty, others of the same row are not"),
    ],
)
def test_a_column_of_a_label_says_0_or_1(tmp_path: Path, row: str, message: str) -> None:
    content = f"a,warm,bright\n0,1,1\n{row}\n".encode()
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, content, task=TASK, columns={"label": ["warm", "bright"]})
    assert refused.value.message == message


def packed(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def test_an_archive_holds_them_as_rows_of_0_and_1_and_may_name_the_columns(tmp_path: Path) -> None:
    features = np.arange(60, dtype=np.float32).reshape(30, 2)
    sets = np.array([[1, 0, 1], [0, 1, 0], [-1, -1, -1]] * 10)
    answer = inspected(tmp_path, packed(x=features, y=sets, labels=["x", "y", "z"]), "data.npz", task=TASK)

    assert answer.dataset.labels == ["x", "y", "z"]
    for split in opened(tmp_path, answer).values():
        assert (split.labels.numpy() == sets[split.rows.numpy()]).all()


@pytest.mark.parametrize(
    ("arrays", "code"),
    [
        ({"y": np.array([[0, 2]] * 30)}, "labels_not_sets"),
        ({"y": np.array([[0, -1]] * 30)}, "labels_not_sets"),
        ({"y": np.array([[0.5, 1]] * 30)}, "labels_not_sets"),
        ({"y": np.array([["a", "b"]] * 30)}, "labels_not_sets"),
        ({"y": np.arange(30) % 2}, "shape_mismatch"),
        ({"y": np.zeros((30, 0))}, "shape_mismatch"),
        ({"y": np.eye(30), "labels": ["a", "b"]}, "shape_mismatch"),
        ({"y": np.eye(30), "labels": ["a"] * 30}, "labels_mismatch"),
        ({"y": np.zeros((30, 2))}, "one_class"),
        ({"y": np.full((30, 2), np.nan)}, "one_class"),
    ],
)
def test_arrays_that_hold_no_label_sets_are_refused(tmp_path: Path, arrays: Any, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, packed(x=np.zeros((30, 2)), **arrays), "data.npz", task=TASK)
    assert refused.value.code == code


def test_splits_in_an_archive_may_lack_labels_but_not_differ_in_them(tmp_path: Path) -> None:
    features = np.arange(40, dtype=np.float32).reshape(20, 2)
    given = {"x_train": features, "x_test": features + 1000, "y_test": np.array([[0, 1], [1, 0]] * 10)}
    with pytest.raises(Rejected, match="columns of labels"):
        inspected(tmp_path / "a", packed(**given, y_train=np.array([[0], [1]] * 10)), "data.npz", task=TASK)
    with pytest.raises(Rejected, match="no labeled example is left for the split 'train'"):
        inspected(tmp_path / "b", packed(**given), "data.npz", task=TASK)


def test_the_report_counts_how_often_each_label_holds(tmp_path: Path) -> None:
    answer = inspected(tmp_path, csv_of(["a|b", "b", "[]"] * 20), task=TASK)
    train = answer.report["splits"]["train"]
    assert train["balance"] == dict(zip(["a", "b"], answer.dataset.splits["train"].class_counts, strict=True))
    assert train["balance"]["b"] == pytest.approx(2 * train["balance"]["a"], abs=1)
    assert train["labels_per_example"] == pytest.approx(1, abs=0.1)
    assert train["without_any_label"] > 0


def test_tables_show_the_indices_and_previews_the_names(tmp_path: Path) -> None:
    answer = inspected(tmp_path, csv_of(["a|b", "b", "[]"] * 10 + [""]), task=TASK)
    table = pq.read_table(tmp_path / "out/train.parquet").to_pydict()
    shown = dict(zip(table["row"], table["label"], strict=True))
    assert {row: shown[row] for row in shown if row in (0, 1, 2, 30)}.items() <= {
        0: [0, 1],
        1: [1],
        2: [],
        30: None,
    }.items()
    assert {tuple(entry["label"]) for entry in answer.preview} == {("a", "b"), ("b",)}
    json.dumps(answer.preview)


def test_a_label_map_renames_the_labels(tmp_path: Path) -> None:
    answer = inspected(tmp_path, csv_of(["a|b", "c", "[]"] * 10), task=TASK, label_map={"b": "a"})
    assert answer.dataset.labels == ["a", "c"]


@given(st.lists(st.sets(st.sampled_from("abcde"), max_size=3), min_size=40, max_size=120))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
def test_a_label_that_three_examples_have_and_no_rarer_one_is_in_every_split(
    tmp_path_factory: pytest.TempPathFactory, sets: list[set[str]]
) -> None:
    if len({frozenset(found) for found in sets}) < 2 or sum(map(bool, sets)) < 5:
        return
    lines = [json.dumps({"text": f"t{at}", "label": sorted(found)}) for at, found in enumerate(sets)]
    answer = inspected(tmp_path_factory.mktemp("sets") / "f", "\n".join(lines).encode(), "d.jsonl", task=TASK)
    targets = LabelSetTargets.of([frozenset(found) for found in sets], None, {})
    strata = targets.strata()
    for at in range(len(answer.dataset.labels)):
        if strata.count(at) >= 3:
            assert all(split.class_counts[at] >= 1 for split in answer.dataset.splits.values())
