"""Transformers for text, from a configuration alone: nothing is ever downloaded."""

import os
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from torch import Tensor, nn
from torch.nn import functional as F
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)

# Each is a subclass, so that its parameters keep the names of a Hugging Face file. All take `input_ids`
# and `attention_mask` (B, L); without a mask, nothing is padding.


class BertForTexts(BertForSequenceClassification):  # type: ignore[no-untyped-call]  # its base is untyped
    """BERT (Devlin et al., 2019) with one answer for a text: (B, outputs)."""

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        output = super().forward(
            input_ids=inputs["input_ids"], attention_mask=inputs.get("attention_mask"), return_dict=True
        )
        logits: Tensor = output.logits
        return logits


class BertForTokens(BertForTokenClassification):  # type: ignore[no-untyped-call]  # its base is untyped
    """BERT with one answer for each token: (B, L, outputs)."""

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        output = super().forward(
            input_ids=inputs["input_ids"], attention_mask=inputs.get("attention_mask"), return_dict=True
        )
        logits: Tensor = output.logits
        return logits


class BertEmbedding(BertModel):  # type: ignore[no-untyped-call]  # its base is untyped
    """BERT that pools its last states into one vector for a text: (B, outputs).

    Pooled as by Reimers and Gurevych (2019, section 3): the mean over the tokens, or the first. Where
    the vector is to be of another size than the states, a linear layer takes it there.
    """

    def __init__(self, config: BertConfig, num_outputs: int, *, pooling: str, normalize: bool) -> None:
        super().__init__(config, add_pooling_layer=False)
        self.pooling = pooling
        self.normalize = normalize
        hidden = config.hidden_size
        self.projection = nn.Linear(hidden, num_outputs) if num_outputs != hidden else None

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        mask = inputs.get("attention_mask")
        output = super().forward(input_ids=inputs["input_ids"], attention_mask=mask, return_dict=True)
        embedding = self._pooled(output.last_hidden_state, mask)
        if self.projection is not None:
            embedding = self.projection(embedding)
        return F.normalize(embedding, dim=-1) if self.normalize else embedding

    def _pooled(self, states: Tensor, mask: Tensor | None) -> Tensor:
        if self.pooling == "cls":
            return states[:, 0]
        if mask is None:
            return states.mean(dim=1)
        seen = mask.unsqueeze(-1).to(states.dtype)
        return (states * seen).sum(dim=1) / seen.sum(dim=1)


def build(config: dict[str, Any], input_shape: Sequence[int], num_outputs: int) -> nn.Module:
    """An untrained network; `input_shape` (length,) is no part of a BERT's parameters."""
    shape = {key: value for key, value in config.items() if value is not None}
    head = shape.pop("head", "sequence")
    pooling, normalize = shape.pop("pooling", "mean"), shape.pop("normalize", False)
    hidden = shape["hidden_size"]
    shape.setdefault("intermediate_size", 4 * hidden)
    shape.setdefault("num_attention_heads", usual_heads(hidden))
    bert = BertConfig.from_dict({**shape, "num_labels": num_outputs, "attn_implementation": "sdpa"})
    if head == "embedding":
        return BertEmbedding(bert, num_outputs, pooling=pooling, normalize=normalize)
    return BertForTokens(bert) if head == "token" else BertForTexts(bert)


def usual_heads(hidden_size: int) -> int:
    """One head for every 64 numbers of the state, or the next lower count that divides it."""
    wanted = max(1, hidden_size // 64)
    return next(heads for heads in range(wanted, 0, -1) if hidden_size % heads == 0)
