"""A student in any of the formats in which it may leave."""

from collections.abc import Callable, Mapping
from pathlib import Path

from distill.config.exports import Export, Format
from distill.export import half, int8, onnx
from distill.export.source import Made, Source

Maker = Callable[[Export, Source, Path], Made]

MAKERS: Mapping[Format, Maker] = {
    "onnx": onnx.make,
    "onnx-fp16": half.make,
    "onnx-int8": int8.make,
}
"""One module a format. `safetensors` is the student itself: see `distill.export.student`."""


def make(export: Export, source: Source, out: Path) -> Made:
    """The files of `export`, written to the folder `out`.

    Raises:
        CannotExport: there is no such file of this student, or not here.
    """
    return MAKERS[export.format](export, source, out)
