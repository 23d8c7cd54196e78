"""`.jsonl` as a table: fields are columns, values keep their kind."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill.config.folder import InspectDataset
from distill.data.readers.jsonl import read
from distill.rejection import Rejected
from tests.distill.data.inspecting import inspected

TABULAR = InspectDataset(filename="x.jsonl", task="tabular-classification")
TEXT = InspectDataset(filename="x.jsonl", task="text-classification")


def written(folder: Path, *lines: Any) -> Path:
    path = folder / "upload"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_numbers_in_json_are_features_and_a_missing_one_leaves_out_the_row(tmp_path: Path) -> None:
    path = written(tmp_path, {"a": 1, "b": 2.5, "label": "x"}, {"a": True, "label": 3}, {"b": 1, "a": "4"})
    examples = read(path, TABULAR)
    assert examples.inputs.tolist() == [[1.0, 2.5], [4.0, 1.0]]
    assert examples.labels == ["x", None]
    assert examples.unreadable == ["line 2: column 'b' is empty"]


def test_a_field_that_only_later_lines_have_is_a_column_too(tmp_path: Path) -> None:
    path = written(tmp_path, {"text": "one"}, "", {"label": 3.0, "text": "two"})
    examples = read(path, TEXT)
    assert (examples.inputs, examples.labels) == (["one", "two"], [None, "3"])


@pytest.mark.parametrize("wanted", ["feature-extraction", "regression", "multi-label-classification"])
@pytest.mark.parametrize(("field", "kind"), [("text", "text"), ("a", "tabular")])
def test_a_task_of_any_input_takes_text_where_a_field_is_called_so(
    tmp_path: Path, wanted: Any, field: str, kind: str
) -> None:
    path = written(tmp_path, {field: "7", "label": "8"})
    assert read(path, InspectDataset(filename="x.jsonl", task=wanted)).kind == kind


def test_text_and_features_together_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, {"t": "7", "a": 1, "label": 8})
    request = InspectDataset(
        filename="x.jsonl", task="regression", columns={"text": "t", "features": ["a"], "label": "label"}
    )
    with pytest.raises(Rejected) as refused:
        read(path, request)
    assert refused.value.code == "two_inputs"


@pytest.mark.parametrize(
    ("line", "request_", "message"),
    [
        ({"text": ["a"], "label": 1}, TEXT, "line 2, column 'text': '['a']' is no text"),
        ({"text": 5, "label": 1}, TEXT, "line 2, column 'text': '5' is no text"),
        ({"text": "a", "label": {"b": 1}}, TEXT, "line 2, column 'label': '{'b': 1}' is not the name of"),
        ({"text": [1], "label": 1}, TABULAR, "line 2, column 'text': '[1]' is not a finite number"),
        ('{"text": Infinity, "label": 1}', TABULAR, "line 2, column 'text': 'inf' is not a finite number"),
        ('{"text": 1' + "0" * 5000 + "}", TABULAR, "line 2: is no JSON"),
        ("[" * 100_000, TEXT, "line 2: is no JSON"),
        ('"text"', TEXT, "line 2: is no JSON object"),
    ],
)
def test_what_a_value_cannot_be_is_named_by_its_line(
    tmp_path: Path, line: Any, request_: InspectDataset, message: str
) -> None:
    with pytest.raises(Rejected) as refused:
        read(written(tmp_path, {"text": "1", "label": 0}, line), request_)
    assert refused.value.message.startswith(message)
    assert refused.value.details["line"] == 2


def test_images_are_not_read_from_lines(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"upload images|holds numbers or text"):
        read(written(tmp_path, {}), InspectDataset(filename="x.jsonl", task="image-classification"))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"{}\n{}\n"])
def test_a_file_without_fields_is_empty(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        inspected(tmp_path, content, "x.jsonl", task="text-classification")
    assert refused.value.code == "empty_dataset"


def test_feature_extraction_needs_no_label_and_deals_every_split_its_share(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"text {at}"}) for at in range(100)]
    answer = inspected(tmp_path, "\n".join(lines).encode(), "x.jsonl", task="feature-extraction")
    sizes = {name: split.examples for name, split in answer.dataset.splits.items()}
    assert sizes == {"train": 70, "validation": 15, "test": 15}
    assert (answer.dataset.labels, answer.report["labeled"]) == ([], 0)
    assert {entry["label"] for entry in answer.preview} == {None}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.fixed_dictionaries({"text": JSON, "label": JSON}), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_json_is_read_or_refused(tmp_path: Path, records: Any) -> None:
    path = written(tmp_path, *records)
    for task in ("text-classification", "multi-label-classification", "regression", "token-classification"):
        with suppress(Rejected):  # anything else is a failure
            read(path, InspectDataset(filename="x.jsonl", task=task, columns={"text": "text"}))
