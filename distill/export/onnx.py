"""ONNX: one file for onnxruntime and many others."""

from pathlib import Path
from typing import Any

from distill.config.exports import Export
from distill.export.graph import OPSET, described, graph_of
from distill.export.source import Made, Source, inputs_of, preprocessing_of


def make(export: Export, source: Source, out: Path) -> Made:
    """`student.onnx`: float32, any number of examples, preprocessing inside; of texts it takes tokens.

    Raises:
        CannotExport: torch knows no ONNX operators for this network.
    """
    return written(graph_of(source), "student.onnx", export, source, out)


def written(
    model: Any,
    name: str,
    export: Export,
    source: Source,
    out: Path,
    *,
    calibration: dict[str, Any] | None = None,
) -> Made:
    """Check an `onnx.ModelProto` and write it to `out/name`.

    Raises:
        onnx.checker.ValidationError: it is no valid graph.
    """
    import onnx
    import onnxruntime

    described(model, source.network)
    onnx.checker.check_model(model, full_check=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / name).write_bytes(model.SerializeToString(deterministic=True))
    is_text = source.network.input.kind == "text"
    return Made(
        export=export,
        folder=out,
        files=(name,),
        inputs=inputs_of(source.network),
        preprocessing=preprocessing_of(source.network, "outside" if is_text else "inside"),
        opset=OPSET,
        runtime=f"onnxruntime {onnxruntime.__version__}",
        calibration=calibration,
    )
