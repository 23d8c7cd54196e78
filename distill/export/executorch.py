"""ExecuTorch: a program for phones and small devices, its work done by XNNPACK."""

import importlib.util
import warnings
from importlib.metadata import version
from pathlib import Path

import torch

from distill.config.exports import Export
from distill.export.source import (
    AsStored,
    CannotExport,
    Made,
    Source,
    example_of,
    inputs_of,
    preprocessing_of,
)
from distill.preprocess import view

NOT_INSTALLED = (
    "ExecuTorch is not installed where this job would run",
    "install it there: pip install 'limbeck-server[executorch]'; or leave executorch out of exports",
)
"""What is true, and what to do."""


def is_installed() -> bool:
    """Whether a program can be made here: ExecuTorch is an extra."""
    return importlib.util.find_spec("executorch") is not None


def make(export: Export, source: Source, out: Path) -> Made:
    """`student.pte`: float32, its method `forward` takes the inputs of `student.onnx` in their order, of one
    example at a time; of texts any number of tokens that the student was trained for.

    Raises:
        CannotExport: ExecuTorch is not installed, or has no operators for this network.
    """
    if not is_installed():
        raise CannotExport("; ".join(NOT_INSTALLED))
    out.mkdir(parents=True, exist_ok=True)
    (out / "student.pte").write_bytes(_program(source))
    is_text = source.network.input.kind == "text"
    return Made(
        export=export,
        folder=out,
        files=("student.pte",),
        inputs=[entry | {"shape": [1, *entry["shape"][1:]]} for entry in inputs_of(source.network)],
        preprocessing=preprocessing_of(source.network, "outside" if is_text else "inside"),
        opset=None,
        runtime=f"executorch {version('executorch')}",
    )


def _program(source: Source) -> bytes:
    """One example at a time, because what ExecuTorch makes of a free batch dimension holds for few sizes and
    not for resized images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it is built from warns of its own parts by the dozen
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower

        network = source.network
        example = tuple(tensor[:1] for tensor in example_of(network))
        free = {}
        if network.input.kind == "text":
            (longest,) = view(network.input, network.preprocessing).shape
            free = {1: torch.export.Dim("sequence", max=longest)} if longest > 1 else {}
        exported = torch.export.export(
            AsStored(source), example, dynamic_shapes={"inputs": tuple(free for _ in example)}, strict=False
        )
        lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
        program: bytes = lowered.to_executorch().buffer
        return program
