"""Untrained students of every kind of input, small, and what they answer."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from distill import models
from distill.config.networks import Input, Network, Preprocessing, Scale
from distill.config.tasks import Task
from distill.export.source import AsStored, Source
from distill.preprocess import view

WEIGHTS_SHA256 = "c0ffee" * 10 + "c0de"
PICTURE = Preprocessing(
    resize=[10, 10],
    crop=[8, 8],
    scale=1 / 255,
    mean=[0.5, 0.4, 0.3],
    std=[0.2, 0.3, 0.4],
    channel_order="bgr",
)


def source(
    task: Task,
    architecture: str,
    config: dict[str, Any],
    input: Input,
    training: Any,
    *,
    preprocessing: Preprocessing,
    tokenizer: Path | None = None,
    scale: Scale | None = None,
) -> Source:
    torch.manual_seed(0)
    config = models.complete(architecture, config, task=task)
    network = Network(
        task=task,
        architecture=architecture,
        config=config,
        labels=["low", "middle", "high"],
        num_outputs=3,
        input=input,
        preprocessing=preprocessing,
        scale=scale,
        files={"student.safetensors": WEIGHTS_SHA256},
    )
    module = models.build(architecture, config, input=view(input, preprocessing), num_outputs=3)
    for name, buffer in module.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2)  # as after training: there is something to fold
    return Source(network, module.eval(), tokenizer, training, seed=0)


def images() -> Source:
    """A convolutional network whose examples are resized, cropped and turned to BGR inside."""
    stored = torch.randint(0, 256, (80, 3, 12, 14), dtype=torch.uint8)
    taken = Input(kind="image", shape=[3, 12, 14], dtype="uint8")
    config = {"depth": 3, "width": 4}
    return source("image-classification", "cnn", config, taken, stored, preprocessing=PICTURE)


def numbers() -> Source:
    """Features and labels of which some are larger than any float16."""
    steps = Preprocessing(mean=[0.0, 200_000.0], std=[1.0, 50_000.0])
    stored = torch.randn(80, 2) * torch.tensor(steps.std) + torch.tensor(steps.mean)
    return source(
        "regression",
        "mlp",
        {"depth": 3, "width": 16},
        Input(kind="tabular", shape=[2], dtype="float32"),
        stored,
        preprocessing=steps,
        scale=Scale(mean=[0.0, 5.0, 300_000.0], std=[1.0, 2.0, 40_000.0]),
    )


def texts(tokenizer: Path, task: Task = "text-classification", scale: Scale | None = None) -> Source:
    """A BERT for the tokens of `tests.distill.bert`."""
    lengths = torch.randint(1, 17, (40, 1))
    tokens = {
        "input_ids": torch.randint(0, 22, (40, 16)),
        "attention_mask": (torch.arange(16) < lengths).long(),
    }
    return source(
        task,
        "huggingface",
        {"model_type": "bert", "num_hidden_layers": 1, "hidden_size": 16, "vocab_size": 22}
        | {"max_position_embeddings": 16},
        Input(kind="text", shape=[16], dtype="int64"),
        tokens,
        preprocessing=Preprocessing(tokenizer="0", max_length=16),
        tokenizer=tokenizer,
        scale=scale,
    )


def answers(source: Source, *inputs: Tensor) -> Tensor:
    """What torch makes of these inputs."""
    with torch.inference_mode():
        outputs: Tensor = AsStored(source)(*inputs)
        return outputs


def session(file: Path, *, plain: bool = False) -> onnxruntime.InferenceSession:
    """The file in its runtime; `plain` as it stands, operator by operator."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if plain:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def outputs(file: Path, *inputs: Tensor, plain: bool = False) -> Tensor:
    """What the file makes of these inputs in its runtime."""
    opened = session(file, plain=plain)
    names = [entry.name for entry in opened.get_inputs()]
    fed = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
    return torch.from_numpy(np.asarray(opened.run(None, fed)[0]))
