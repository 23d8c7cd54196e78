"""ONNX with 16-bit floats: half the bytes, for runtimes that compute in them."""

import sys
from pathlib import Path
from typing import Any

from distill.config.exports import Export
from distill.export.graph import graph_of, is_exact
from distill.export.onnx import written
from distill.export.source import Made, Source


def make(export: Export, source: Source, out: Path) -> Made:
    """`student-fp16.onnx`; inputs and outputs are those of `student.onnx`, float32 where they are there.

    Preprocessing and the units of numbers stay in float32: a feature or a label may be larger than the
    largest float16, which is 65504.

    Raises:
        CannotExport: torch knows no ONNX operators for this network.
    """
    graph = graph_of(source)
    exact = [node.name for node in graph.graph.node if is_exact(node)]
    halved = _converter()(graph, keep_io_types=True, node_block_list=exact)
    return written(_without_detours(halved), "student-fp16.onnx", export, source, out)


def _converter() -> Any:
    path = list(sys.path)
    try:
        import onnxruntime.transformers.onnx_utils  # noqa: F401 # finds its kin there; 8 bits need it later
        from onnxruntime.transformers.float16 import convert_float_to_float16
    finally:
        sys.path[:] = path  # to which that package appends its own folder, full of modules with common names
    return convert_float_to_float16


def _without_detours(model: Any) -> Any:
    """The converter takes what stays in float32 to float16 and back at every step, past which a large
    number is infinite; and it leaves its nodes unsorted."""
    import onnx_ir as ir
    from onnx_ir.passes.common import RemoveUnusedNodesPass

    drawn = ir.from_proto(model)
    for node in list(drawn.graph):
        if not _casts(node, ir.DataType.FLOAT):
            continue
        origin = node.inputs[0]
        if _casts(origin.producer(), ir.DataType.FLOAT16):
            origin = origin.producer().inputs[0]
        held = origin if origin.const_value is None else origin.const_value
        if held.dtype == ir.DataType.FLOAT:
            name = node.outputs[0].name
            leaves = node.outputs[0].is_graph_output()
            ir.convenience.replace_all_uses_with(node.outputs[0], origin, replace_graph_outputs=True)
            if leaves:
                node.outputs[0].name, origin.name = None, name
    drawn.graph.sort()
    RemoveUnusedNodesPass()(drawn)
    sorted_model = ir.to_proto(drawn)
    sorted_model.graph.ClearField("value_info")  # of the types before
    return sorted_model


def _casts(node: Any, to: Any) -> bool:
    return node is not None and node.op_type == "Cast" and node.attributes["to"].as_int() == to
