"""A student that begins with what is left of its teacher, or with the weights of a model."""

from itertools import pairwise, product
from typing import Any

import pytest
import torch
from torch import nn

from distill import models
from distill.config.networks import Input
from distill.config.students import FromTeacher, NetworkToBuild
from distill.config.tasks import Task
from distill.rejection import Rejected
from distill.starts import inherit, smaller_than, speak
from distill.surgery.cuts import most_important, spread
from distill.teachers import Affine, FrozenTeacher

PICTURE = Input(kind="image", shape=[1, 16, 16], dtype="float32")
TEXT = Input(kind="text", shape=[12], dtype="int64")
IMAGES: Task = "image-classification"
TEXTS: Task = "text-classification"
BERT: dict[str, Any] = {
    "model_type": "bert",
    "num_hidden_layers": 4,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "vocab_size": 30,
    "max_position_embeddings": 12,
}
TEACHERS: dict[str, tuple[str, dict[str, Any], Input, Task]] = {
    "mlp": ("mlp", {"depth": 4, "width": 12}, PICTURE, IMAGES),
    "cnn": ("cnn", {"depth": 6, "width": 8}, PICTURE, IMAGES),
    "basic": ("resnet", {"layers": [2, 2], "width": 8, "stem": "cifar"}, PICTURE, IMAGES),
    "bottleneck": (
        "resnet",
        {"layers": [2, 2], "width": 8, "block": "bottleneck", "stem": "cifar"},
        PICTURE,
        IMAGES,
    ),
    "bert": ("huggingface", BERT, TEXT, TEXTS),
}


def trained(name: str) -> tuple[NetworkToBuild, nn.Module, Input, Task]:
    """A teacher whose every weight is a number of its own, batch norms among them."""
    architecture, config, seen, task = TEACHERS[name]
    torch.manual_seed(0)
    module = models.build(
        architecture, models.complete(architecture, config, task=task), input=seen, num_outputs=3
    )
    for weights in module.parameters():
        nn.init.normal_(weights, std=0.3)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.running_var, 0.5, 2.0)
            nn.init.normal_(part.running_mean)
    return NetworkToBuild(architecture=architecture, config=config), module.eval(), seen, task


def started(name: str, choice: FromTeacher, order: Any = None) -> tuple[nn.Module, nn.Module, Any]:
    network, teacher, seen, task = trained(name)
    smaller = smaller_than(network, choice, seen=seen, task=task)
    student = models.build(smaller.architecture, smaller.config, input=seen, num_outputs=3).eval()
    inherit(student, FrozenTeacher(teacher, order), network, choice, seen=seen, task=task)
    examples: Any = torch.randn(2, 1, 16, 16)
    if seen.kind == "text":
        examples = {"input_ids": torch.randint(0, 30, (2, 12))}
    return student, teacher, examples


def all_blocks(name: str) -> FromTeacher:
    return FromTeacher(num_layers={"mlp": 3, "cnn": 5}.get(name, 4))


@pytest.mark.parametrize("name", TEACHERS)
def test_a_student_with_every_layer_of_its_teacher_says_what_that_says(name: str) -> None:
    student, teacher, examples = started(name, all_blocks(name))
    assert student(examples).equal(teacher(examples))


@pytest.mark.parametrize("name", TEACHERS)
def test_a_student_begins_in_the_order_of_the_labels(name: str) -> None:
    student, teacher, examples = started(name, all_blocks(name), torch.tensor([2, 0, 1]))
    torch.testing.assert_close(student(examples), teacher(examples)[:, [2, 0, 1]])


@pytest.mark.parametrize(("name", "width"), list(product(TEACHERS, [0.5, 1.0])))
def test_fewer_layers_and_units_make_a_network_that_runs(name: str, width: float) -> None:
    student, teacher, examples = started(name, FromTeacher(num_layers={"cnn": 3}.get(name, 2), width=width))
    assert student(examples).shape == (2, 3)
    assert models.parameters(student) < models.parameters(teacher)


@pytest.mark.parametrize("name", TEACHERS)
def test_units_that_do_nothing_are_the_first_to_go(name: str) -> None:
    """Every second unit of the teacher is silenced; a student of half the width says the same."""
    network, teacher, seen, task = trained(name)
    _silence_every_second_unit(teacher)
    choice = FromTeacher(num_layers=all_blocks(name).num_layers, width=0.5)
    smaller = smaller_than(network, choice, seen=seen, task=task)
    student = models.build(smaller.architecture, smaller.config, input=seen, num_outputs=3).eval()
    inherit(student, FrozenTeacher(teacher), network, choice, seen=seen, task=task)
    examples: Any = torch.randn(2, 1, 16, 16)
    if seen.kind == "text":
        examples = {"input_ids": torch.randint(0, 30, (2, 12))}
    torch.testing.assert_close(student(examples), teacher(examples), atol=1e-5, rtol=1e-4)


