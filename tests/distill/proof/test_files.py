"""Files of onnxruntime are proved by what they answer alone, and a damaged one is caught."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from distill.batches import View
from distill.config.exports import Export
from distill.config.job import Latency
from distill.config.networks import Dataset, Network
from distill.data.opened import open_split
from distill.evaluate.measure import Measured, Rows, answers_on
from distill.export.formats import make
from distill.export.source import Made, Source
from distill.models import load_network
from distill.preprocess import Preprocessor
from distill.proof import subjects
from distill.proof.bench import Shown, prove
from distill.proof.parity import entry_of
from distill.proof.subjects import Setting
from distill.tasks import science_of
from tests.distill.evaluate import finished


@dataclass(frozen=True)
class Written:
    """A student on disk, what it answered here, and its source."""

    source: Source
    setting: Setting
    student: Measured
    rows: Rows
    folder: Path

    def exported(self, form: str, name: str) -> Made:
        return make(Export(format=form), self.source, self.folder / name)

    def proved(self, made: Made) -> dict[str, Any]:
        """The block of the result."""
        subject = subjects.export(made)
        proof = prove(
            [subject],
            self.setting,
            outputs=self.source.network.num_outputs,
            timed=False,
            heed=lambda: None,
            scratch=self.folder,
        )
        return entry_of(made.export, proof[subject.name], self.student, self.rows, description={}, seed=0)


def written(folder: Path, dataset: Dataset, network: Network) -> Written:
    """The network in `folder`/network, on the dataset in `folder`/data."""
    place, data = folder / "network", folder / "data"
    tokenizer = place / "tokenizer.json" if dataset.input.kind == "text" else None
    preprocessor = Preprocessor.of(network.preprocessing, dataset.input, tokenizer)
    cpu, science = torch.device("cpu"), science_of(dataset.task)
    test = View.of(open_split(data, dataset.splits["test"], dataset), preprocessor, cpu)
    train = View.of(open_split(data, dataset.splits["train"], dataset), preprocessor, cpu)
    module = load_network(network, place)
    answers = answers_on(module, test, science, lambda: None)
    here = science.labeled(answers.labels)
    scores = science.scores(answers.outputs[here], answers.labels[here], answers.examples[here])
    standardized = load_network(network.model_copy(update={"scale": None}), place)
    text = None if tokenizer is None else {"tokenizer": str(tokenizer), "max_length": 12}
    return Written(
        Source(network, standardized, tokenizer, train.inputs, seed=0),
        Setting(data / dataset.splits["test"].file, Latency(), text),
        Measured(answers.outputs, {}, scores),
        Rows(science, dataset.labels, answers.labels, answers.examples),
        folder,
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Labels that may hold together."""
    folder = tmp_path_factory.mktemp("table")
    dataset = finished.table(folder / "data", "multi-label-classification")
    return written(folder, dataset, finished.mlp(folder / "network", dataset))


@pytest.fixture(scope="module")
def onnx(table: Written) -> Made:
    return table.exported("onnx", "whole")


def test_the_file_as_it_was_made_is_verified(table: Written, onnx: Made) -> None:
    found = table.proved(onnx)

    assert found["status"] == "verified"
    assert found["match"] == 1
    assert found["max_abs_diff"] < 1e-5
    assert found["runtime"].startswith("onnxruntime ")
    assert 10e6 < found["peak_memory_bytes"] < 200e6


def _flipped(content: bytes) -> bytes:
    """One bit of every number in the longest run of weights."""
    import onnx

    model = onnx.load_from_string(content)
    longest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights = bytearray(longest.raw_data)
    weights[3::4] = bytes(byte ^ 0x80 for byte in weights[3::4])
    return content.replace(longest.raw_data, bytes(weights))


@pytest.mark.parametrize(
    "damage",
    [_flipped, lambda content: content[: len(content) // 2], lambda content: b"\x00" * len(content)],
    ids=["bits flipped", "cut off", "zeroed"],
)
def test_a_damaged_file_fails(
    table: Written, onnx: Made, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    content = (onnx.folder / onnx.files[0]).read_bytes()
    (tmp_path / onnx.files[0]).write_bytes(damage(content))

    found = table.proved(replace(onnx, folder=tmp_path))

    assert (tmp_path / onnx.files[0]).read_bytes() != content
    assert found["status"] == "failed"
    assert found["reason"]


def test_the_weights_of_another_network_fail_with_their_figures(
    onnx: Made, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("other")
    dataset = finished.table(folder / "data", "multi-label-classification")
    other = written(folder, dataset, finished.mlp(folder / "network", dataset, seed=1))

    found = other.proved(onnx)

    assert found["status"] == "failed"
    assert "answers" in found["reason"]
    assert found["match"] < 0.9
    assert isinstance(found["f1"]["value"], float)


@pytest.fixture(scope="module")
def tags(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Words of texts some of which are longer than the network sees."""
    folder = tmp_path_factory.mktemp("tags")
    dataset = finished.tagged(folder / "data")
    network = finished.bert(folder / "network", dataset.task, dataset, outputs=len(dataset.labels))
    return written(folder, dataset, network)


def test_texts_are_made_tokens_of_outside_and_rows_are_the_words_that_are_seen(tags: Written) -> None:
    found = tags.proved(tags.exported("onnx", "whole"))

    assert found["status"] == "verified"
    assert found["match"] == 1
    assert found["max_abs_diff"] < 1e-5


def test_a_hugging_face_folder_is_loaded_by_transformers_with_its_own_tokenizer(tags: Written) -> None:
    found = tags.proved(tags.exported("huggingface", "whole"))

    assert found["status"] == "verified"
    assert found["match"] == 1
    assert found["max_abs_diff"] < 1e-5
    assert found["runtime"].startswith("transformers ")


def test_eight_bits_of_a_transformer_are_shown_batches_as_they_are_timed_on(tags: Written) -> None:
    made = tags.exported("onnx-int8", "whole")
    request = tags.setting.request(subjects.export(made))

    assert request["chunk"] == tags.setting.target.batch_size == 1
    found = tags.proved(made)
    assert 0.7 < found["match"] <= 1
    assert found["max_abs_diff"] > 0


def test_a_file_answers_alike_whatever_the_threads(table: Written, onnx: Made) -> None:
    subject = subjects.export(onnx)
    outputs = []
    for threads in (1, 2):
        setting = replace(table.setting, target=Latency(threads=threads))
        proof = prove([subject], setting, outputs=3, timed=False, heed=lambda: None, scratch=table.folder)
        found = proof[subject.name]
        assert isinstance(found, Shown)
        outputs.append(found.outputs)

    torch.testing.assert_close(outputs[0], outputs[1], atol=1e-5, rtol=1e-5)
