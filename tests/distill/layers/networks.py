"""Small networks of every architecture, with what they are shown."""

from typing import Any

import torch
from torch import Tensor, nn

from distill import models
from distill.config.networks import Input
from distill.layers.anatomy import Anatomy, anatomy
from distill.preprocess import Inputs

IMAGE = Input(kind="image", shape=[1, 16, 16], dtype="float32")
TABLE = Input(kind="tabular", shape=[6], dtype="float32")
TEXT = Input(kind="text", shape=[8], dtype="int64")
WORDS = 30


def mlp(depth: int, width: int = 5, *, outputs: int = 3) -> nn.Module:
    return _built("mlp", {"depth": depth, "width": width}, TABLE, outputs)


def cnn(depth: int, width: int = 4) -> nn.Module:
    return _built("cnn", {"depth": depth, "width": width}, IMAGE)


def resnet(layers: list[int], width: int = 4) -> nn.Module:
    return _built("resnet", {"layers": layers, "width": width, "stem": "cifar"}, IMAGE)


def bert(
    layers: int, hidden: int = 8, heads: int = 2, *, head: str = "sequence", outputs: int = 3
) -> nn.Module:
    config = {
        "model_type": "bert",
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "vocab_size": WORDS,
        "max_position_embeddings": TEXT.shape[0],
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "head": head,
    }
    return _built("huggingface", config, TEXT, outputs)


def seen_by(network: nn.Module) -> Input:
    kinds = {"Mlp": TABLE, "Cnn": IMAGE, "Resnet": IMAGE}
    return kinds.get(type(network).__name__, TEXT)


def inside(network: nn.Module) -> Anatomy:
    return anatomy(network, seen_by(network))


def batch(network: nn.Module, *, examples: int = 6, seed: int = 0) -> Inputs:
    """Random inputs for `network`; texts of several lengths, padded."""
    random = torch.Generator().manual_seed(seed)
    seen = seen_by(network)
    if seen.kind != "text":
        return torch.randn(examples, *seen.shape, generator=random)
    tokens = torch.randint(1, WORDS, (examples, *seen.shape), generator=random)
    return {"input_ids": tokens, "attention_mask": mask(examples).long()}


def mask(examples: int = 6) -> Tensor:
    """bool (examples, L): texts of 3, 4, ... tokens."""
    lengths = 3 + torch.arange(examples) % (TEXT.shape[0] - 2)
    return torch.arange(TEXT.shape[0]) < lengths.unsqueeze(-1)


def _built(architecture: str, config: dict[str, Any], seen: Input, outputs: int = 3) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(len(repr(config)))
        return models.build(architecture, config, input=seen, num_outputs=outputs)
