"""An exporter that breaks."""

from pathlib import Path
from typing import get_args

import pytest

from distill.config.exports import Export, Format
from distill.export import formats
from distill.export.source import CannotExport, Source


def test_an_exporter_that_breaks_costs_its_file_and_says_what_it_said(
    numbers: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(export: Export, source: Source, out: Path) -> None:
        raise KeyError("no operator aten::weird\nand much more")

    monkeypatch.setitem(formats.MAKERS, "onnx", breaks)
    with pytest.raises(CannotExport, match=r"the exporter of onnx failed on this network: .*aten::weird"):
        formats.make(Export(format="onnx"), numbers, tmp_path)


def test_every_format_but_the_students_own_has_a_maker() -> None:
    assert set(formats.MAKERS) == set(get_args(Format)) - {"safetensors"}
