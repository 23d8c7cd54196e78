"""Measure written files on the test split. The only place, with verification, that opens it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distill.batches import View
from distill.config.job import Latency
from distill.config.networks import Network
from distill.evaluate.cost import Times, macs, times_in_turns
from distill.losses.terms import Answer
from distill.models import parameters, weights_name
from distill.preprocess import Inputs
from distill.rejection import Rejected
from distill.tasks.science import Science, Scores

CHUNK = 256


@dataclass(frozen=True)
class NetworkFile:
    """The weights of one network on disk."""

    network: Network
    folder: Path

    @property
    def name(self) -> str:
        return weights_name(self.network)

    @property
    def sha256(self) -> str:
        return self.network.files[self.name]

    @property
    def size_bytes(self) -> int:
        return (self.folder / self.name).stat().st_size


@dataclass(frozen=True)
class Candidate:
    """What is measured under one name: a network on disk, or a panel of several that answer as one."""

    files: tuple[NetworkFile, ...]
    load: Callable[[], nn.Module]
    """Reads the files afresh. The outputs are in the order and in the units of the dataset's labels."""
    labels_used: int | None
    """Labels that it was trained on; None where nobody told."""
    timed: bool = False
    """Whether its latency is measured."""
    sees: View | None = None
    """Its own view of the split; None where that is the job's."""


@dataclass(frozen=True)
class Rows:
    """What is judged: the rows of the test split, and those of them that have a label."""

    science: Science
    names: list[str]
    """Of the outputs."""
    labels: Tensor
    examples: Tensor
    """int64 (N,): of which example each row is."""

    @cached_property
    def labeled(self) -> Tensor:
        """bool (N,)."""
        return self.science.labeled(self.labels)


@dataclass(frozen=True)
class Measured:
    """What one candidate answers on test, float32 (N, outputs), one for each row, and its figures."""

    outputs: Tensor
    figures: dict[str, Any]
    scores: Scores
    """Of the labeled rows, one for each example that has any."""
    times: Times | None = None
    """Of its calls; None where it was not timed, or is timed elsewhere."""

    def costing(self, peak_memory_bytes: int | None, times: Times | None) -> "Measured":
        """The same, with what it cost in a process of its own; without `times` it keeps its own."""
        times = times or self.times
        cost = {"latency_ms": times and times.latency_ms(), "peak_memory_bytes": peak_memory_bytes}
        return replace(self, figures=self.figures | cost, times=times)


def measure(
    candidates: Mapping[str, Candidate],
    view: View,
    *,
    science: Science,
    names: list[str],
    latency: Latency | None,
    heed: Callable[[], None],
) -> tuple[Rows, dict[str, Measured]]:
    """Load the files of each candidate afresh and measure it: what it answers, what it costs.

    Those that are to be timed are on the target `latency`; None where that is done in processes of their
    own. Where the target is the teacher's own embedding, what the candidate `teacher`
    answers is the label.

    Raises:
        Rejected: `outputs_not_finite`, or `no_word_seen` where no tagged word is among the tokens of test.
    """
    modules = {run: candidate.load() for run, candidate in candidates.items() if candidate.timed}
    views = {run: candidate.sees or view for run, candidate in candidates.items()}
    times = {} if latency is None else _timed(modules, views, latency)
    costs, answers = {}, {}
    for run, candidate in candidates.items():
        module = modules.pop(run) if run in modules else candidate.load()
        costs[run] = _cost(candidate, module, _first(views[run], 1))
        answers[run] = answers_on(module.to(view.device), views[run], science, heed)
        if not bool(torch.isfinite(answers[run].outputs).all()):
            raise Rejected(
                "outputs_not_finite",
                "user",
                f"the {run} answers some test examples with NaN or infinity",
                "lower the learning rate; of an uploaded teacher, check the preprocessing",
            )
    teacher = answers["teacher"]
    labels = teacher.outputs if science.target == "embedding" else teacher.labels
    rows = Rows(science, names, labels, teacher.examples)
    if not bool(rows.labeled.any()):
        raise Rejected(
            "no_word_seen",
            "data",
            "no tagged word of test is among the tokens that the networks see",
            "raise preprocessing.max_length of the teacher, or check its tokenizer",
        )
    return rows, {run: _judged(answers[run].outputs, rows, costs[run], times.get(run)) for run in candidates}


