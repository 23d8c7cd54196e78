"""A student in 8 bits: statically where it convolves, dynamically where it attends."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from distill.config.exports import Calibration, Export
from distill.export.formats import make
from distill.export.int8 import calibration_rows, int8_outputs
from distill.export.source import Made, Source
from tests.distill.export.sources import answers, outputs

pytestmark = pytest.mark.xdist_group("graphs")  # each takes seconds to draw, and is drawn once
INT8 = Export(format="onnx-int8", calibration=Calibration(examples=70), max_drop=0.01)


@pytest.fixture(scope="module")
def rounded(images: Source, tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Path]:
    folder = tmp_path_factory.mktemp("int8")
    return make(INT8, images, folder), folder / "student-int8.onnx"


def test_a_rounded_file_takes_the_same_images_and_answers_nearly_as_the_student(
    images: Source, rounded: tuple[Made, Path]
) -> None:
    made, file = rounded
    stored = images.training
    assert isinstance(stored, torch.Tensor)
    exact = answers(images, stored)

    given = outputs(file, stored)

    assert 0 < (given - exact).abs().max() < 0.15 * (exact.max() - exact.min())
    assert made.inputs[0]["dtype"] == "uint8"
    assert made.calibration == {"method": "minmax", "split": "train", "examples": 70, "seed": 0}


def test_a_rounded_file_answers_alike_however_its_sums_are_computed(
    images: Source, rounded: tuple[Made, Path]
) -> None:
    """Weights of 8 bits overflow in the instructions of some processors; those of 7 do not."""
    _, file = rounded
    stored = images.training
    assert isinstance(stored, torch.Tensor)
    one_step = (answers(images, stored).abs().max() / 64).item()
    torch.testing.assert_close(
        outputs(file, stored), outputs(file, stored, plain=True), rtol=0, atol=one_step
    )


def test_each_output_channel_has_a_scale_and_weights_of_7_bits(rounded: tuple[Made, Path]) -> None:
    held = _held(rounded[1])
    weights = {name: entry for name, entry in held.items() if name.endswith("weight_quantized")}

    assert len(weights) == 3
    for name, weight in weights.items():
        scales = held[name.replace("_quantized", "_scale")]
        assert scales.shape == (len(weight),)
        assert weight.dtype == np.int8
        assert np.abs(weight.reshape(len(weight), -1).astype(int)).max(axis=1).tolist() == [64] * len(weight)


def test_preprocessing_and_the_last_sums_stay_in_full(rounded: tuple[Made, Path]) -> None:
    graph = onnx.load(rounded[1]).graph
    rounds = [node for node in graph.node if node.op_type == "QuantizeLinear"]
    before = {name for node in graph.node if node.name.startswith("preprocessing/") for name in node.input}

    assert len(rounds) == 4  # before each of two convolutions, the mean, and the linear layer
    assert before.isdisjoint(name for node in rounds for name in node.output)
    (last,) = (node for node in graph.node if graph.output[0].name in node.output)
    assert last.op_type == "Gemm"


def test_what_a_file_would_answer_is_known_without_one(images: Source, rounded: tuple[Made, Path]) -> None:
    stored = images.training
    assert isinstance(stored, torch.Tensor)
    torch.testing.assert_close(int8_outputs(INT8, images, stored), outputs(rounded[1], stored))


def test_the_seed_draws_the_examples_that_calibrate(images: Source) -> None:
    few = calibration_rows(images, Calibration(examples=10))
    assert few.tolist() == calibration_rows(images, Calibration(examples=10)).tolist()
    assert few.tolist() == sorted(set(few.tolist()))
    assert few.tolist() != list(range(10))
    assert len(calibration_rows(images, Calibration(examples=5000))) == 80


def test_a_transformer_is_rounded_for_each_call_and_needs_no_examples(texts: Source, tmp_path: Path) -> None:
    made = make(Export(format="onnx-int8", max_drop=0.01), texts, tmp_path)
    file = tmp_path / "student-int8.onnx"
    assert isinstance(texts.training, dict)
    exact = answers(texts, *texts.training.values())

    given = outputs(file, *texts.training.values())

    assert made.calibration is None
    assert 0 < (given - exact).abs().max() < 0.15 * (exact.max() - exact.min())
    operators = {node.op_type for node in onnx.load(file).graph.node}
    assert {"DynamicQuantizeLinear", "MatMulInteger"} <= operators
    products = [entry for name, entry in _held(file).items() if name.endswith("_quantized")]
    products = [
        entry for entry in products if entry.dtype == np.int8
    ]  # embeddings are looked up in all 8 bits
    assert max(np.abs(weight.astype(int)).max() for weight in products) == 64


def _held(file: Path) -> dict[str, Any]:
    return {entry.name: onnx.numpy_helper.to_array(entry) for entry in onnx.load(file).graph.initializer}
