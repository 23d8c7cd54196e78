"""A student as a folder that transformers loads."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from distill.config.exports import Export
from distill.config.networks import Scale
from distill.config.tasks import Task
from distill.export.formats import make
from distill.export.source import CannotExport, Source
from distill.preprocess import Preprocessor
from tests.distill.export import sources

FOLDER = Export(format="huggingface")
SAID = ["the film was warm", "bad " * 40, "music and its music"]
UNITS = Scale(mean=[100.0, 0.0, -5.0], std=[30.0, 1.0, 0.1])


@pytest.mark.parametrize(
    ("task", "scale", "name", "problem"),
    [
        ("text-classification", None, "BertForSequenceClassification", "single_label_classification"),
        ("multi-label-classification", None, "BertForSequenceClassification", "multi_label_classification"),
        ("regression", UNITS, "BertForSequenceClassification", "regression"),
        ("token-classification", None, "BertForTokenClassification", None),
    ],
)
def test_a_folder_answers_as_the_student_from_the_same_tokens(
    texts: Source, tmp_path: Path, task: Task, scale: Scale | None, name: str, problem: str | None
) -> None:
    assert texts.tokenizer is not None
    source = sources.texts(texts.tokenizer, task, scale)

    made = make(FOLDER, source, tmp_path)

    folder = tmp_path / "huggingface"
    assert {f"huggingface/{path.name}" for path in folder.iterdir()} == set(made.files)
    model = loaded(name, folder)
    tokens = transformers.AutoTokenizer.from_pretrained(folder)(
        SAID, padding=True, truncation=True, return_tensors="pt"
    )
    taken = Preprocessor.of(source.network.preprocessing, source.network.input, source.tokenizer)(SAID)
    assert isinstance(taken, dict)
    assert {key: value.tolist() for key, value in tokens.items()} == {
        key: value.tolist() for key, value in taken.items()
    }
    with torch.inference_mode():
        torch.testing.assert_close(model(**tokens).logits, sources.answers(source, *taken.values()))
    assert model.config.id2label == {0: "low", 1: "middle", 2: "high"}
    assert model.config.problem_type == problem


def test_a_convolutional_student_has_no_such_folder(images: Source, tmp_path: Path) -> None:
    with pytest.raises(CannotExport, match="holds a transformer, and this student is none; export onnx"):
        make(FOLDER, images, tmp_path)


def test_an_embedding_has_no_such_folder(texts: Source, tmp_path: Path) -> None:
    assert texts.tokenizer is not None
    source = sources.texts(texts.tokenizer, "feature-extraction")
    with pytest.raises(CannotExport, match="pools its states into one embedding"):
        make(FOLDER, source, tmp_path)


def loaded(name: str, folder: Path) -> Any:
    transformers.utils.logging.disable_progress_bar()
    return getattr(transformers, name).from_pretrained(folder).eval()
