"""How figures, sizes, times and answers are said, and what loads a file."""

from typing import Any

import pytest

from api.report import loading, words
from api.report.asked import asked
from api.report.subject import File
from distill.config.document import parse_job


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "-"), (True, "yes"), (12345, "12,345"), (0.123456, "0.1235"), (float("nan"), "nan"), ("a", "a")],
)
def test_a_figure_has_at_most_four_digits(value: Any, said: str) -> None:
    assert words.number(value) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(None, "-"), (999, "999 bytes"), (1500, "1.5 kB"), (12_340_000, "12.3 MB"), (5e9, "5 GB")],
)
def test_bytes_are_said_in_the_unit_that_suits_them(count: float | None, said: str) -> None:
    assert words.size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "-"),
        (0.0694, "0.07 s"),
        (3.84, "3.8 s"),
        (22.08, "22 s"),
        (125, "2 min 05 s"),
        (7260, "2 h 01 min"),
    ],
)
def test_a_time_is_said_in_the_unit_that_suits_it(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "-"),
        (0, "0%"),
        (0.0004, "<0.1%"),
        (0.97, "97%"),
        (0.9712, "97.1%"),
        (0.9996, ">99.9%"),
        (1, "100%"),
    ],
)
def test_a_share_is_all_or_nothing_only_where_it_is_exactly_that(value: float | None, said: str) -> None:
    assert words.share(value) == said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "unlabeled"),
        ("cat", "cat"),
        ([], "none"),
        (["a", "b"], "a, b"),
        ([1.5], "1.5"),
        ([1.5, 2.0], "price 1.5, size 2"),
    ],
)
def test_an_answer_is_said_by_its_names(answer: Any, said: str) -> None:
    assert words.said(answer, ["price", "size"]) == said


@pytest.mark.parametrize(
    "format", ["safetensors", "huggingface", "onnx", "onnx-fp16", "onnx-int8", "executorch"]
)
@pytest.mark.parametrize(
    "inputs",
    [
        [{"name": "image", "dtype": "uint8", "shape": [None, 1, 8, 8], "layout": "NCHW", "range": [0, 255]}],
        [
            {"name": name, "dtype": "int64", "shape": [None, None], "layout": "NL", "range": None}
            for name in ("input_ids", "attention_mask")
        ],
        [],
    ],
)
def test_the_lines_that_load_a_file_are_python_and_name_it(format: str, inputs: list[dict[str, Any]]) -> None:
    file = File("export", format, f"student-of-{format}", 1, "ab" * 32)
    lines = loading.loading(format, {"inputs": inputs}, [file], "text-classification")

    assert lines is not None
    compile(lines, "page", "exec")
    if format.startswith("onnx"):
        assert f"student/student-of-{format}" in lines
        assert all(entry["name"] in lines for entry in inputs)


def test_nothing_is_said_of_a_format_that_nobody_knows() -> None:
    assert loading.loading("abacus", {}, [], "regression") is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ("teacher", "resnet@prod")),
        ({"teacher": {"train": {"architecture": "mlp"}}}, ("teacher", "trained by the job: mlp")),
        (
            {"teacher": None, "teachers": [{"model": "a"}, {"model": "b"}], "combine": "most_confident"},
            ("teachers", "a, b, combined: most confident"),
        ),
        ({"labels": {"count": 1000}}, ("labels", "1,000")),
        (
            {"student": {"from_teacher": {"num_layers": 2}}},
            ("student", "made from the teacher: num layers 2, width 1"),
        ),
        ({"student": {"model": "old"}}, ("student", "begins as old")),
        ({"evaluation": {"seeds": 3}}, ("seeds", "3")),
        (
            {"output": {"name": "digits", "alias": "candidate"}},
            ("becomes", "the next version of digits, alias candidate"),
        ),
    ],
)
def test_what_was_asked_is_said_in_a_few_lines(changes: dict[str, Any], said: tuple[str, str]) -> None:
    document = {
        "name": "job",
        "task": "image-classification",
        "teacher": "resnet@prod",
        "dataset": "data",
        "student": {"architecture": "mlp", "config": {"depth": 2}},
    }

    assert said in list(asked(parse_job(document | changes).model_dump(mode="json")))
