"""`.csv` as people write it: every fault is named by its line."""

import csv
import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill.config.folder import InspectDataset
from distill.data.readers.csv import read
from distill.rejection import Rejected
from tests.distill.data.inspecting import inspected, opened

TABULAR = InspectDataset(filename="x.csv", task="tabular-classification")
TEXT = InspectDataset(filename="x.csv", task="text-classification")


def rejected(tmp_path: Path, content: str | bytes, request: InspectDataset = TABULAR) -> Rejected:
    path = tmp_path / "upload"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Rejected) as refused:
        read(path, request)
    return refused.value


def test_a_cell_that_is_no_number_is_named_by_line_and_column(tmp_path: Path) -> None:
    refused = rejected(tmp_path, "height,width,label\n1,2,a\n1,wide,b\n")
    assert refused.message == "line 3, column 'width': 'wide' is not a finite number"
    assert refused.details == {"line": 3, "column": "width"}


def test_bytes_that_are_no_text_are_refused_by_their_line_and_not_repeated(tmp_path: Path) -> None:
    refused = rejected(tmp_path, b"a,label\n1,x\n\0\1\2,y\n")
    assert (refused.code, refused.details) == ("not_text", {"line": 3})
    assert "\0" not in refused.message


def test_lines_are_counted_as_an_editor_counts_them_over_quoted_line_ends(tmp_path: Path) -> None:
    refused = rejected(tmp_path, 'text,label\n"one\ntwo",a\n\nthree,b,c\n', TEXT)
    assert refused.details["line"] == 5


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e400", "0x10", "1,5"])
def test_numbers_that_float32_cannot_hold_are_no_numbers(tmp_path: Path, cell: str) -> None:
    assert rejected(tmp_path, f'a,label\n"{cell}",x\n').code == "not_a_number"


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("a,b,label\n1,2\n", "bad_line", 2),
        ('a,label\n"1,x\n2,y\n', "bad_quoting", 2),
        ('a,label\n1,x\n"2"3,y\n', "bad_quoting", 3),
        (b"a,label\n1,caf\xe9\n", "not_utf8", 2),
        ("a,label\n1,x\n".encode("utf-16"), "not_utf8", 1),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, content: str | bytes, code: str, line: int) -> None:
    refused = rejected(tmp_path, content)
    assert (refused.code, refused.details["line"]) == (code, line)


def test_an_unknown_column_is_answered_with_the_nearest_name(tmp_path: Path) -> None:
    request = TABULAR.model_copy(update={"columns": {"label": "speceis"}})
    refused = rejected(tmp_path, "a,species\n1,x\n", request)
    assert refused.hint == "did you mean 'species'?"


@pytest.mark.parametrize("later", ["image", "text_pair", "group"])
def test_columns_of_later_versions_are_refused_by_name(tmp_path: Path, later: str) -> None:
    request = TABULAR.model_copy(update={"columns": {later: "a"}})
    assert rejected(tmp_path, "a,label\n1,x\n", request).code == "not_available_yet"


def test_a_byte_order_mark_semicolons_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes("\ufeffa;b;label\r\n1;2;x\r\n\r\n3;4;y\r\n".encode())
    examples = read(path, TABULAR)
    assert examples.inputs.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert examples.labels == ["x", "y"]


def test_rows_that_lack_a_value_are_left_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text("a,label\n1,x\n,y\n3,z\n")
    examples = read(path, TABULAR)
    assert examples.rows.tolist() == [0, 2]
    assert examples.unreadable == ["line 3: column 'a' is empty"]


def test_a_row_without_label_is_kept_unlabeled(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text("a,label\n1,x\n2,\n3, \n")
    assert read(path, TABULAR).labels == ["x", None, None]


def test_features_are_the_named_columns_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text("id,a,b,kind\nr1,1,2,x\n")
    request = TABULAR.model_copy(update={"columns": {"features": ["b", "a"], "label": "kind"}})
    assert read(path, request).inputs.tolist() == [[2.0, 1.0]]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["x", "y"])), min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_the_csv_module_writes_is_read_back(tmp_path: Path, rows) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerows([("text", "label"), *rows])
    path = tmp_path / "upload"
    path.write_bytes(file.getvalue().encode())
    examples = read(path, TEXT)
    kept = [(text.strip(), label) for text, label in rows if text.strip()]
    assert list(zip(examples.inputs, examples.labels, strict=True)) == kept


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "upload"
    path.write_bytes(b"a,label\n" + content)
    with suppress(Rejected):  # anything else is a failure
        read(path, TABULAR)


def test_a_column_may_name_the_split_of_each_row(tmp_path: Path) -> None:
    rows = [f"{at},{'xy'[at % 2]},{('train', 'val', 'TEST')[at % 3]}" for at in range(30)]
    content = "\n".join(["a,label,part", *rows]).encode()
    answer = inspected(tmp_path, content, task="tabular-classification", split={"column": "part"})
    test = opened(tmp_path, answer)["test"]
    assert test.rows.tolist() == list(range(2, 30, 3))
    assert test.inputs.tolist() == [[float(at)] for at in range(2, 30, 3)]


def test_text_comes_back_as_it_was(tmp_path: Path) -> None:
    texts = [f"größe {at} 漢字 🙂" for at in range(20)]
    content = "\n".join(["text,label", *(f"{text},{'xy'[at % 2]}" for at, text in enumerate(texts))])
    answer = inspected(tmp_path, content.encode(), task="text-classification")
    splits = opened(tmp_path, answer)
    found = {
        row: text
        for split in splits.values()
        for row, text in zip(split.rows.tolist(), split.inputs, strict=True)
    }
    assert found == dict(enumerate(texts))
