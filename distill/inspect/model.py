"""Inspect an uploaded teacher: read names and shapes, build the network they belong to, compare.

Only then are its weights read, checked, and rewritten as `out/model.safetensors`, the one file
that training ever loads.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from distill import models
from distill.config.events import ModelInspected
from distill.config.folder import InspectModel
from distill.config.networks import Network, Preprocessing
from distill.data.budget import require_memory
from distill.data.canonical import file_sha256
from distill.inspect.dataset import Sink
from distill.inspect.declared import (
    input_of,
    labels_of,
    outputs_of,
    preprocessing_of,
    require_configuration,
    task_of,
)
from distill.inspect.huggingface_zip import HuggingFaceUpload, open_huggingface
from distill.inspect.inference import Guess
from distill.inspect.matching import Comparison, architecture_missing, best_matches, compare, mismatch
from distill.inspect.names import Renamed, rename
from distill.inspect.safetensors_file import open_safetensors
from distill.inspect.sniffing import kind_of_file
from distill.inspect.state_dict_file import open_state_dict, refuse_bare_pickle
from distill.inspect.tensors import Shapes, Upload, require_finite
from distill.preprocess import view
from distill.rejection import Rejected


@dataclass(frozen=True)
class _Opened:
    upload: Upload
    huggingface: HuggingFaceUpload | None = None


def inspect_model(request: InspectModel, folder: Path, events: Sink) -> None:
    """Judge `folder/in/upload` and send `ModelInspected`.

    Raises:
        Rejected: says what is wrong with the file or the request, and what to do.
    """
    scratch = folder / "out" / "unpacked.safetensors"
    try:
        opened = _open(folder / "in" / "upload", request, scratch)
        events.send(_inspected(opened, request, folder / "out"))
    finally:
        scratch.unlink(missing_ok=True)


def _open(path: Path, request: InspectModel, scratch: Path) -> _Opened:
    kind = kind_of_file(path, request)
    if kind == "pickle":
        raise refuse_bare_pickle(path)
    if kind == "huggingface":
        _require_nothing_besides(request)
        huggingface = open_huggingface(path, scratch, request.config)
        return _Opened(huggingface.weights, huggingface)
    if kind == "safetensors":
        return _Opened(open_safetensors(path))
    return _Opened(open_state_dict(path, key=request.state_dict_key))


def _require_nothing_besides(request: InspectModel) -> None:
    """A Hugging Face zip says itself which network it holds; another word on it would go unheard. How an
    embedding is pooled it need not say."""
    of_pooling = request.config is not None and set(request.config) <= {"pooling", "normalize"}
    config = None if of_pooling else request.config
    said = {"architecture": request.architecture, "config": config, "input": request.input}
    besides = [name for name, value in said.items() if value not in (None, "huggingface")]
    if besides:
        raise Rejected(
            "described_twice",
            "user",
            f"the zip's config.json says which network it holds; {' and '.join(besides)} cannot say so too",
            f"leave out {' and '.join(besides)}, or upload the bare weights",
            {"pointer": f"/{besides[0]}"},
        )


def _inspected(opened: _Opened, request: InspectModel, out: Path) -> ModelInspected:
    upload = opened.upload
    renamed = rename(upload.shapes, request.key_map)
    shapes = {renamed.names[name]: shape for name, shape in upload.shapes.items()}
    network, module, comparison = _network(opened, request, shapes)
    require_memory(upload.bytes, "the file")
    tensors = _read(upload, renamed, comparison)
    weights = out / "model.safetensors"
    save_file(tensors, weights)
    files = {weights.name: file_sha256(weights)}
    if opened.huggingface is not None:
        files["tokenizer.json"] = _keep_tokenizer(opened.huggingface.tokenizer, out)
    preprocessing = network.preprocessing.model_copy(update={"tokenizer": files.get("tokenizer.json")})
    seen = view(network.input, preprocessing)
    return ModelInspected(
        network=network.model_copy(update={"files": files, "preprocessing": preprocessing}),
        parameters=models.parameters(module),
        size_bytes=weights.stat().st_size,
        layers=[layer.model_dump() for layer in models.layers(module, seen)],
        report=_report(opened, renamed, comparison, request, network),
    )


def _network(opened: _Opened, request: InspectModel, shapes: Shapes) -> tuple[Network, nn.Module, Comparison]:
    """The record of the network, and the network on the meta device that these shapes fit."""
    huggingface = opened.huggingface
    declared = request.input
    preprocessing = request.preprocessing or Preprocessing()
    matches = best_matches(shapes, view(declared, preprocessing) if declared else None)
    if huggingface is not None:
        architecture, config = "huggingface", huggingface.config
    elif request.architecture is None:
        raise architecture_missing(shapes, matches)
    else:
        architecture = request.architecture
        config = request.config if request.config is not None else _inferred(architecture, matches)
    require_configuration(architecture, config)
    task = task_of(request, architecture, huggingface, matches)
    config = models.complete(architecture, config, task=task)
    input = input_of(request, architecture, shapes, task, huggingface)
    preprocessing = preprocessing_of(request, input, huggingface)
    outputs = outputs_of(architecture, config, shapes, request.labels, task)
    module = models.build_on_meta(architecture, config, input=view(input, preprocessing), num_outputs=outputs)
    comparison = compare(module, shapes)
    if not comparison.fits:
        raise mismatch(architecture, comparison, matches)
    network = Network(
        task=task,
        architecture=architecture,
        config=config,
        labels=labels_of(request, huggingface, outputs, task),
        num_outputs=outputs,
        input=input,
        preprocessing=preprocessing,
    )
    return network, module, comparison


def _inferred(architecture: str, matches: list[tuple[float, Guess]]) -> dict[str, Any]:
    """The parameters that the shapes tell, where nobody gave them; else the defaults."""
    config = next((guess.config for _, guess in matches if guess.architecture == architecture), {})
    return {name: value for name, value in config.items() if name != "head"}  # the task says which


def _read(upload: Upload, renamed: Renamed, comparison: Comparison) -> dict[str, Tensor]:
    """The weights under our names: contiguous, float32, each with bytes of its own."""
    read = upload.read()
    changed = {name for name, shape in upload.shapes.items() if tuple(read[name].shape) != shape}
    if changed or set(read) != set(upload.shapes):
        raise Rejected("unreadable_file", "data", "the file holds other tensors than it declares")
    dropped = set(comparison.dropped)
    tensors = {renamed.names[name]: tensor for name, tensor in read.items()}
    require_finite(tensors)
    kept = {name: _canonical(tensor) for name, tensor in tensors.items() if name not in dropped}
    kept.update({name: torch.zeros((), dtype=torch.int64) for name in comparison.filled})
    return kept


def _canonical(tensor: Tensor) -> Tensor:
    if tensor.is_floating_point():
        tensor = tensor.float()
    return tensor.detach().contiguous().clone()


def _keep_tokenizer(tokenizer: Tokenizer, out: Path) -> str:
    path = out / "tokenizer.json"
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(path))
    return file_sha256(path)


def _report(
    opened: _Opened, renamed: Renamed, comparison: Comparison, request: InspectModel, network: Network
) -> dict[str, Any]:
    """What was stripped, mapped, left out and assumed."""
    upload = opened.upload
    converted = sorted(
        {
            str(dtype).removeprefix("torch.")
            for dtype in upload.dtypes.values()
            if dtype.is_floating_point and dtype != torch.float32
        }
    )
    return {
        "tensors": len(upload.shapes),
        "found_in": upload.found_in,
        "beside": [name for name in upload.beside if name != upload.found_in],
        "stripped": renamed.stripped,
        "mapped": dict(list(renamed.mapped.items())[:100]),
        "mapped_count": len(renamed.mapped),
        "filled": comparison.filled[:50],
        "dropped": comparison.dropped,
        "converted_to_float32": converted,
        "ignored": opened.huggingface.ignored if opened.huggingface else [],
        "inferred": _inferred_fields(opened, request, network),
    }


def _inferred_fields(opened: _Opened, request: InspectModel, network: Network) -> dict[str, Any]:
    """What nobody said and the file told."""
    said = {
        "task": request.task,
        "config": request.config,
        "input": request.input,
        "preprocessing": request.preprocessing,
        "labels": request.labels,
    }
    record = network.model_dump(include=set(said))
    return {name: record[name] for name, value in said.items() if value is None}
