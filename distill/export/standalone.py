"""The second half of every `load.py`: read the student, show it examples, name its answers.

Runs beside the source of the student's architecture, from which `build` comes.
"""

import json
import struct
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from distill.models.mlp import build

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file."""
    data = bytearray(Path(path).read_bytes())
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        dtype = DTYPES[entry["dtype"]]
        flat = torch.frombuffer(data[start:end], dtype=dtype) if end > start else torch.empty(0, dtype=dtype)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


class Student(nn.Module):
    """The network, and what is needed to show it raw examples and to name what it answers."""

    def __init__(self, network: nn.Module, record: dict[str, Any], target: str, tokenizer: Path) -> None:
        super().__init__()
        self.network = network
        self.target = target
        self.labels: list[str] = record["labels"] or []
        self.kind: str = record["input"]["kind"]
        self.steps: dict[str, Any] = record["preprocessing"]
        self.scale: dict[str, list[float]] | None = record["scale"]
        self.tokenizer = tokenizer

    def forward(self, inputs: Any) -> Tensor:
        """Outputs (n, outputs) for preprocessed inputs, or of tags (n, tokens, tags)."""
        outputs: Tensor = self.network(inputs)
        if self.scale is None:
            return outputs
        return outputs * torch.tensor(self.scale["std"]) + torch.tensor(self.scale["mean"])


def load(folder: str | Path = ".") -> Student:
    """The student in `folder`, in eval mode."""
    folder = Path(folder)
    record = json.loads((folder / "config.json").read_text())
    network = record["network"]
    module = build(network["config"], record["view"]["shape"], network["num_outputs"])
    module.load_state_dict(read_safetensors(folder / "student.safetensors"))
    return Student(module, network, record["target"], folder / "tokenizer.json").eval()


def predict(student: Student, examples: Any) -> Any:
    """Outputs (n, outputs) for raw examples: images (n, channels, height, width) as stored, features
    (n, features), or n texts. These are logits of classes or of labels that may hold together, numbers
    in the units of the labels, or an embedding.

    Where words get tags, each text is a list of its words, and its outputs are logits (words, tags) in a
    list of n; of a word that the network does not see they are NaN.
    """
    with torch.inference_mode():
        if student.target == "tag":
            return _of_words(student, [list(words) for words in examples])
        if student.kind == "text":
            return student.forward(_tokens(student, list(examples))[0])
        return student.forward(_view(student, torch.as_tensor(examples)))


def named(student: Student, outputs: Any, threshold: float = 0.5) -> list[Any]:
    """What outputs say, for each example: the class; the labels whose probability is above `threshold`;
    a tag for each word, None where it was not seen; or each number by its name."""
    names = student.labels
    if student.target == "class":
        return [names[index] for index in outputs.argmax(dim=1).tolist()]
    if student.target == "label_set":
        holds = (outputs.sigmoid() > threshold).tolist()
        return [[name for name, here in zip(names, row, strict=True) if here] for row in holds]
    if student.target == "tag":
        return [
            [None if row.isnan().any() else names[int(row.argmax())] for row in words] for words in outputs
        ]
    if student.target == "number":
        return [dict(zip(names, row, strict=True)) for row in outputs.tolist()]
    raise ValueError("an embedding has no names")


def _view(student: Student, examples: Tensor) -> Tensor:
    steps = student.steps
    values: Tensor = examples.float()
    if student.kind == "image":
        if steps["resize"] and list(values.shape[-2:]) != steps["resize"]:
            values = nn.functional.interpolate(
                values, size=steps["resize"], mode="bilinear", antialias=True, align_corners=False
            )
        if steps["crop"]:
            height, width = steps["crop"]
            top, left = (values.shape[-2] - height) // 2, (values.shape[-1] - width) // 2
            values = values[..., top : top + height, left : left + width]
        if steps["channel_order"] == "bgr":
            values = values.flip(1)
    values = values * steps["scale"]
    across = (1, -1) + (1,) * (values.dim() - 2)
    if steps["mean"]:
        values = values - torch.tensor(steps["mean"]).view(across)
    if steps["std"]:
        values = values / torch.tensor(steps["std"]).view(across)
    return values


def _of_words(student: Student, texts: list[list[str]]) -> list[Tensor]:
    """The outputs at the first token of each word; NaN for a word that has none, or is cut off."""
    tokens, words_of_tokens = _tokens(student, texts)
    outputs = student.forward(tokens)
    answers = []
    for text, output, words in zip(texts, outputs, words_of_tokens, strict=True):
        answer = torch.full((len(text), outputs.shape[-1]), torch.nan)
        for token in reversed(range(len(words))):
            if words[token] is not None:
                answer[words[token]] = output[token]
        answers.append(answer)
    return answers


def _tokens(student: Student, texts: list[Any]) -> tuple[dict[str, Tensor], list[list[Any]]]:
    """Token ids and mask, and of which word each token is."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(student.tokenizer))
    tokenizer.enable_truncation(max_length=student.steps["max_length"] or 128)
    pad = tokenizer.token_to_id("[PAD]") or 0
    tokenizer.enable_padding(pad_id=pad, pad_token=tokenizer.id_to_token(pad) or "[PAD]")
    encodings = tokenizer.encode_batch(texts, is_pretokenized=student.target == "tag")
    tokens = {  # a text without any token is one padding that is seen
        "input_ids": torch.tensor([encoding.ids or [pad] for encoding in encodings]),
        "attention_mask": torch.tensor([[1, *encoding.attention_mask[1:]] for encoding in encodings]),
    }
    return tokens, [encoding.word_ids for encoding in encodings]