def _silence_every_second_unit(teacher: nn.Module) -> None:
    weights = teacher.state_dict()
    linears = [name for name in weights if name.startswith("layers.") and name.endswith("weight")]
    for name, following in pairwise(linears):
        weights[name][::2] = weights[name.replace("weight", "bias")][::2] = 0
        weights[following][:, ::2] = 0
    for name, part in teacher.named_modules():
        if isinstance(part, nn.BatchNorm2d):
            weights[f"{name}.weight"][::2] = weights[f"{name}.bias"][::2] = 0
        if name.endswith("intermediate.dense"):
            weights[f"{name}.weight"][::2] = weights[f"{name}.bias"][::2] = 0
            weights[f"{name.replace('intermediate.dense', 'output.dense')}.weight"][:, ::2] = 0


def test_a_named_layer_of_a_transformer_is_the_students_with_all_its_weights() -> None:
    student, teacher, _ = started("bert", FromTeacher(layers=[1, 3]))
    ours, theirs = student.state_dict(), teacher.state_dict()
    for place, layer in enumerate((1, 3)):
        name = "bert.encoder.layer.{}.attention.self.query.weight"
        assert ours[name.format(place)].equal(theirs[name.format(layer)])
    for shared in ("bert.embeddings.word_embeddings.weight", "bert.pooler.dense.weight", "classifier.bias"):
        assert ours[shared].equal(theirs[shared])


def test_half_of_twelve_layers_are_those_that_distilbert_took() -> None:
    assert spread(6, 12) == [0, 2, 4, 7, 9, 11]
    assert spread(1, 12) == [0]
    assert spread(12, 12) == list(range(12))


def test_of_equal_units_the_first_stay() -> None:
    assert most_important(torch.tensor([1.0, 2.0, 2.0, 1.0, 2.0]), 2).tolist() == [1, 2]


def test_a_convolutional_student_keeps_the_layers_that_change_the_channels() -> None:
    network, _, seen, task = trained("cnn")
    config = smaller_than(network, FromTeacher(num_layers=4), seen=seen, task=task).config
    assert config["stages"] is not None
    assert sum(config["stages"]) == 4 == config["depth"] - 1


@pytest.mark.parametrize(
    ("name", "choice", "field", "message"),
    [
        ("bert", FromTeacher(layers=[0, 4]), "/layers", "no block 4"),
        ("bert", FromTeacher(num_layers=5), "/num_layers", "has 4 blocks"),
        ("mlp", FromTeacher(layers=[1, 2]), "/layers", "takes the inputs"),
        ("cnn", FromTeacher(layers=[0, 1]), "/layers", "begins its stage"),
        ("basic", FromTeacher(num_layers=1), "/num_layers", "too few"),
    ],
)
def test_layers_that_make_no_network_are_refused_at_their_place(
    name: str, choice: FromTeacher, field: str, message: str
) -> None:
    network, _, seen, task = trained(name)
    with pytest.raises(Rejected, match=message) as rejected:
        smaller_than(network, choice, seen=seen, task=task)
    assert rejected.value.details["pointer"] == f"/student/from_teacher{field}"
    assert rejected.value.hint


def test_a_single_layer_has_nothing_to_give() -> None:
    network = NetworkToBuild(architecture="mlp", config={"depth": 1})
    with pytest.raises(Rejected, match="one layer alone") as rejected:
        smaller_than(network, FromTeacher(width=0.5), seen=PICTURE, task=IMAGES)
    assert rejected.value.details["pointer"] == "/student/from_teacher"


def test_the_last_layer_speaks_in_other_units_as_if_its_outputs_were_brought_there() -> None:
    torch.manual_seed(0)
    module, inputs = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)), torch.randn(3, 4)
    units = Affine(torch.tensor([2.0, -3.0]), torch.tensor([0.5, 7.0]), axis=-1)
    expected = units(module(inputs)[:, [1, 0]])
    speak(module, torch.tensor([1, 0]), units)
    torch.testing.assert_close(module(inputs), expected)
