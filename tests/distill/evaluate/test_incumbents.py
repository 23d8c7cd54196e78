"""A model beside which a gate puts the student sees examples as it always did."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from distill.batches import View
from distill.config.folder import Incumbent
from distill.config.networks import Network
from distill.data.opened import open_split
from distill.evaluate.incumbents import incumbents_of
from distill.evaluate.measure import Candidate, answers_on, measure
from distill.models import load_network
from distill.preprocess import Preprocessor
from distill.tasks import science_of
from tests.distill.evaluate.finished import bert, texts

CPU = torch.device("cpu")


def named(network: Network) -> Incumbent:
    return Incumbent(model="mdl_old", name="old", version=1, said="old", network=network)


def test_a_network_that_reads_shorter_texts_than_the_teacher_still_does(tmp_path: Path) -> None:
    dataset = texts(tmp_path / "data", examples=40)
    test = open_split(tmp_path / "data", dataset.splits["test"], dataset)
    teacher = bert(tmp_path / "teacher", "feature-extraction", dataset, outputs=8)
    old = bert(
        tmp_path / "in" / "incumbents" / "0", "feature-extraction", dataset, outputs=8, max_length=4, seed=1
    )
    preprocessors = {
        name: Preprocessor.of(network.preprocessing, dataset.input, folder / "tokenizer.json")
        for name, network, folder in (
            ("teacher", teacher, tmp_path / "teacher"),
            ("old", old, tmp_path / "in" / "incumbents" / "0"),
        )
    }
    opened: Any = SimpleNamespace(
        folder=tmp_path, dataset=dataset, preprocessor=preprocessors["teacher"], device=CPU
    )
    science = science_of("feature-extraction")

    candidates = {
        "teacher": Candidate((), lambda: load_network(teacher, tmp_path / "teacher"), None),
        **incumbents_of(opened, [named(old)], test),
    }
    view = View.of(test, preprocessors["teacher"], CPU)
    _, found = measure(candidates, view, science=science, names=[], latency=None, heed=lambda: None)

    alone = load_network(old, tmp_path / "in" / "incumbents" / "0")
    as_ever = answers_on(alone, View.of(test, preprocessors["old"], CPU), science, lambda: None).outputs
    as_the_job = answers_on(alone, view, science, lambda: None).outputs
    assert torch.equal(found["mdl_old"].outputs, as_ever)
    assert not torch.allclose(as_ever, as_the_job)
