"""A teacher from outside: its labels in another order, its answers judged before anything trains."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from distill.batches import View
from distill.config.events import Finished, Warned
from distill.config.networks import Input, Network, Preprocessing
from distill.data.opened import open_split
from distill.models import load_network
from distill.preprocess import Preprocessor
from distill.rejection import Rejected
from distill.tasks import science_of
from distill.teachers import FrozenTeacher, Panel
from distill.trial import try_teacher
from tests.distill.conftest import Inspected
from tests.distill.folders import of_kind, run, stage

FEW: dict[str, Any] = {"steps": 60, "batch_size": 64, "optimizer": {"kind": "adamw", "learning_rate": 1e-2}}
SCALED = Preprocessing(scale=1 / 255)
CLASSES = science_of("image-classification")


def nearest_mean(digits: Inspected, folder: Path, order: list[int]) -> Network:
    """A linear network that names the class whose mean image is nearest; its outputs in this order."""
    train = open_split(digits.splits, digits.dataset.splits["train"], digits.dataset)
    assert isinstance(train.inputs, Tensor)
    pixels = train.inputs.flatten(1).float() / 255
    means = torch.stack([pixels[train.labels == label].mean(dim=0) for label in order])
    folder.mkdir()
    weights = {"layers.0.weight": means, "layers.0.bias": -means.square().sum(dim=1) / 2}
    save_file(weights, folder / "model.safetensors")
    return Network(
        task=digits.dataset.task,
        architecture="mlp",
        config={"depth": 1},
        labels=[digits.dataset.labels[label] for label in order],
        num_outputs=10,
        input=digits.dataset.input,
        preprocessing=SCALED,
        files={"model.safetensors": str(order)},
    )


def validation(digits: Inspected) -> View:
    split = open_split(digits.splits, digits.dataset.splits["validation"], digits.dataset)
    return View.of(split, Preprocessor(SCALED, digits.dataset.input), torch.device("cpu"))


@pytest.mark.parametrize("order", [range(10), [7, 2, 9, 0, 1, 8, 3, 6, 5, 4]], ids=["same", "shuffled"])
def test_a_teacher_teaches_by_the_names_of_its_classes(tmp_path: Path, digits: Inspected, order: Any) -> None:
    teacher = nearest_mean(digits, tmp_path / "teacher", list(order))
    document = {
        "name": "uploaded",
        "task": digits.dataset.task,
        "teacher": "mdl_means",
        "dataset": "digits",
        "labels": {"count": 10},
        "student": {"architecture": "mlp", "config": {"depth": 2, "width": 32}},
        "losses": [{"kind": "soft_target", "weight": 1.0, "temperature": 0.5}],
        "training": FEW,
        "evaluation": {"control": False},
    }
    folder = stage(
        tmp_path / "job",
        document,
        digits.dataset,
        digits.splits,
        teacher=teacher,
        teacher_files=tmp_path / "teacher",
    )

    heard = run(folder)

    result = of_kind(heard, Finished)[-1].result
    assert result["teacher"]["accuracy"] > 0.85
    assert result["teacher"]["labels_used"] is None
    assert result["agreement"] > 0.8
    assert "teacher_near_chance" not in {event.code for event in of_kind(heard, Warned)}


def answering(digits: Inspected, folder: Path, last: torch.nn.Module) -> tuple[FrozenTeacher, Network]:
    network = nearest_mean(digits, folder, list(range(10)))
    return FrozenTeacher(torch.nn.Sequential(load_network(network, folder), last)), network


class Infinite(torch.nn.Module):
    def forward(self, logits: Tensor) -> Tensor:
        return logits / (logits.argmax(dim=-1, keepdim=True) - 3)


@pytest.mark.parametrize(
    ("last", "code", "named"),
    [
        (torch.nn.Softmax(dim=-1), "teacher_outputs_probabilities", "it applies softmax already"),
        (torch.nn.LogSoftmax(dim=-1), "teacher_outputs_probabilities", "it applies log_softmax already"),
        (Infinite(), "teacher_not_finite", "NaN or infinity"),
    ],
)
def test_answers_that_are_no_logits_are_refused(
    tmp_path: Path, digits: Inspected, last: torch.nn.Module, code: str, named: str
) -> None:
    teacher, network = answering(digits, tmp_path / "teacher", last)

    with pytest.raises(Rejected) as refused:
        try_teacher(teacher, validation(digits), CLASSES, [network], lambda *_: None)

    assert refused.value.code == code
    assert named in refused.value.message
    assert refused.value.details["pointer"] == "/teacher"


def test_the_teacher_among_several_whose_answers_are_no_logits_is_named(
    tmp_path: Path, digits: Inspected
) -> None:
    good, network = answering(digits, tmp_path / "good", torch.nn.Identity())
    bad, _ = answering(digits, tmp_path / "bad", torch.nn.Softmax(dim=-1))

    with pytest.raises(Rejected) as refused:
        try_teacher(
            Panel([good, bad], target="class"),
            validation(digits),
            CLASSES,
            [network, network],
            lambda *_: None,
        )

    assert refused.value.details["pointer"] == "/teachers/1/model"


def test_a_teacher_that_guesses_is_named_even_where_the_data_is_sorted(
    tmp_path: Path, digits: Inspected
) -> None:
    """Of a sorted split the first examples are of one class, which a constant answer would get right."""
    teacher, network = answering(digits, tmp_path / "teacher", torch.nn.Identity())
    teacher.network[0].layers[0].weight.zero_()
    teacher.network[0].layers[0].bias.copy_(torch.arange(10.0, 0.0, -1.0))
    view = validation(digits)
    sorted_rows = view.labels.argsort().repeat_interleave(5)
    warned: list[str] = []

    try_teacher(
        teacher,
        replace(view, inputs=view.inputs[sorted_rows], labels=view.labels[sorted_rows]),
        CLASSES,
        [network],
        lambda code, _: warned.append(code),
    )

    assert warned == ["teacher_near_chance"]


TABLE = Input(kind="tabular", shape=[2], dtype="float32")


def tried(task: Any, labels: Tensor, answers: Tensor) -> list[str]:
    """What is warned of a teacher that gives these answers to as many examples."""

    class Answers(torch.nn.Module):
        def forward(self, rows: Tensor) -> Tensor:
            return answers[rows[:, 0].long()]

    numbered = torch.arange(len(labels)).float().unsqueeze(1).expand(-1, 2)
    view = View(numbered, labels, Preprocessor(Preprocessing(), TABLE), torch.device("cpu"), task)
    network = Network(
        task=task, architecture="mlp", config={}, labels=None, num_outputs=answers.shape[1], input=TABLE
    )
    warned: list[str] = []
    try_teacher(
        FrozenTeacher(Answers()), view, science_of(task), [network], lambda _, said: warned.append(said)
    )
    return warned


def test_a_teacher_of_sets_that_applies_sigmoid_already_is_refused() -> None:
    labels = torch.randint(0, 2, (40, 3), dtype=torch.int8)
    with pytest.raises(Rejected, match="it applies sigmoid already"):
        tried("multi-label-classification", labels, torch.rand(40, 3))


def test_a_teacher_of_sets_that_names_what_is_there_is_believed() -> None:
    labels = torch.randint(0, 2, (40, 3), dtype=torch.int8)
    assert tried("multi-label-classification", labels, labels * 8.0 - 4.0) == []


def test_a_teacher_of_numbers_no_better_than_their_mean_is_named() -> None:
    labels = torch.randn(60, 1)
    (said,) = tried("regression", labels, torch.full((60, 1), 0.3))
    assert "one that never looks at its input" in said
    assert tried("regression", labels, labels + 0.1) == []


def test_a_teacher_that_gives_every_example_one_embedding_is_named() -> None:
    torch.manual_seed(0)
    (said,) = tried("feature-extraction", torch.zeros(60, 8), torch.ones(60, 8))
    assert "about the same embedding: check its preprocessing" in said
    assert tried("feature-extraction", torch.randn(60, 8), torch.randn(60, 8)) == []
