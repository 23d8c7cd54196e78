"""Finished jobs of each target, on data small enough for a test."""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from torch import nn

from distill import models
from distill.config.events import Finished
from distill.config.folder import InspectDataset, RunJob
from distill.config.networks import Dataset, Network, Preprocessing
from distill.config.tasks import Task
from distill.data.canonical import file_sha256
from distill.preprocess import view
from tests.distill.folders import Heard, inspected, of_kind, run, stage

FEW: dict[str, Any] = {"steps": 30, "batch_size": 32, "optimizer": {"kind": "adamw", "learning_rate": 0.01}}
MLP: dict[str, Any] = {"architecture": "mlp", "config": {"width": 16}}
WORDS = ["the", "old", "mayor", "of", "paris", "saw", "anna", "in", "rome", "today"]
PLACES, PEOPLE = ("paris", "rome"), ("anna", "mayor")


@dataclass(frozen=True)
class Done:
    """What a job left."""

    folder: Path
    heard: Heard

    @property
    def finished(self) -> Finished:
        return of_kind(self.heard, Finished)[-1]

    @property
    def result(self) -> dict[str, Any]:
        return self.finished.result

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "report.json").read_text())
        return found


def predictions(done: Done) -> dict[str, list[Any]]:
    """The columns of its predictions."""
    table: dict[str, list[Any]] = pq.read_table(done.out / "predictions.parquet").to_pydict()
    return table


def request_of(done: Done) -> RunJob:
    """What the job was given."""
    return RunJob.model_validate_json((done.folder / "in" / "request.json").read_bytes())


def finish(folder: Path, document: dict[str, Any], dataset: Dataset, splits: Path, **staged: Any) -> Done:
    staged_folder = stage(folder, {"name": "job", "dataset": "data"} | document, dataset, splits, **staged)
    return Done(staged_folder, run(staged_folder))


def table(folder: Path, task: Task, *, examples: int = 400) -> Dataset:
    """Four features, and by `task` two numbers or any of three labels that follow from them."""
    random = np.random.default_rng(0)
    features = random.normal(size=(examples, 4)).round(4)
    if task == "regression":
        labels = np.stack([300 + 20 * features[:, 0] * features[:, 1], features[:, 2]], axis=1).round(4)
        names = ["price", "size"]
    else:
        labels = (features[:, :3] > 0.3).astype(int)
        names = ["red", "green", "blue"]
    lines = [",".join([*"abcd", *names])]
    lines += [",".join(map(str, (*row, *label))) for row, label in zip(features, labels, strict=True)]
    return _inspected(folder, "table.csv", "\n".join(lines), task, columns={"label": names})


def tagged(folder: Path, *, examples: int = 200) -> Dataset:
    """Sentences in which people and places are marked."""
    random, lines = Random(0), []
    for number in range(examples):
        for word in [*random.choices(WORDS, k=random.randrange(3, 8)), f"number{number}"]:
            kind = "place" if word in PLACES else "person" if word in PEOPLE else None
            lines.append(f"{word} {'O' if kind is None else f'B-{kind}'}")
        lines.append("")
    return _inspected(folder, "sentences.conll", "\n".join(lines), "token-classification")


def texts(folder: Path, *, examples: int = 200) -> Dataset:
    """Sentences without any label."""
    random = Random(0)
    lines = ["text"]
    lines += [f"{' '.join(random.choices(WORDS, k=5))} {number}" for number in range(examples)]
    return _inspected(folder, "sentences.csv", "\n".join(lines), "feature-extraction")


def bert(
    folder: Path, task: Task, dataset: Dataset, *, outputs: int, max_length: int = 12, seed: int = 0
) -> Network:
    """An untrained BERT for `task`, as an inspection leaves it in `folder`."""
    folder.mkdir(parents=True)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    pieces = [
        *special,
        *WORDS,
        "number",
        "##1",
        "##2",
        "##3",
        "##4",
        "##5",
        "##6",
        "##7",
        "##8",
        "##9",
        "##0",
    ]
    tokenizer = Tokenizer(WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    size = {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    config = {"model_type": "bert", "vocab_size": len(pieces), "max_position_embeddings": 64, **size}
    sha256 = file_sha256(folder / "tokenizer.json")
    return _written(
        folder,
        Network(
            task=task,
            architecture="huggingface",
            config=models.complete("huggingface", config, task=task),
            labels=dataset.labels or None,
            num_outputs=outputs,
            input=dataset.input,
            preprocessing=Preprocessing(tokenizer=sha256, max_length=max_length),
            files={"tokenizer.json": sha256},
        ),
        seed,
    )


def mlp(folder: Path, dataset: Dataset, *, seed: int = 0, **facts: Any) -> Network:
    """An untrained network for the dataset's task."""
    folder.mkdir(parents=True)
    network = Network(
        task=dataset.task,
        architecture="mlp",
        config=models.complete("mlp", {"width": 16}, task=dataset.task),
        labels=dataset.labels or None,
        num_outputs=len(dataset.labels),
        input=dataset.input,
        **facts,
    )
    return _written(folder, network, seed)


def _written(folder: Path, network: Network, seed: int) -> Network:
    torch.manual_seed(seed)
    seen = view(network.input, network.preprocessing)
    module: nn.Module = models.build(
        network.architecture, network.config, input=seen, num_outputs=network.num_outputs
    )
    save_file(module.state_dict(), folder / "model.safetensors")
    files = {**network.files, "model.safetensors": file_sha256(folder / "model.safetensors")}
    return network.model_copy(update={"files": files})


def _inspected(folder: Path, filename: str, content: str, task: Task, **asked: Any) -> Dataset:
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "upload").write_text(content)
    return inspected(InspectDataset(filename=filename, task=task, **asked), folder)
