"""Measure written files on the test split. The only place, with verification, that opens it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distill.batches import View
from distill.config.job import Latency
from distill.config.networks import Network
from distill.evaluate.cost import latencies, macs
from distill.evaluate.figures import figures
from distill.models import load_network, parameters, weights_name
from distill.preprocess import Inputs
from distill.rejection import Rejected

CHUNK = 256


@dataclass(frozen=True)
class NetworkFile:
    """A network on disk, and how its outputs stand to the dataset's labels."""

    network: Network
    folder: Path
    labels_used: int | None
    """Labels that it was trained on; None where nobody told."""
    order: Tensor | None = None


@dataclass(frozen=True)
class Measured:
    """Logits (n, classes) of one network on test, in the order of the dataset's labels, and its figures."""

    logits: Tensor
    figures: dict[str, Any]


def measure(
    files: Mapping[str, NetworkFile],
    view: View,
    *,
    names: list[str],
    latency: Latency,
    heed: Callable[[], None],
) -> dict[str, Measured]:
    """Load each file afresh and measure it: what it answers, what it costs.

    Raises:
        Rejected: `outputs_not_finite`.
    """
    modules = {run: load_network(file.network, file.folder) for run, file in files.items()}
    times = latencies(modules, _first(view, latency.batch_size), latency)
    one = _first(view, 1)
    labeled = view.labeled_rows()
    result = {}
    for run, file in files.items():
        module, weights = modules[run], weights_name(file.network)
        cost = {
            "parameters": parameters(module),
            "size_bytes": (file.folder / weights).stat().st_size,
            "macs": macs(module, one),
            "latency_ms": times[run],
            "labels_used": file.labels_used,
            "file": weights,
            "sha256": file.network.files[weights],
        }
        logits = logits_on(module.to(view.device), view, heed)
        if not bool(torch.isfinite(logits).all()):
            raise Rejected(
                "outputs_not_finite",
                "user",
                f"the {run} answers some test examples with NaN or infinity",
                "lower the learning rate; of an uploaded teacher, check the preprocessing",
            )
        if file.order is not None:
            logits = logits[:, file.order]
        result[run] = Measured(logits, figures(logits[labeled], view.labels[labeled], names) | cost)
    return result


def _first(view: View, count: int) -> Inputs:
    """The first `count` examples as a network takes them, on the CPU; repeated where there are fewer."""
    inputs, _ = view.batch(torch.arange(count) % len(view))
    if isinstance(inputs, Tensor):
        return inputs.cpu()
    return {name: tensor.cpu() for name, tensor in inputs.items()}


def logits_on(module: nn.Module, view: View, heed: Callable[[], None]) -> Tensor:
    """Logits float32 (n, classes) of every example, on the CPU."""
    chunks = []
    rows = torch.arange(len(view))
    for start in range(0, len(view), CHUNK):
        heed()
        inputs, _ = view.batch(rows[start : start + CHUNK])
        with torch.inference_mode():
            chunks.append(module(inputs).float().cpu())
    return torch.cat(chunks).clone()
