"""The table of every export: its documents are valid, and the page has a place for it."""

from pathlib import Path

import pytest

from benchmarks import exports
from benchmarks.teaches.data import SOURCES
from distill.config.document import parse_job


@pytest.mark.parametrize("name", exports.STUDENTS)
def test_a_job_of_the_table_is_a_valid_document(name: str) -> None:
    job = parse_job(exports.document(name, SOURCES[name].task))

    assert [export.format for export in job.exports][:2] == ["safetensors", "onnx"]


def test_the_page_of_exports_shows_the_table() -> None:
    _, shown = Path(exports.PAGE).read_text().split("<!-- exports -->\n")

    assert "| --- |" in shown.split("<!-- end -->")[0]
