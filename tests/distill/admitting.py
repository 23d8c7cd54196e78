"""Records and documents of jobs that are to be admitted."""

from typing import Any

import pytest

from distill.admission import admit
from distill.config.document import parse_job
from distill.config.networks import Dataset, Input, Network, Preprocessing, Split
from distill.rejection import Rejected

TABLE = Input(kind="tabular", shape=[3], dtype="float32")
TRAINED = {"train": {"architecture": "cnn", "config": {"depth": 6, "width": 8}}}
PANEL: dict[str, Any] = {"teacher": None, "teachers": [{"model": "t"}, {"model": "u"}]}
PICTURE = Input(kind="image", shape=[1, 8, 8], dtype="uint8")
TEXT = Input(kind="text", shape=[24], dtype="int64")
BERT: dict[str, Any] = {
    "model_type": "bert",
    "num_hidden_layers": 2,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "vocab_size": 30,
    "max_position_embeddings": 24,
}


def dataset(input: Input = PICTURE, labels: tuple[str, ...] = ("a", "b")) -> Dataset:
    split = Split(file="x.safetensors", sha256="0", examples=500, labeled=500, class_counts=[250, 250])
    task = "text-classification" if input.kind == "text" else "image-classification"
    return Dataset(
        task=task,
        labels=list(labels),
        input=input,
        splits={"train": split, "validation": split, "test": split},
    )


def teacher(**change: Any) -> Network:
    facts: dict[str, Any] = {
        "task": "image-classification",
        "architecture": "cnn",
        "config": {"depth": 4, "width": 8},
        "labels": ["b", "a"],
        "num_outputs": 2,
        "input": PICTURE,
        "preprocessing": Preprocessing(scale=1 / 255),
    }
    return Network(**{**facts, **change})


def bert(**change: Any) -> Network:
    facts: dict[str, Any] = {
        "task": "text-classification",
        "architecture": "huggingface",
        "config": BERT,
        "input": TEXT,
        "preprocessing": Preprocessing(max_length=24),
        "files": {"model.safetensors": "0", "tokenizer.json": "1"},
    }
    return teacher(**{**facts, **change})


def job(student: dict[str, Any], **change: Any) -> Any:
    facts = {"name": "x", "task": "image-classification", "teacher": "t", "dataset": "d", "student": student}
    return parse_job({**facts, **change})


SMALL = {"architecture": "cnn", "config": {"depth": 2, "width": 4}}


def refused(*arguments: Any, **options: Any) -> Rejected:
    with pytest.raises(Rejected) as rejected:
        admit(*arguments, **options)
    return rejected.value


def of_task(task: str, labels: tuple[str, ...] = ("a", "b"), input: Input = TABLE) -> Dataset:
    return dataset(input, labels).model_copy(update={"task": task})
