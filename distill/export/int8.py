"""ONNX with 8-bit weights: a quarter of the bytes, and on most processors several times as fast.

Networks of convolutions and linear layers are rounded statically (Jacob et al., 2018, Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference): symmetric weights with a
scale for each output channel; activations with one scale and zero point for each tensor, from the
smallest and the largest value that training examples gave it. Preprocessing and the units of numbers
stay in float32, and so does what a linear layer gives. Transformers are rounded dynamically: weights
once, activations anew for each call.

Weights take 7 of their 8 bits. With 8, the instruction by which older processors multiply bytes
(VPMADDUBSW) overflows, and the same file answers worse there than on a newer one; with 7 it answers
alike on all, and what was measured is what a user gets.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distill.config.exports import Calibration, Export
from distill.export.graph import graph_of, is_exact
from distill.export.onnx import written
from distill.export.source import Made, Source, inputs_of

CHUNK = 64
"""Examples that go through the graph at once."""


def make(export: Export, source: Source, out: Path) -> Made:
    """`student-int8.onnx`; inputs and outputs are those of `student.onnx`.

    Raises:
        CannotExport: torch knows no ONNX operators for this network.
    """
    calibration = export.calibration or Calibration()
    if source.is_transformer:
        return written(_dynamic(source), "student-int8.onnx", export, source, out)
    rows = calibration_rows(source, calibration)
    record = {"method": "minmax", "split": "train", "examples": len(rows), "seed": source.seed}
    return written(_static(source, rows), "student-int8.onnx", export, source, out, calibration=record)


def int8_outputs(export: Export, source: Source, inputs: Tensor) -> Tensor:
    """What the static 8-bit export of this network would answer, float32 (n, outputs) in the units of the
    labels, for `inputs` (n, ...) as they are stored. It runs here, on one thread.

    Raises:
        CannotExport: torch knows no ONNX operators for this network.
    """
    import onnxruntime

    model = _static(source, calibration_rows(source, export.calibration or Calibration()))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), one_thread(), providers=["CPUExecutionProvider"]
    )
    (name,) = (entry["name"] for entry in inputs_of(source.network))
    answers = [session.run(None, {name: chunk.cpu().numpy()})[0] for chunk in torch.split(inputs, CHUNK)]
    return torch.from_numpy(np.concatenate(answers))


def one_thread() -> Any:
    """Options of a session that computes where it is called, and says nothing but errors."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def calibration_rows(source: Source, calibration: Calibration) -> Tensor:
    """The rows of train that find the ranges, int64: drawn by the seed, in their order."""
    assert isinstance(source.training, Tensor)
    there = len(source.training)
    drawn = np.random.default_rng(source.seed).permutation(there)[: calibration.examples]
    return torch.from_numpy(np.sort(drawn))


def _static(source: Source, rows: Tensor) -> Any:
    from onnxruntime import quantization

    graph = graph_of(source)
    return _rounded(
        quantization.quantize_static,
        graph,
        _Examples(source, rows),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        reduce_range=True,
        activation_type=quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
        calibrate_method=quantization.CalibrationMethod.MinMax,
        nodes_to_exclude=[node.name for node in graph.graph.node if is_exact(node)],
        extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
    )


def _dynamic(source: Source) -> Any:
    from onnxruntime import quantization

    return _rounded(
        quantization.quantize_dynamic,
        graph_of(source),
        per_channel=True,
        reduce_range=True,
        weight_type=quantization.QuantType.QInt8,
    )


def _rounded(how: Any, graph: Any, *arguments: Any, **options: Any) -> Any:
    import onnx
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    add_pre_process_metadata(graph)  # true: the exporter folded batch norms and inferred shapes
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "rounded.onnx"
        how(graph, str(path), *arguments, **options)
        return onnx.load(path)


class _Examples:
    """Calibration examples, as `onnxruntime.quantization` reads them: until it gets None."""

    def __init__(self, source: Source, rows: Tensor) -> None:
        assert isinstance(source.training, Tensor)
        (self._name,) = (entry["name"] for entry in inputs_of(source.network))
        self._chunks = _chunks(source.training, rows)

    def get_next(self) -> dict[str, Any] | None:
        chunk = next(self._chunks, None)
        return None if chunk is None else {self._name: chunk.cpu().numpy()}


def _chunks(inputs: Tensor, rows: Tensor) -> Iterator[Tensor]:
    for chunk in torch.split(rows, CHUNK):
        yield inputs[chunk.to(inputs.device)]
