"""A small BERT with its tokenizer, uploaded and inspected, and a dataset of reviews that it reads."""

import io
import os
import shutil
import zipfile
from pathlib import Path
from random import Random

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from safetensors.torch import save
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertForSequenceClassification

from distill.config.events import ModelInspected
from distill.config.folder import InspectDataset, InspectModel
from distill.config.networks import Dataset, Network
from distill.inspect.model import inspect_model
from tests.distill.folders import Heard, inspected

GOOD, BAD = ["good", "fine", "great", "warm", "bright"], ["bad", "poor", "dull", "cold", "grim"]
NEUTRAL = ["the", "film", "was", "and", "its", "music", "rather", "very"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def reviews(folder: Path, examples: int = 240) -> Dataset:
    """Sentences of two moods, in canonical form in `folder`."""
    random = Random(0)
    lines = ["text,label"]
    for number in range(examples):
        mood, words = ("positive", GOOD) if number % 2 else ("negative", BAD)
        sentence = [random.choice(NEUTRAL) for _ in range(random.randrange(3, 9))]
        sentence[random.randrange(len(sentence))] = random.choice(words)
        lines.append(f"{' '.join(sentence)} {number},{mood}")
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "upload").write_text("\n".join(lines))
    return inspected(InspectDataset(filename="reviews.csv", task="text-classification"), folder)


def teacher(folder: Path, *, layers: int = 4) -> Network:
    """An untrained BERT as an upload leaves its inspection: its files are in `folder`."""
    vocabulary = [*SPECIAL, *NEUTRAL, *GOOD, *BAD]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        id2label={0: "positive", 1: "negative"},
        label2id={"positive": 0, "negative": 1},
    )
    module = BertForSequenceClassification(config)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("config.json", config.to_json_string())
        weights = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
        archive.writestr("model.safetensors", save(weights))
        archive.writestr("tokenizer.json", tokenizer.to_str())
    (folder / "in").mkdir(parents=True)
    (folder / "out").mkdir()
    (folder / "in" / "upload").write_bytes(packed.getvalue())
    heard = Heard()
    inspect_model(InspectModel(filename="bert.zip", task="text-classification"), folder, heard)
    (answer,) = heard.events
    assert isinstance(answer, ModelInspected)
    for name in answer.network.files:
        shutil.move(folder / "out" / name, folder / name)
    shutil.rmtree(folder / "in")
    shutil.rmtree(folder / "out")
    return answer.network
