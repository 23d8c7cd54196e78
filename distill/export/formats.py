"""A student in any of the formats in which it may leave."""

from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from distill.config.exports import Export, Format
from distill.export import executorch, half, huggingface, int8, onnx
from distill.export.source import CannotExport, Made, Source

log = structlog.get_logger()

Maker = Callable[[Export, Source, Path], Made]

MAKERS: Mapping[Format, Maker] = {
    "huggingface": huggingface.make,
    "onnx": onnx.make,
    "onnx-fp16": half.make,
    "onnx-int8": int8.make,
    "executorch": executorch.make,
}
"""One module a format. `safetensors` is the student itself: see `distill.export.student`."""


def make(export: Export, source: Source, out: Path) -> Made:
    """The files of `export`, written to the folder `out`.

    Raises:
        CannotExport: there is no such file of this student, or not here.
    """
    try:
        return MAKERS[export.format](export, source, out)
    except CannotExport:
        raise
    except Exception as error:  # exporters fail in ways of their own, and a job must outlive that
        log.exception("export_broke", format=export.format)
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        raise CannotExport(f"the exporter of {export.format} failed on this network: {said}") from error
