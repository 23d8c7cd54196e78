"""Checkpoints as people upload them, and their inspection as a worker would have it done."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from distill import models
from distill.config.events import Event, ModelInspected
from distill.config.folder import InspectModel
from distill.config.networks import Input, Preprocessing
from distill.inspect.model import inspect_model

DIGIT = Input(kind="image", shape=[1, 8, 8], dtype="uint8")
SCALED = Preprocessing(scale=1 / 255)
AS_IMAGE: dict[str, Any] = {"input": DIGIT, "preprocessing": SCALED}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]
BERT: dict[str, Any] = {
    "model_type": "bert",
    "architectures": ["BertForSequenceClassification"],
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 24,
    "vocab_size": len(WORDS),
    "id2label": {"0": "bad", "1": "good"},
}


class Heard:
    """Keeps the last event."""

    last: Event

    def send(self, event: Event) -> None:
        self.last = event


def cnn(depth: int = 3) -> nn.Module:
    return models.build("cnn", {"depth": depth, "width": 4}, input=DIGIT, num_outputs=10)


def inspected(folder: Path, write: Callable[[Path], Any], **request: Any) -> ModelInspected:
    """The answer to what `write` puts at the path of the upload; its files are in `folder/out`."""
    (folder / "in").mkdir(parents=True)
    (folder / "out").mkdir()
    write(folder / "in" / "upload")
    heard = Heard()
    inspect_model(InspectModel(**{"filename": "teacher", **request}), folder, heard)
    assert isinstance(heard.last, ModelInspected)
    return heard.last


def bert_zip(path: Path, *, change: dict[str, Any] | None = None, **members: bytes | None) -> None:
    """A whole Hugging Face archive; `members` replaces or (None) removes one, dots written as `__`."""
    from safetensors.torch import save

    text = Input(kind="text", shape=[24], dtype="int64")
    shape = {key: value for key, value in BERT.items() if key not in ("architectures", "id2label")}
    module = models.build("huggingface", shape, input=text, num_outputs=2)
    contents: dict[str, bytes | None] = {
        "config.json": json.dumps({**BERT, **(change or {})}).encode(),
        "model.safetensors": save(module.state_dict()),
        "vocab.txt": "\n".join(WORDS).encode(),
    }
    contents |= {name.replace("__", "."): content for name, content in members.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            if content is not None:
                archive.writestr(f"teacher/{name}", content)
