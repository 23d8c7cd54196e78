"""The built-in networks: their shapes, and the self-containment that a stand-alone loader needs."""

import ast
import copy
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import pytest
import torch
import transformers
from safetensors.torch import save_file
from torch import nn

from distill import models
from distill.config.networks import Input, Network, Scale
from distill.config.tasks import Task
from distill.rejection import Rejected

DIGIT = Input(kind="image", shape=[1, 8, 8], dtype="float32")
TABLE = Input(kind="tabular", shape=[64], dtype="float32")
TEXT = Input(kind="text", shape=[16], dtype="int64")
SMALL_BERT = {
    "model_type": "bert",
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "num_attention_heads": 2,
    "vocab_size": 50,
    "max_position_embeddings": 16,
}


def weight_layers(module: nn.Module) -> int:
    return sum(isinstance(part, nn.Linear | nn.Conv2d) for part in module.modules())


@pytest.mark.parametrize("depth", [1, 2, 10])
@pytest.mark.parametrize("seen", [TABLE, DIGIT], ids=["table", "image"])
def test_an_mlp_has_as_many_weight_layers_as_its_depth(depth: int, seen: Input) -> None:
    module = models.build("mlp", {"depth": depth, "width": 7}, input=seen, num_outputs=10)
    assert weight_layers(module) == depth
    assert module(torch.zeros(3, *seen.shape)).shape == (3, 10)


@pytest.mark.parametrize("depth", [2, 3, 6, 20])
@pytest.mark.parametrize("side", [1, 8, 32])
def test_a_cnn_has_as_many_weight_layers_as_its_depth_on_images_of_any_size(depth: int, side: int) -> None:
    seen = Input(kind="image", shape=[3, side, side], dtype="float32")
    module = models.build("cnn", {"depth": depth, "width": 4}, input=seen, num_outputs=5)
    assert weight_layers(module) == depth
    assert module(torch.zeros(2, *seen.shape)).shape == (2, 5)