def _judged(outputs: Tensor, rows: Rows, cost: dict[str, Any], times: Times | None) -> Measured:
    judged = (outputs[rows.labeled], rows.labels[rows.labeled], rows.examples[rows.labeled])
    science = rows.science
    figures = science.figures(*judged, rows.names) | cost
    figures |= {"latency_ms": times and times.latency_ms(), "peak_memory_bytes": None}
    return Measured(outputs, figures, science.scores(*judged), times)


def _cost(candidate: Candidate, module: nn.Module, one: Inputs) -> dict[str, Any]:
    """Of a panel the sum of all, and its files by name."""
    files = candidate.files
    cost: dict[str, Any] = {
        "parameters": parameters(module),
        "size_bytes": sum(file.size_bytes for file in files),
        "macs": macs(module, one),
        "labels_used": candidate.labels_used,
    }
    if len(files) == 1:
        return cost | {"file": files[0].name, "sha256": files[0].sha256}
    return cost | {"files": [{"file": file.name, "sha256": file.sha256} for file in files]}


def _timed(modules: Mapping[str, nn.Module], views: Mapping[str, View], target: Latency) -> dict[str, Times]:
    """Each from examples as they are stored, of texts from their tokens, to answers on the CPU."""
    device = torch.device(target.device)
    calls = {run: _call(module.to(device), views[run], target, device) for run, module in modules.items()}
    found = times_in_turns(calls, target)
    for module in modules.values():
        module.cpu()
    return found


def _call(module: nn.Module, view: View, target: Latency, device: torch.device) -> Callable[[], Tensor]:
    rows = torch.arange(target.batch_size) % len(view)
    stored = view.inputs[rows.to(view.inputs.device)].cpu() if isinstance(view.inputs, Tensor) else None
    tokens = _first(view, target.batch_size)

    def call() -> Tensor:
        inputs = _on(tokens, device) if stored is None else view.preprocessor(stored.to(device))
        return outputs_of(module(inputs)).cpu()

    return call


def _first(view: View, count: int) -> Inputs:
    """The first `count` examples as a network takes them, on the CPU; repeated where there are fewer."""
    inputs, _ = view.batch(torch.arange(count) % len(view))
    return _on(inputs, torch.device("cpu"))


def _on(inputs: Inputs, device: torch.device) -> Inputs:
    if isinstance(inputs, Tensor):
        return inputs.to(device)
    return {name: tensor.to(device) for name, tensor in inputs.items()}


@dataclass(frozen=True)
class Answers:
    """Of every row of a split, on the CPU: outputs float32 (N, outputs), its label and its example."""

    outputs: Tensor
    labels: Tensor
    examples: Tensor


def answers_on(module: nn.Module, view: View, science: Science, heed: Callable[[], None]) -> Answers:
    """What `module` answers on each example of `view`, in order."""
    chunks = []
    everything = torch.arange(len(view))
    for start in range(0, len(view), CHUNK):
        heed()
        examples = everything[start : start + CHUNK]
        inputs, labels = view.batch(examples)
        with torch.inference_mode():
            outputs = outputs_of(module(inputs))
            rows = (
                science.rows(outputs.float(), inputs),
                science.row_labels(labels, inputs),
                science.row_examples(examples, inputs),
            )
            chunks.append(tuple(part.cpu() for part in rows))
    return Answers(*(torch.cat(parts).clone() for parts in zip(*chunks, strict=True)))


def outputs_of(answer: Answer | Tensor) -> Tensor:
    """The outputs of a network, whether it is a teacher or not."""
    return answer.outputs if isinstance(answer, Answer) else answer
