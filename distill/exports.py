"""The formats in which the student of a job leaves: make each, and say what it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from distill.artifacts import Artifacts
from distill.config.exports import Export
from distill.config.gating import compares_memory
from distill.config.job import JobDocument
from distill.config.networks import Network
from distill.config.tasks import TASKS
from distill.export.formats import make
from distill.export.source import CannotExport, Made, Source, preprocessing_of
from distill.models import load_network
from distill.opening import Opened

log = structlog.get_logger()


@dataclass(frozen=True)
class Exported:
    """One export of a job: made, or refused with a reason."""

    export: Export
    made: Made | None
    refusal: str | None
    description: dict[str, Any]
    """What the result says of it whatever its proof comes to."""


def stays_in_one_runtime(document: JobDocument) -> bool:
    """Whether the student leaves in no other runtime than the one in which it was measured, and nobody
    asks what others would need in a process of their own."""
    formats = {export.format for export in document.exports}
    return formats == {"safetensors"} and not compares_memory(document)


def make_exports(
    opened: Opened, student: Network, folder: Path, artifacts: Artifacts, *, heed: Callable[[], None]
) -> list[Exported]:
    """Every export but safetensors, beside the student's own files in `folder`, and kept.

    One that cannot be made is refused; the others are made all the same. `heed` is called before each.
    """
    exports = [export for export in opened.document.exports if export.format != "safetensors"]
    if not exports:
        return []
    source = Source(
        network=student,
        module=load_network(student.model_copy(update={"scale": None}), folder),
        tokenizer=opened.tokenizer,
        training=opened.train.inputs,
        seed=opened.document.seed,
    )
    made = []
    for export in exports:
        heed()
        made.append(exported(export, source, folder, artifacts))
    return made


def exported(export: Export, source: Source, folder: Path, artifacts: Artifacts) -> Exported:
    """One export in `folder`, and its files kept; or why it cannot be made."""
    try:
        made = make(export, source, folder)
    except CannotExport as error:
        log.warning("export_refused", format=export.format, reason=str(error))
        return Exported(export, None, str(error), _nothing(source.network))
    files = [
        artifacts.keep("export", export.format, f"{folder.name}/{name}", filename=name) for name in made.files
    ]
    description: dict[str, Any] = {
        "latency_ms": None,
        "size_bytes": sum(file.bytes for file in files),
        "sha256": files[0].sha256,
        "files": [{"file": file.filename, "sha256": file.sha256, "bytes": file.bytes} for file in files],
        "inputs": made.inputs,
        "preprocessing": made.preprocessing,
        "opset": made.opset,
        "calibration": made.calibration,
    }
    if export.max_drop is not None:
        description["max_drop"] = export.max_drop
    return Exported(export, made, None, description)


def _nothing(network: Network) -> dict[str, Any]:
    facts = dict.fromkeys(("size_bytes", "sha256", "inputs", "opset", "calibration"))
    return facts | {"files": [], "preprocessing": preprocessing_of(network, "outside")}


def described_safetensors(network: Network, figures: dict[str, Any]) -> dict[str, Any]:
    """The student itself, with what its loader takes."""
    name, sha256, size = figures["file"], figures["sha256"], figures["size_bytes"]
    return {
        "latency_ms": figures["latency_ms"],
        "size_bytes": size,
        "sha256": sha256,
        "files": [{"file": name, "sha256": sha256, "bytes": size}],
        "inputs": [_input(network)],
        "preprocessing": preprocessing_of(network, "inside"),
        "opset": None,
        "calibration": None,
    }


def _input(network: Network) -> dict[str, Any]:
    """What the loader takes: examples as they are stored, or texts."""
    taken = network.input
    if taken.kind == "text":
        in_words = TASKS[network.task].target == "tag"
        form = {"dtype": "string", "shape": [None, None] if in_words else [None]}
        return {"name": "text", **form, "layout": "NW" if in_words else "N", "range": None}
    return {
        "name": taken.kind,
        "dtype": taken.dtype,
        "shape": [None, *taken.shape],
        "layout": "NCHW" if taken.kind == "image" else "NF",
        "range": [0, 255] if taken.dtype == "uint8" else None,
    }
