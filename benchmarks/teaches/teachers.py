"""One teacher for each set: a job of its own, whose student learns from all labels of train alone."""

import json
import shutil
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordPieceTrainer

from benchmarks.teaches.data import Prepared
from benchmarks.teaches.folders import Asked, ask
from benchmarks.teaches.jobs import Taught, outcome
from distill.config.events import ModelInspected
from distill.config.folder import InspectModel
from distill.config.networks import Network

VOCABULARY = 4000
LONGEST_TWEET = 48
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]

NETWORKS: dict[str, dict[str, Any]] = {
    "images": {
        "architecture": "cnn",
        "config": {"depth": 5, "width": 16, "stages": [1, 1, 2], "dropout": 0.2},
    },
    "digits": {"architecture": "mlp", "config": {"depth": 3, "width": 1200, "dropout": 0.5}},
    "table": {"architecture": "mlp", "config": {"depth": 4, "width": 512, "dropout": 0.25}},
    "text": {"huggingface": {"model_type": "bert", "num_hidden_layers": 2, "hidden_size": 128}},
}
TRAINING: dict[str, dict[str, Any]] = {
    "images": {"epochs": 12, "batch_size": 128, "optimizer": {"kind": "adamw", "learning_rate": 5e-3}},
    "digits": {"epochs": 40, "batch_size": 128, "optimizer": {"kind": "adamw", "learning_rate": 1e-3}},
    "table": {"epochs": 60, "batch_size": 128, "optimizer": {"kind": "adamw", "learning_rate": 2e-3}},
    "text": {"epochs": 4, "batch_size": 64, "optimizer": {"kind": "adamw", "learning_rate": 5e-4}},
}

_NOBODY = {"train": {"architecture": "mlp", "config": {"depth": 1}, "training": {"steps": 1}}}


def teacher_of(data: Prepared, work: Path) -> Taught:
    """The teacher of a set, trained once and kept under `work`."""
    document = {
        "version": 1,
        "name": f"teacher-of-{data.name}",
        "task": data.dataset.task,
        "dataset": data.name,
        "teacher": "nobody" if data.dataset.input.kind == "text" else _NOBODY,
        "student": NETWORKS[data.name],
        "losses": [{"kind": "hard_target", "weight": 1.0}],
        "training": TRAINING[data.name],
        "evaluation": {"control": False},
    }
    # A job has a teacher even where no loss asks it; one of texts brings the tokenizer.
    nobody = untrained_bert(data, work) if data.dataset.input.kind == "text" else None
    return outcome(work / "teachers" / data.name, document, data, nobody).student()


def untrained_bert(data: Prepared, work: Path) -> Taught:
    """As small as may be, but with the vocabulary and the length that all networks of texts take over."""
    folder = work / "teachers" / "tokenizer"
    record = folder / "network.json"
    if not record.exists():
        request = InspectModel(filename="bert.zip", task=data.dataset.task, labels=data.dataset.labels)
        asked = Asked(request, writes={"in/upload": lambda path: _write_bert(path, data)})
        network = ask("inspect", asked, folder).the(ModelInspected).network
        for file in network.files:
            shutil.move(folder / "out" / file, folder / file)
        record.write_text(network.model_dump_json())
    return Taught(Network.model_validate_json(record.read_bytes()), folder)


def _write_bert(path: Path, data: Prepared) -> None:
    """What `save_pretrained` would write of an untrained BERT and its tokenizer, in a zip."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    labels = dict(enumerate(data.dataset.labels))
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=LONGEST_TWEET,
        id2label=labels,
        label2id={name: number for number, name in labels.items()},
    )
    weights = BertForSequenceClassification(config).state_dict()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config.to_json_string())
        archive.writestr("model.safetensors", save({name: t.contiguous() for name, t in weights.items()}))
        archive.writestr("tokenizer.json", _tokenizer(data).to_str())
        archive.writestr("tokenizer_config.json", json.dumps({"model_max_length": LONGEST_TWEET}))


def _tokenizer(data: Prepared) -> Tokenizer:
    """WordPiece learned from the texts of train (Schuster and Nakajima, 2012)."""
    tokenizer = Tokenizer(WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    trainer = WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(_texts_of_train(data), trainer)
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def _texts_of_train(data: Prepared) -> Iterator[str]:
    with safe_open(data.splits / data.dataset.splits["train"].file, framework="np") as file:
        content = file.get_tensor("text_bytes").tobytes()
        offsets = file.get_tensor("text_offsets").tolist()
    for start, end in pairwise(offsets):
        yield content[start:end].decode()
