"""What one forward tells of the inside of a network."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from distill import models
from distill.layers.anatomy import anatomy
from distill.models.dry_forward import dry_forward
from tests.distill.layers.networks import batch, bert, cnn, inside, mlp, resnet, seen_by

EVERY = pytest.mark.parametrize(
    "network",
    [mlp(3), cnn(4), resnet([1, 2]), bert(2), bert(2, head="token"), bert(2, head="embedding", outputs=8)],
    ids=["mlp", "cnn", "resnet", "bert", "tagger", "embedder"],
)


@EVERY
def test_every_layer_that_a_model_shows_can_be_asked_for_by_its_name(network: nn.Module) -> None:
    listed = {
        layer.name: tuple(layer.shape)
        for layer in models.layers(network, seen_by(network))
        if layer.shape is not None and "embeddings.position" not in layer.name
    }
    features = inside(network).features
    assert {name: features.get(name) for name in listed} == listed


@EVERY
def test_the_meta_device_tells_the_same_as_a_real_forward(network: nn.Module) -> None:
    assert anatomy(deepcopy(network).to("meta"), seen_by(network)) == inside(network)


@EVERY
def test_looking_inside_changes_nothing(network: nn.Module) -> None:
    network.train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random = torch.get_rng_state()
    inside(network)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())


@pytest.mark.parametrize(
    ("network", "embedding"),
    [
        (mlp(3), "layers.2:input"),
        (mlp(1), "outputs"),
        (cnn(3), "classifier:input"),
        (resnet([1]), "fc:input"),
        (bert(1), "classifier:input"),
        (bert(1, head="token"), "classifier:input"),
        (bert(1, head="embedding", outputs=8), "outputs"),
    ],
    ids=["mlp", "linear", "cnn", "resnet", "bert", "tagger", "embedder"],
)
def test_the_embedding_is_what_the_last_linear_layer_takes(network: nn.Module, embedding: str) -> None:
    assert inside(network).embedding == embedding


def test_a_block_holds_a_convolution_and_is_no_part_of_another() -> None:
    assert inside(cnn(3)).blocks == ("blocks.0", "blocks.1")
    assert inside(resnet([2, 1])).blocks == ("layer1.0", "layer1.1", "layer2.0")
    assert inside(mlp(3)).blocks == ()


@pytest.mark.parametrize(
    ("network", "prefix"),
    [
        (bert(2), "bert.encoder"),
        (bert(2, head="token"), "bert.encoder"),
        (bert(2, head="embedding", outputs=8), "encoder"),
    ],
    ids=["bert", "tagger", "embedder"],
)
def test_the_layers_of_a_transformer_are_found_whatever_stands_around_them(
    network: nn.Module, prefix: str
) -> None:
    encoder = inside(network).encoder
    assert [layer.name for layer in encoder] == [f"{prefix}.layer.0", f"{prefix}.layer.1"]
    attention = encoder[1].attention
    assert (attention.heads, attention.head_size) == (2, 4)
    assert inside(network).features[f"{attention.name}.query"] == (8, 8)


def test_what_a_network_is_shown_is_not_learned() -> None:
    learned = inside(cnn(2)).learned
    assert "blocks.0:input" not in learned
    assert {"blocks.0", "blocks.0.conv", "classifier:input", "outputs"} <= learned


def test_what_has_no_numbers_for_each_example_is_no_feature() -> None:
    features = inside(bert(1)).features
    assert "bert.embeddings.position_embeddings" not in features, "it is the same for all"
    assert "bert.embeddings.word_embeddings:input" not in features, "ids are no numbers to compare"


def test_a_layer_that_is_called_twice_shows_its_last_call() -> None:
    calls = dry_forward(resnet([1]), batch(resnet([1])))
    assert [call.name for call in calls].count("layer1.0.relu") == 2
    assert inside(resnet([1])).features["layer1.0.relu"] == (4, 16, 16)
