"""Transformers for text classification, from a configuration alone: nothing is ever downloaded."""

import os
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification

ALLOWED_KEYS = frozenset(
    {
        "attention_probs_dropout_prob",
        "classifier_dropout",
        "hidden_act",
        "hidden_dropout_prob",
        "hidden_size",
        "initializer_range",
        "intermediate_size",
        "layer_norm_eps",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "pad_token_id",
        "type_vocab_size",
        "vocab_size",
    }
)
"""What shapes a BERT. Every other key of a `config.json` could name code, and is left out."""


class Bert(BertForSequenceClassification):  # type: ignore[misc]  # transformers is untyped here
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
    shape = {key: value for key, value in config.items() if key in ALLOWED_KEYS}
    return Bert(BertConfig(**shape, num_labels=num_outputs, attn_implementation="sdpa"))
