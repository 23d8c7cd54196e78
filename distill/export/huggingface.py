"""A Hugging Face folder, which `from_pretrained` of transformers loads."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from distill.checkpoint import separate_tensors
from distill.config.exporting import NO_EMBEDDING, NO_TRANSFORMER
from distill.config.exports import Export
from distill.config.networks import Network
from distill.config.tasks import TASKS, Target
from distill.export.source import CannotExport, Made, Source, inputs_of, preprocessing_of

CLASSES: dict[Target, tuple[str, str | None]] = {
    "class": ("BertForSequenceClassification", "single_label_classification"),
    "label_set": ("BertForSequenceClassification", "multi_label_classification"),
    "number": ("BertForSequenceClassification", "regression"),
    "tag": ("BertForTokenClassification", None),
}
"""The class that loads a student of each target, and what it calls the problem."""
SPECIAL = {
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def make(export: Export, source: Source, out: Path) -> Made:
    """The folder `huggingface`: `model.safetensors`, `config.json` and the tokenizer's files. Numbers come
    in the units of their labels: the last layer speaks them.

    Raises:
        CannotExport: the student is no transformer, or one whose answer is an embedding.
    """
    import transformers

    network = source.network
    target = TASKS[network.task].target
    if not source.is_transformer:
        raise CannotExport("; ".join(NO_TRANSFORMER))
    if target not in CLASSES:
        raise CannotExport("; ".join(NO_EMBEDDING))
    assert source.tokenizer is not None
    folder = out / "huggingface"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(separate_tensors(_weights(source)), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(_configuration(source, *CLASSES[target]))
    (folder / "tokenizer.json").write_bytes(source.tokenizer.read_bytes())
    (folder / "tokenizer_config.json").write_text(_tokenizer(source.tokenizer, network))
    return Made(
        export=export,
        folder=out,
        files=tuple(
            f"huggingface/{name}"
            for name in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json")
        ),
        inputs=inputs_of(network),
        preprocessing=preprocessing_of(network, "outside"),
        opset=None,
        runtime=f"transformers {transformers.__version__}, torch {torch.__version__}",
    )


def _weights(source: Source) -> dict[str, Tensor]:
    weights = dict(source.module.state_dict())
    scale = source.network.scale
    if scale is not None:
        std, mean = torch.tensor(scale.std), torch.tensor(scale.mean)
        weights["classifier.weight"] = weights["classifier.weight"] * std.unsqueeze(1)
        weights["classifier.bias"] = weights["classifier.bias"] * std + mean
    return weights


def _configuration(source: Source, name: str, problem: str | None) -> str:
    labels = source.network.labels or [f"LABEL_{number}" for number in range(source.network.num_outputs)]
    said = {
        "architectures": [name],
        "problem_type": problem,
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
    }
    config: Any = source.module.config
    written = type(config).from_dict({**config.to_dict(), **said})
    text: str = written.to_json_string()
    return text


def _tokenizer(tokenizer: Path, network: Network) -> str:
    """How texts become tokens as the student learned them: cut at its length, padded with its token."""
    from tokenizers import Tokenizer

    there = Tokenizer.from_file(str(tokenizer))
    pad = there.token_to_id("[PAD]") or 0
    special = {role: token for role, token in SPECIAL.items() if there.token_to_id(token) is not None}
    said = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": network.preprocessing.max_length or 128,
        "model_input_names": ["input_ids", "attention_mask"],
        "pad_token": there.id_to_token(pad) or "[PAD]",
        **special,
    }
    return json.dumps(said, indent=2) + "\n"
