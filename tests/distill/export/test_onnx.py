"""A student as an ONNX file: from examples as they are stored to answers."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from distill.config.exports import Export
from distill.export.formats import make
from distill.export.source import Made, Source
from tests.distill.export import sources
from tests.distill.export.sources import WEIGHTS_SHA256, answers, outputs, session

pytestmark = pytest.mark.xdist_group("graphs")  # each takes seconds to draw, and is drawn once
ONNX = Export(format="onnx")


def test_a_file_takes_images_as_they_are_stored_and_answers_as_the_student(
    images: Source, tmp_path: Path
) -> None:
    made = make(ONNX, images, tmp_path)
    stored = images.training
    assert isinstance(stored, torch.Tensor)

    for some in (stored[:1], stored[:7], stored):
        torch.testing.assert_close(outputs(tmp_path / "student.onnx", some), answers(images, some))

    assert made.files == ("student.onnx",)
    (taken,) = made.inputs
    assert taken == {
        "name": "image",
        "dtype": "uint8",
        "shape": [None, 3, 12, 14],
        "layout": "NCHW",
        "range": [0, 255],
    }
    assert made.preprocessing["where"] == "inside"
    assert made.preprocessing["crop"] == [8, 8]


def test_a_file_says_what_it_is_and_nothing_of_the_machine_that_made_it(
    images: Source, tmp_path: Path
) -> None:
    make(ONNX, images, tmp_path)
    model = onnx.load(tmp_path / "student.onnx")
    said = {entry.key: entry.value for entry in model.metadata_props}

    onnx.checker.check_model(model, full_check=True)
    assert [entry.version for entry in model.opset_import] == [18]
    assert said["task"] == "image-classification"
    assert json.loads(said["labels"]) == ["low", "middle", "high"]
    assert json.loads(said["preprocessing"])["channel_order"] == "bgr"
    assert said["student_sha256"] == WEIGHTS_SHA256
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert b".py" not in (tmp_path / "student.onnx").read_bytes()


def test_the_lines_of_the_docs_run_the_file(
    images: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(ONNX, images, tmp_path)
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[3] / "docs" / "exports.md").read_text()
    (lines,) = re.findall(r"```python\n(.*?session.*?)```", page, re.DOTALL)
    assert isinstance(images.training, torch.Tensor)
    known = {"pixels": images.training.numpy()}
    exec(lines, known)
    assert known["logits"].shape == (80, 3)


def test_numbers_leave_in_the_units_of_their_labels(numbers: Source, tmp_path: Path) -> None:
    made = make(ONNX, numbers, tmp_path)
    stored = numbers.training
    assert isinstance(stored, torch.Tensor)

    values = outputs(tmp_path / "student.onnx", stored)

    torch.testing.assert_close(values, answers(numbers, stored))
    assert values[:, 2].mean() > 100_000
    assert made.inputs[0]["name"] == session(tmp_path / "student.onnx").get_inputs()[0].name == "features"
    assert session(tmp_path / "student.onnx").get_outputs()[0].name == "values"


def test_texts_of_any_length_are_read_as_far_as_they_are_no_padding(texts: Source, tmp_path: Path) -> None:
    made = make(ONNX, texts, tmp_path)
    assert isinstance(texts.training, dict)
    ids, mask = texts.training["input_ids"], texts.training["attention_mask"]

    whole = outputs(tmp_path / "student.onnx", ids, mask)

    torch.testing.assert_close(whole, answers(texts, ids, mask))
    length = int(mask[0].sum())
    alone = outputs(tmp_path / "student.onnx", ids[:1, :length], mask[:1, :length])
    torch.testing.assert_close(alone, whole[:1])
    assert [entry["name"] for entry in made.inputs] == ["input_ids", "attention_mask"]
    assert made.preprocessing["where"] == "outside"


def test_the_same_student_gives_the_same_bytes(numbers: Source, tmp_path: Path) -> None:
    again = sources.numbers()
    assert again is not numbers  # so that its graph is drawn anew
    one, other = (make(ONNX, each, tmp_path / name) for name, each in (("one", numbers), ("other", again)))
    assert (one.folder / "student.onnx").read_bytes() == (other.folder / "student.onnx").read_bytes()


@pytest.fixture(scope="module")
def halved(numbers: Source, tmp_path_factory: pytest.TempPathFactory) -> tuple[Made, Path]:
    folder = tmp_path_factory.mktemp("half")
    return make(Export(format="onnx-fp16"), numbers, folder), folder / "student-fp16.onnx"


def test_half_precision_keeps_features_and_values_that_no_float16_can_hold(
    numbers: Source, halved: tuple[Made, Path]
) -> None:
    made, file = halved
    stored = numbers.training
    assert isinstance(stored, torch.Tensor)
    assert stored.max() > 65_504

    values = outputs(file, stored)

    torch.testing.assert_close(values, answers(numbers, stored), rtol=1e-2, atol=1e-2)
    assert values.dtype == torch.float32
    assert made.inputs[0]["dtype"] == "float32"


def test_half_precision_halves_the_weights(halved: tuple[Made, Path]) -> None:
    _, file = halved
    weights = [onnx.numpy_helper.to_array(entry) for entry in onnx.load(file).graph.initializer]
    assert {entry.dtype for entry in weights if entry.size > 10} == {np.dtype("float16")}


def test_half_precision_reads_images_and_texts(images: Source, texts: Source, tmp_path: Path) -> None:
    for source in (images, texts):
        make(Export(format="onnx-fp16"), source, tmp_path)
        inputs = source.training.values() if isinstance(source.training, dict) else [source.training]
        given = outputs(tmp_path / "student-fp16.onnx", *inputs)
        torch.testing.assert_close(given, answers(source, *inputs), rtol=0, atol=2e-3)