def test_a_cnn_doubles_its_channels_where_it_halves_the_map() -> None:
    module = models.build_on_meta("cnn", {"depth": 6, "width": 16}, input=DIGIT, num_outputs=10)
    maps = [layer.shape for layer in models.layers(module, DIGIT) if layer.kind == "Block"]
    assert maps == [[16, 8, 8]] * 3 + [[32, 4, 4]] * 2


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_a_resnet_of_every_kind_gives_logits(stem: str, block: str) -> None:
    config = {"stem": stem, "block": block, "layers": [1, 1], "width": 4}
    module = models.build("resnet", config, input=DIGIT, num_outputs=10)
    assert module(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_a_bert_gives_logits_and_pays_no_heed_to_padding() -> None:
    module = models.build("huggingface", SMALL_BERT, input=TEXT, num_outputs=3).eval()
    ids = torch.tensor([[2, 7, 3]])
    padded = torch.tensor([[2, 7, 3, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 0, 0]])
    short = module({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
    torch.testing.assert_close(module({"input_ids": padded, "attention_mask": mask}), short)


NAMES_OF_HEAD = {
    "sequence": transformers.BertForSequenceClassification,
    "token": transformers.BertForTokenClassification,
}


@pytest.mark.parametrize("head", ["sequence", "token"])
def test_a_head_has_the_names_and_gives_the_answers_of_transformers(head: str) -> None:
    module = models.build("huggingface", SMALL_BERT | {"head": head}, input=TEXT, num_outputs=3).eval()
    theirs = NAMES_OF_HEAD[head](module.config).eval()
    theirs.load_state_dict(module.state_dict(), strict=True)
    ids, mask = torch.tensor([[2, 7, 3], [2, 3, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])

    given = module({"input_ids": ids, "attention_mask": mask})

    torch.testing.assert_close(given, theirs(input_ids=ids, attention_mask=mask).logits)
    assert given.shape == ((2, 3) if head == "sequence" else (2, 3, 3))


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_an_embedding_is_pooled_over_the_tokens_that_are_no_padding(pooling: str, normalize: bool) -> None:
    config = SMALL_BERT | {"head": "embedding", "pooling": pooling, "normalize": normalize}
    module = models.build("huggingface", config, input=TEXT, num_outputs=32).eval()
    theirs = transformers.BertModel(module.config, add_pooling_layer=False).eval()
    theirs.load_state_dict(module.state_dict(), strict=True)
    ids, mask = torch.tensor([[2, 7, 3], [2, 3, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
    states = theirs(input_ids=ids, attention_mask=mask).last_hidden_state
    pooled = torch.stack([states[0].mean(0), states[1, :2].mean(0)]) if pooling == "mean" else states[:, 0]
    expected = nn.functional.normalize(pooled, dim=-1) if normalize else pooled

    torch.testing.assert_close(module({"input_ids": ids, "attention_mask": mask}), expected)
    torch.testing.assert_close(module({"input_ids": ids[:1]}), expected[:1])


def test_an_embedding_of_another_size_than_the_states_is_projected() -> None:
    module = models.build("huggingface", SMALL_BERT | {"head": "embedding"}, input=TEXT, num_outputs=7)
    assert module({"input_ids": torch.tensor([[2, 7, 3]])}).shape == (1, 7)
    assert module.projection.weight.shape == (7, 32)


@pytest.mark.parametrize(
    ("task", "head"),
    [
        ("text-classification", "sequence"),
        ("multi-label-classification", "sequence"),
        ("regression", "sequence"),
        ("token-classification", "token"),
        ("feature-extraction", "embedding"),
    ],
)
def test_a_transformer_has_the_head_that_its_task_needs(task: Task, head: str) -> None:
    assert models.complete("huggingface", SMALL_BERT, task=task)["head"] == head
    assert models.complete("huggingface", SMALL_BERT | {"head": head}, task=task)["head"] == head
    other = "token" if head != "token" else "embedding"
    with pytest.raises(Rejected, match=f"{task} needs '{head}'"):
        models.complete("huggingface", SMALL_BERT | {"head": other}, task=task)


def test_numbers_come_in_the_units_of_their_labels_under_the_names_of_the_file(tmp_path: Path) -> None:
    module = models.build("mlp", {"depth": 2, "width": 5}, input=TABLE, num_outputs=2).eval()
    save_file(module.state_dict(), tmp_path / "model.safetensors")
    network = Network(
        task="regression",
        architecture="mlp",
        config={"depth": 2, "width": 5},
        labels=["up", "down"],
        num_outputs=2,
        input=TABLE,
        scale=Scale(mean=[100.0, -3.0], std=[2.0, 0.5]),
        files={"model.safetensors": "of no matter here"},
    )
    rows = torch.randn(4, 64)

    loaded = models.load_network(network, tmp_path)

    expected = module(rows) * torch.tensor([2.0, 0.5]) + torch.tensor([100.0, -3.0])
    torch.testing.assert_close(loaded(rows), expected)
    torch.testing.assert_close(copy.deepcopy(loaded).double()(rows.double()), expected.double())
    assert loaded.state_dict().keys() == module.state_dict().keys()
    assert models.layers(loaded, TABLE) == models.layers(module, TABLE)


@pytest.mark.parametrize("architecture", ["mlp", "cnn", "resnet"])
def test_the_source_of_a_network_imports_torch_and_the_standard_library_alone(architecture: str) -> None:
    tree = ast.parse(Path(models.__file__).with_name(f"{architecture}.py").read_text())
    imported = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"torch", "math", "collections", "typing", "itertools"}


@pytest.mark.parametrize(
    ("architecture", "config", "seen"),
    [
        ("mlp", {"depth": 10}, TABLE),
        ("cnn", {"depth": 6}, DIGIT),
        ("resnet", {"layers": [1, 1], "width": 8}, DIGIT),
        ("huggingface", SMALL_BERT, TEXT),
    ],
)
def test_a_network_on_the_meta_device_has_the_names_and_shapes_of_the_real_one(
    architecture: str, config: dict[str, object], seen: Input
) -> None:
    real = models.build(architecture, config, input=seen, num_outputs=4)
    meta = models.build_on_meta(architecture, config, input=seen, num_outputs=4)
    shapes = {name: tensor.shape for name, tensor in real.state_dict().items()}
    assert {name: tensor.shape for name, tensor in meta.state_dict().items()} == shapes
    assert all(tensor.is_meta for tensor in meta.state_dict().values())
    assert models.layers(meta, seen) == models.layers(real, seen)


def test_a_network_of_trillions_of_parameters_is_counted_without_memory() -> None:
    module = models.build_on_meta("mlp", {"depth": 3, "width": 1_000_000}, input=TABLE, num_outputs=10)
    assert models.parameters(module) == 64_000_000 + 1_000_000 + 10**12 + 1_000_000 + 10_000_010


def test_an_architecture_that_takes_other_inputs_is_refused_with_those_that_fit() -> None:
    with pytest.raises(Rejected, match="takes image inputs") as refused:
        models.build("cnn", {}, input=TABLE, num_outputs=2)
    assert refused.value.hint == "use one of: mlp"


def test_heads_follow_from_the_state_where_nobody_gave_them() -> None:
    config = {"model_type": "bert", "num_hidden_layers": 1, "hidden_size": 128, "vocab_size": 20}
    module = models.build_on_meta("huggingface", config, input=TEXT, num_outputs=2)
    assert module.config.num_attention_heads == 2
    assert module.config.intermediate_size == 512
