"""The names of layers, checked against a list alone."""

from distill.config.layer_names import names_of, unknown_layers
from distill.config.losses import Hint, LayerPair, Relational, SoftTarget
from distill.config.networks import Layer

LISTED = [
    Layer(name="blocks.0", shape=[4, 8, 8], kind="Block"),
    Layer(name="classifier", shape=[3], kind="Linear"),
]


def test_a_job_may_ask_for_what_a_layer_gives_what_it_takes_and_the_outputs() -> None:
    assert names_of(LISTED) == ["blocks.0", "blocks.0:input", "classifier", "classifier:input", "outputs"]


def test_every_unknown_layer_of_one_side_is_a_problem_with_its_pointer_and_the_nearest_names() -> None:
    layers = [
        LayerPair(student="anything", teacher="blocks.0"),
        LayerPair(student="anything", teacher="block.0"),
    ]
    losses = [SoftTarget(), Hint(layers=layers), Relational()]
    (problem,) = unknown_layers(losses, names_of(LISTED), side="teacher", at="/losses")
    assert problem.pointer == "/losses/1/layers/1/teacher"
    assert problem.code == "no_such_layer"
    assert "the teacher has no layer 'block.0'" in problem.detail
    assert "nearest are: blocks.0" in problem.detail


def test_a_name_like_no_other_is_answered_with_the_layers_that_there_are() -> None:
    losses = [Hint(layers=[LayerPair(student="zzzz", teacher="blocks.0")])]
    (problem,) = unknown_layers(losses, names_of(LISTED), side="student", at="/losses")
    assert problem.detail.endswith("there are: blocks.0, classifier, outputs")


def test_of_many_layers_the_first_and_the_last_are_named() -> None:
    deep = [Layer(name=f"blocks.{number}", shape=[4], kind="Block") for number in range(50)]
    losses = [Hint(layers=[LayerPair(student="zzzz", teacher="outputs")])]
    (problem,) = unknown_layers(losses, names_of(deep), side="student", at="/losses")
    assert problem.detail.endswith("blocks.0, blocks.1, blocks.2, ..., blocks.48, blocks.49, outputs")
