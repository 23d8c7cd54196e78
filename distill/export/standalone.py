"""The second half of every `load.py`: read the student, show it examples, get its logits.

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
    """The network, and what is needed to show it raw examples."""

    def __init__(self, network: nn.Module, record: dict[str, Any], tokenizer: Path) -> None:
        super().__init__()
        self.network = network
        self.labels: list[str] = record["labels"]
        self.kind: str = record["input"]["kind"]
        self.steps: dict[str, Any] = record["preprocessing"]
        self.tokenizer = tokenizer

    def forward(self, inputs: Any) -> Tensor:
        """Logits (n, classes) for preprocessed inputs."""
        logits: Tensor = self.network(inputs)
        return logits


def load(folder: str | Path = ".") -> Student:
    """The student in `folder`, in eval mode."""
    folder = Path(folder)
    record = json.loads((folder / "config.json").read_text())
    network = record["network"]
    module = build(network["config"], record["view"]["shape"], network["num_outputs"])
    module.load_state_dict(read_safetensors(folder / "student.safetensors"))
    return Student(module, network, folder / "tokenizer.json").eval()


def predict(student: Student, examples: Any) -> Tensor:
    """Logits (n, classes) for raw examples: images (n, channels, height, width) as stored, features
    (n, features), or n texts."""
    with torch.inference_mode():
        if student.kind == "text":
            return student.forward(_tokens(student, list(examples)))
        return student.forward(_view(student, torch.as_tensor(examples)))


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


def _tokens(student: Student, texts: list[str]) -> dict[str, Tensor]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(student.tokenizer))
    tokenizer.enable_truncation(max_length=student.steps["max_length"] or 128)
    pad = tokenizer.token_to_id("[PAD]") or 0
    tokenizer.enable_padding(pad_id=pad, pad_token=tokenizer.id_to_token(pad) or "[PAD]")
    encodings = tokenizer.encode_batch(texts)
    return {  # a text without any token is one padding that is seen
        "input_ids": torch.tensor([encoding.ids or [pad] for encoding in encodings]),
        "attention_mask": torch.tensor([[1, *encoding.attention_mask[1:]] for encoding in encodings]),
    }
