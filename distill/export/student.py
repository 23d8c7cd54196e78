"""Write networks, and the folder in which a student leaves."""

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfile

from safetensors.torch import save_file
from torch import Tensor

from distill.checkpoint import separate_tensors
from distill.config.job import JobDocument
from distill.config.networks import Network
from distill.config.tasks import TASKS
from distill.data.canonical import file_sha256
from distill.preprocess import view

BUILD_IMPORT = "from distill.models.mlp import build\n"
"""The line of `standalone.py` in whose place the architecture's own source stands."""


def write_network(path: Path, weights: Mapping[str, Tensor], network: Network) -> Network:
    """Write weights to `path`, and return the record that names the file and its sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(separate_tensors(weights), path, metadata={"format": "pt"})
    return network.model_copy(update={"files": {**network.files, path.name: file_sha256(path)}})


def write_student_folder(
    folder: Path, *, document: JobDocument, network: Network, tokenizer: Path | None
) -> None:
    """`config.json`, `load.py` and for text `tokenizer.json`, beside the weights that are there."""
    record = {
        "document": document.model_dump(mode="json"),
        "target": TASKS[network.task].target,
        "network": network.model_dump(mode="json"),
        "view": view(network.input, network.preprocessing).model_dump(mode="json"),
    }
    (folder / "config.json").write_text(json.dumps(record, indent=2) + "\n")
    (folder / "load.py").write_text(loader_source(network.architecture))
    if tokenizer is not None:
        copyfile(tokenizer, folder / "tokenizer.json")


def loader_source(architecture: str) -> str:
    """A program that needs torch alone (and transformers, for a transformer): the source of the
    architecture, then that which reads a student."""
    architecture_source = _source(f"distill.models.{architecture}")
    reader = _source("distill.export.standalone")
    assert BUILD_IMPORT in reader
    _, reader = reader.replace(BUILD_IMPORT, "").split('"""\n', 1)
    return (
        '"""Load this student:\n\n'
        "    import load\n"
        '    student = load.load(".")\n'
        "    outputs = load.predict(student, examples)  # raw examples, as they are stored\n"
        "    answers = load.named(student, outputs)  # what they say, in words\n"
        '"""\n\n' + architecture_source.split('"""\n', 1)[1].lstrip() + "\n" + reader
    )


def _source(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text()
