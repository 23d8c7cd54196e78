"""Files are measured as they are, and what cannot be judged is refused."""

from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from distill.batches import View
from distill.config.job import Latency
from distill.config.networks import Dataset, Network
from distill.data.opened import open_split
from distill.evaluate.measure import Candidate, Measured, NetworkFile, Rows, measure
from distill.models import load_network
from distill.preprocess import Preprocessor
from distill.rejection import Rejected
from distill.tasks import science_of
from tests.distill.evaluate import finished


def candidate(
    network: Network, folder: Path, module: nn.Module | None = None, *, timed: bool = False
) -> Candidate:
    load = partial(load_network, network, folder) if module is None else lambda: module
    return Candidate((NetworkFile(network, folder),), load=load, labels_used=7, timed=timed)


def measured(
    dataset: Dataset, data: Path, teacher: Candidate, **others: Candidate
) -> tuple[Rows, dict[str, Measured]]:
    network, folder = teacher.files[0].network, teacher.files[0].folder
    tokenizer = folder / "tokenizer.json" if dataset.input.kind == "text" else None
    preprocessor = Preprocessor.of(network.preprocessing, dataset.input, tokenizer)
    split = open_split(data, dataset.splits["test"], dataset)
    return measure(
        {"teacher": teacher, **others},
        View.of(split, preprocessor, torch.device("cpu")),
        science=science_of(dataset.task),
        names=dataset.labels,
        latency=Latency(),
        heed=lambda: None,
    )


def test_every_candidate_has_its_costs_and_only_those_that_are_to_be_are_timed(tmp_path: Path) -> None:
    dataset = finished.table(tmp_path / "data", "regression")
    network = finished.mlp(tmp_path / "mlp", dataset)

    _, found = measured(
        dataset,
        tmp_path / "data",
        candidate(network, tmp_path / "mlp", timed=True),
        **{"student.seed2": candidate(network, tmp_path / "mlp")},
    )

    teacher, other = found["teacher"].figures, found["student.seed2"].figures
    assert teacher["parameters"] == 4 * 16 + 16 + 16 * 2 + 2
    assert teacher["macs"] == 4 * 16 + 16 * 2
    assert teacher["size_bytes"] == (tmp_path / "mlp" / "model.safetensors").stat().st_size
    assert teacher["sha256"] == network.files["model.safetensors"]
    assert teacher["labels_used"] == 7
    assert teacher["latency_ms"]["p50"] > 0
    assert other == teacher | {"latency_ms": None}


def test_answers_that_are_no_numbers_are_refused_by_the_name_of_who_gave_them(tmp_path: Path) -> None:
    dataset = finished.table(tmp_path / "data", "regression")
    network = finished.mlp(tmp_path / "mlp", dataset)
    broken = load_network(network, tmp_path / "mlp")
    nn.init.constant_(next(broken.parameters()), torch.nan)

    with pytest.raises(Rejected) as refused:
        measured(
            dataset,
            tmp_path / "data",
            candidate(network, tmp_path / "mlp"),
            student=candidate(network, tmp_path / "mlp", broken),
        )

    assert refused.value.code == "outputs_not_finite"
    assert "the student" in refused.value.message


def test_networks_that_see_no_tagged_word_cannot_be_judged(tmp_path: Path) -> None:
    dataset = finished.tagged(tmp_path / "data", examples=40)
    outputs = len(dataset.labels)
    network = finished.bert(tmp_path / "bert", dataset.task, dataset, outputs=outputs, max_length=2)

    with pytest.raises(Rejected) as refused:
        measured(dataset, tmp_path / "data", candidate(network, tmp_path / "bert"))

    assert refused.value.code == "no_word_seen"
