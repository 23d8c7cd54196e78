"""A student as a graph of ONNX operators: what every format of onnxruntime begins with."""

import ast
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch

from distill.config.networks import Network
from distill.export.source import AsStored, CannotExport, Source, example_of, inputs_of, output_of
from distill.models import weights_name
from distill.preprocess import view

OPSET = 18
"""The oldest that resizes images as the networks see them (antialiased), for the most runtimes."""
PARTS = ("preprocessing", "network", "units")
"""What the name of every node begins with."""
SCOPES = "pkg.torch.onnx.name_scopes"
NOISY = "torch.onnx._internal.exporter._registration"
"""Says of every export that torchvision is not installed, which no network here needs."""

_GRAPHS: "WeakKeyDictionary[Source, Any]" = WeakKeyDictionary()


def graph_of(source: Source) -> Any:
    """The float32 graph, a new `onnx.ModelProto`: from examples as stored to answers in units.

    It is drawn once for a source, which takes seconds. Its nodes are named `preprocessing/...`,
    `network/...` or `units/...`. The same weights give the same bytes.

    Raises:
        CannotExport: torch knows no ONNX operators for this network.
    """
    import onnx

    if source not in _GRAPHS:
        _GRAPHS[source] = described(_named(_drawn(source)), source.network)
    copy = onnx.ModelProto()
    copy.CopyFrom(_GRAPHS[source])
    return copy


def _drawn(source: Source) -> Any:
    network = source.network
    names = [entry["name"] for entry in inputs_of(network)]
    free = _free_dimensions(network)
    with _quietly():
        try:
            program = torch.onnx.export(
                AsStored(source),
                example_of(network),
                dynamo=True,
                opset_version=OPSET,
                input_names=names,
                output_names=[output_of(network)],
                dynamic_shapes={"inputs": tuple(free for _ in names)},
                external_data=False,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise CannotExport(f"torch.onnx could not export this network: {_first_line(error)}") from error
    assert program is not None
    return program.model_proto


def _free_dimensions(network: Network) -> dict[int, Any]:
    """Any number of examples, and of texts any number of tokens that the network was trained for."""
    free: dict[int, Any] = {0: torch.export.Dim("batch")}
    if network.input.kind == "text":
        (longest,) = view(network.input, network.preprocessing).shape
        if longest > 1:
            free[1] = torch.export.Dim("sequence", max=longest)
    return free


@contextmanager
def _quietly() -> Iterator[None]:
    logger = logging.getLogger(NOISY)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # torch.export copies a class of torch's own that torch has deprecated
            warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
            # ids and mask have one batch dimension between them, and it is named once
            warnings.filterwarnings("ignore", message=".*shares the same shape constraints")
            yield
    finally:
        logger.setLevel(level)


def _first_line(error: Exception) -> str:
    return str(error.__cause__ or error).strip().partition("\n")[0]


def _named(model: Any) -> Any:
    """By which part each node belongs to, as the exporter's notes say."""
    part = PARTS[0]
    for number, node in enumerate(model.graph.node):
        scopes = next((entry.value for entry in node.metadata_props if entry.key == SCOPES), "[]")
        part = next((scope for scope in ast.literal_eval(scopes) if scope in PARTS), part)
        node.name = f"{part}/{node.op_type}_{number}"
    return model


def is_exact(node: Any) -> bool:
    """Whether a node stays in float32 where a network is rounded."""
    return not node.name.startswith("network/")


def described(model: Any, network: Network) -> Any:
    """What it is, instead of the notes of those who made it: these hold the paths of this machine."""
    graph = model.graph
    for noted in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        noted.ClearField("doc_string")
        noted.ClearField("metadata_props")
    model.ClearField("metadata_props")
    for key, value in metadata_of(network).items():
        model.metadata_props.add(key=key, value=value)
    return model


def metadata_of(network: Network) -> dict[str, str]:
    """What every ONNX file says of itself: task, labels in the order of the outputs, preprocessing, and
    the sha256 of the student's weights where these lie in a file."""
    facts = {
        "task": network.task,
        "architecture": network.architecture,
        "labels": json.dumps(network.labels),
        "preprocessing": network.preprocessing.model_dump_json(),
    }
    if network.files:
        facts["student_sha256"] = network.files[weights_name(network)]
    return facts
