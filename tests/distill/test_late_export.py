"""A finished student in another format: made, and proved outside on test, as its job would have."""

import shutil
from pathlib import Path

import pytest
import torch

from distill.config.events import StudentExported
from distill.config.exports import Export
from distill.config.folder import ExportStudent
from distill.config.job import Latency
from distill.config.networks import Network, Preprocessing
from distill.data.canonical import file_sha256
from distill.export.student import write_network
from distill.late_export import export_student
from distill.models import build
from distill.preprocess import view
from tests.distill.conftest import Inspected
from tests.distill.folders import Heard


@pytest.fixture
def folder(tmp_path: Path, digits: Inspected) -> tuple[Path, Network]:
    """What a worker stages: a small network that has learned nothing, and the digits."""
    dataset = digits.dataset
    network = Network(
        task=dataset.task,
        architecture="mlp",
        config={"depth": 2, "width": 8},
        labels=dataset.labels,
        num_outputs=len(dataset.labels),
        input=dataset.input,
        preprocessing=Preprocessing(scale=1 / 16),
    )
    torch.manual_seed(0)
    seen = view(network.input, network.preprocessing)
    module = build(network.architecture, network.config, input=seen, num_outputs=network.num_outputs)
    inputs = tmp_path / "in"
    network = write_network(inputs / "student" / "student.safetensors", module.state_dict(), network)
    (inputs / "dataset").mkdir()
    for split in dataset.splits.values():
        shutil.copy(digits.splits / split.file, inputs / "dataset" / split.file)
    (tmp_path / "out").mkdir()
    return tmp_path, network


def exported(folder: Path, network: Network, digits: Inspected, export: Export) -> StudentExported:
    heard = Heard()
    request = ExportStudent(network=network, dataset=digits.dataset, export=export, latency=Latency(), seed=0)
    export_student(request, folder, heard)
    (event,) = heard.events
    assert isinstance(event, StudentExported)
    return event


def test_the_file_answers_as_the_student_on_the_whole_of_test(
    folder: tuple[Path, Network], digits: Inspected
) -> None:
    place, network = folder
    event = exported(place, network, digits, Export(format="onnx"))

    (file,) = event.artifacts
    assert (file.kind, file.format, file.filename) == ("export", "onnx", "student.onnx")
    assert file.sha256 == file_sha256(place / file.path) == event.export["sha256"]
    assert (event.export["status"], event.export["match"]) == ("verified", 1.0)
    assert event.export["max_abs_diff"] < 1e-4
    assert event.export["latency_ms"]["p50"] > 0
    assert event.export["inputs"][0]["dtype"] == "uint8"
    assert set(event.export["accuracy"]) >= {"value", "low", "high"}


def test_what_cannot_be_made_is_told_with_its_reason_and_no_file(
    folder: tuple[Path, Network], digits: Inspected
) -> None:
    place, network = folder
    event = exported(place, network, digits, Export(format="huggingface"))
    assert (event.export["status"], event.artifacts) == ("failed", [])
    assert "holds a transformer" in event.export["reason"]
