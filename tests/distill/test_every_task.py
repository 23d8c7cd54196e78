"""A whole job for every task, from a staged folder to a verified student."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from distill import models
from distill.config.events import Finished, Measured, PhaseChanged
from distill.config.folder import InspectDataset
from distill.config.networks import Dataset, Input, Network
from distill.preprocess import view
from tests.distill import bert
from tests.distill.folders import Heard, inspected, of_kind, run, stage

pytestmark = pytest.mark.usefixtures("verified_in_this_process")

FEW: dict[str, Any] = {
    "steps": 60,
    "batch_size": 32,
    "optimizer": {"kind": "adamw", "learning_rate": 1e-2},
}
MLP: dict[str, Any] = {"architecture": "mlp", "config": {"depth": 2, "width": 16}}
SMALL_BERT = {
    "huggingface": {
        "model_type": "bert",
        "num_hidden_layers": 2,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
}


def dataset(folder: Path, filename: str, content: str, task: Any, **request: Any) -> Dataset:
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "upload").write_text(content)
    return inspected(InspectDataset(filename=filename, task=task, **request), folder)


def points(folder: Path, task: Any, answer: Any, columns: str = "a,b,label", **request: Any) -> Dataset:
    """Points in a square, each with what `answer` says of its coordinates."""
    random = Random(0)
    places = [(random.uniform(-1, 1), random.uniform(-1, 1)) for _ in range(300)]
    lines = [f"{a:.4f},{b:.4f},{answer(a, b)}" for a, b in places]
    return dataset(folder, "points.csv", "\n".join([columns, *lines]), task, **request)


def uploaded(folder: Path, data: Dataset, network: Network) -> Network:
    """A network with the record `network` and weights of its own, in `folder`."""
    torch.manual_seed(4)
    seen = view(network.input, network.preprocessing)
    module = models.build(network.architecture, network.config, input=seen, num_outputs=network.num_outputs)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(module.state_dict(), folder / "model.safetensors")
    return network.model_copy(update={"files": {**network.files, "model.safetensors": "0"}})


def finished(folder: Path, document: dict[str, Any], data: Dataset, **staged: Any) -> tuple[Finished, Heard]:
    """The end of a job, and everything that was heard of it."""
    document = {"name": "whole", "task": data.task, "dataset": "whole", "training": FEW} | document
    heard = run(stage(folder / "job", document, data, folder, **staged))
    end = of_kind(heard, Finished)[-1]
    assert end.result["exports"]["safetensors"]["status"] == "verified"
    assert end.result["task"] == data.task
    return end, heard


def own_teacher(**network: Any) -> dict[str, Any]:
    return {"train": {**MLP, "training": FEW | {"steps": 200}, **network}}


def test_several_labels_an_example(tmp_path: Path) -> None:
    data = points(
        tmp_path,
        "multi-label-classification",
        lambda a, b: "|".join(name for name, holds in (("right", a > 0), ("up", b > 0)) if holds) or "[]",
    )

    end, heard = finished(tmp_path, {"teacher": own_teacher(), "student": MLP}, data)

    assert end.result["main_figure"] == "f1"
    assert end.result["teacher"]["f1"] > 0.9
    assert end.result["student"]["f1"] > end.result["majority_baseline"]
    assert any("validation.f1" in event.values for event in of_kind(heard, Measured))


def test_numbers_are_answered_in_the_units_of_their_labels(tmp_path: Path) -> None:
    data = points(tmp_path, "regression", lambda a, b: f"{1000 + 100 * a + 50 * b:.3f}")

    end, heard = finished(tmp_path, {"teacher": own_teacher(), "student": MLP}, data)

    result = end.result
    assert result["main_figure"] == "r2"
    assert result["teacher"]["r2"] > 0.9
    assert result["student"]["r2"] > 0.5 > result["mean_baseline"]
    assert result["student"]["rmse"] < 60
    losses = [
        event.values["train.loss.hard_target"]
        for event in of_kind(heard, Measured)
        if event.run == "student" and "train.loss.hard_target" in event.values
    ]
    assert losses[0] < 10, "labels are standardized while a network learns"


def test_tags_of_words(tmp_path: Path) -> None:
    random = Random(0)
    rows = []
    for _ in range(200):
        words = [random.choice(bert.GOOD + bert.BAD + bert.NEUTRAL) for _ in range(random.randrange(3, 9))]
        tags = ["B-GOOD" if word in bert.GOOD else "B-BAD" if word in bert.BAD else "O" for word in words]
        rows.append(json.dumps({"tokens": words, "tags": tags}))
    data = dataset(tmp_path, "words.jsonl", "\n".join(rows), "token-classification")
    reader = bert.teacher(tmp_path / "reader")
    teacher = uploaded(
        tmp_path / "reader",
        data,
        reader.model_copy(
            update={
                "task": data.task,
                "labels": data.labels,
                "num_outputs": len(data.labels),
                "config": reader.config | {"head": "token"},
            }
        ),
    )

    end, heard = finished(
        tmp_path,
        {
            "teacher": "mdl_reader",
            "student": SMALL_BERT,
            "losses": [
                {"kind": "hard_target", "weight": 1.0},
                {"kind": "soft_target", "weight": 0.01},
                {"kind": "hidden_state", "weight": 0.01},
            ],
            "evaluation": {"controls": ["hard_labels", "teacher_argmax"]},
        },
        data,
        teacher=teacher,
        teacher_files=tmp_path / "reader",
    )

    assert end.result["student"]["accuracy"] > 0.9
    assert end.result["control"]["accuracy"] > 0.9
    assert end.result["controls"]["teacher_argmax"]["accuracy"] < 0.9
    assert "caching_teacher" not in {event.name for event in of_kind(heard, PhaseChanged)}


def test_the_teachers_own_embedding(tmp_path: Path) -> None:
    data = points(tmp_path, "feature-extraction", lambda a, b: f"{a * b:.4f}", columns="a,b,c")
    teacher = uploaded(
        tmp_path / "teacher",
        data,
        Network(
            task=data.task,
            architecture="mlp",
            config={"depth": 3, "width": 32},
            labels=None,
            num_outputs=8,
            input=Input(kind="tabular", shape=data.input.shape, dtype="float32"),
        ),
    )

    end, heard = finished(
        tmp_path,
        {
            "teacher": "mdl_teacher",
            "student": MLP,
            "training": FEW | {"steps": 300},
            "losses": [{"kind": "cosine"}, {"kind": "mse_logits"}, {"kind": "relational", "weight": 0.01}],
        },
        data,
        teacher=teacher,
        teacher_files=tmp_path / "teacher",
    )

    assert end.result["main_figure"] == "cosine"
    assert end.result["student"]["cosine"] > 0.99 > end.result["mean_baseline"]
    assert end.result["control"] is None
    assert end.result["distillation"] == "not_measured"
    assert "training_control" not in {event.name for event in of_kind(heard, PhaseChanged)}
