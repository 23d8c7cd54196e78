"""Listening to layers while a network answers."""

import torch
from torch import Tensor, nn

from distill.layers.taps import Taps
from tests.distill.layers.networks import batch, bert, cnn, resnet


def test_a_tap_shows_what_a_layer_gives_what_it_takes_and_the_outputs() -> None:
    network = cnn(3).eval()
    taps = Taps(network, ["blocks.0", "blocks.1:input", "classifier:input", "outputs"])
    outputs = network(batch(network))
    taken = taps.take()
    assert torch.equal(taken["outputs"], outputs)
    assert torch.equal(taken["blocks.0"], taken["blocks.1:input"])
    assert torch.equal(network.get_submodule("classifier")(taken["classifier:input"]), outputs)


def test_a_tap_gives_what_the_last_forward_showed_and_that_once() -> None:
    network = cnn(2).eval()
    taps = Taps(network, ["blocks.0"])
    network(batch(network, seed=1))
    network(batch(network, seed=2))
    again = Taps(network, ["blocks.0"])
    network(batch(network, seed=2))
    assert torch.equal(taps.take()["blocks.0"], again.take()["blocks.0"])
    assert taps.take() == {}


def test_layers_that_change_their_input_in_place_leave_the_tap_as_it_was() -> None:
    network = resnet([1]).eval()
    taps = Taps(network, ["layer1.0.bn1"])
    network(batch(network))
    assert bool((taps.take()["layer1.0.bn1"] < 0).any()), "a ReLU in place follows"


def test_a_gradient_goes_through_the_tap_to_the_layer() -> None:
    network = cnn(3)
    taps = Taps(network, ["blocks.0"])
    network(batch(network))
    taps.take()["blocks.0"].sum().backward()
    assert gradient(network.get_submodule("blocks.0.norm")) is not None
    assert gradient(network.get_submodule("classifier")) is None


def test_what_a_teacher_shows_in_inference_mode_can_be_compared_with_what_learns() -> None:
    network = cnn(2).eval().requires_grad_(False)
    taps = Taps(network, ["blocks.0"])
    with torch.inference_mode():
        network(batch(network))
    shown = taps.take()["blocks.0"]
    learns = torch.zeros_like(shown, requires_grad=True)
    (shown * learns).sum().backward()
    assert not shown.requires_grad
    assert torch.equal(torch.as_tensor(learns.grad), shown)


def test_the_states_of_a_transformer_come_without_their_wrapping() -> None:
    network = bert(1)
    taps = Taps(network, ["bert", "bert.encoder.layer.0", "bert.encoder.layer.0.attention.self"])
    network(batch(network))
    assert {tuple(tensor.shape) for tensor in taps.take().values()} == {(6, 8, 8)}


def test_closed_taps_leave_nothing_behind() -> None:
    network = cnn(2)
    taps = Taps(network, ["blocks.0", "blocks.0:input", "outputs"])
    network(batch(network))
    taps.close()
    network(batch(network))
    assert taps.take() == {}
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())


def gradient(part: nn.Module) -> Tensor | None:
    return next(part.parameters()).grad
