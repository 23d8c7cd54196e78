"""Transformers for text classification, from a configuration alone: nothing is ever downloaded."""

import os
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification


class Bert(BertForSequenceClassification):  # type: ignore[no-untyped-call]  # its base is untyped
    """BERT (Devlin et al., 2019) from `input_ids` and `attention_mask` (B, L) to logits (B, outputs).

    Without a mask, nothing is padding.
    A subclass, so that its parameters keep the names of a Hugging Face file.
    """

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        output = super().forward(
            input_ids=inputs["input_ids"], attention_mask=inputs.get("attention_mask"), return_dict=True
        )
        logits: Tensor = output.logits
        return logits


def build(config: dict[str, Any], input_shape: Sequence[int], num_outputs: int) -> nn.Module:
    """An untrained network; `input_shape` (length,) is no part of a BERT's parameters."""
    shape = {key: value for key, value in config.items() if value is not None}
    hidden = shape["hidden_size"]
    shape.setdefault("intermediate_size", 4 * hidden)
    shape.setdefault("num_attention_heads", usual_heads(hidden))
    return Bert(BertConfig.from_dict({**shape, "num_labels": num_outputs, "attn_implementation": "sdpa"}))


def usual_heads(hidden_size: int) -> int:
    """One head for every 64 numbers of the state, or the next lower count that divides it."""
    wanted = max(1, hidden_size // 64)
    return next(heads for heads in range(wanted, 0, -1) if hidden_size % heads == 0)
