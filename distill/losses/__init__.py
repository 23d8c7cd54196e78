"""The losses of knowledge distillation: pure functions of tensors, each naming its paper.

Logits have shape (batch, classes), embeddings (batch, features), features (batch, channels, height,
width), states of tokens (batch, tokens, features), scores of attention (batch, heads, tokens, tokens);
labels are int64 (batch,), -1 where unlabeled. Every function returns a scalar, float64 for float64 and
float32 for anything narrower.
"""

from distill.losses.features import attention_transfer_loss, hint_loss, review_loss
from distill.losses.logits import (
    decoupled_loss,
    dist_loss,
    hard_target_loss,
    jensen_shannon_loss,
    multi_level_loss,
    reverse_kl_loss,
    soft_target_loss,
    standardized_loss,
)
from distill.losses.outputs import (
    binary_soft_target_loss,
    binary_target_loss,
    cosine_loss,
    mse_logits_loss,
    squared_error_loss,
)
from distill.losses.relations import (
    correlation_loss,
    probabilistic_transfer_loss,
    relational_loss,
    similarity_loss,
)
from distill.losses.transformers import attention_map_loss, hidden_state_loss, value_relation_loss

__all__ = [
    "attention_map_loss",
    "attention_transfer_loss",
    "binary_soft_target_loss",
    "binary_target_loss",
    "correlation_loss",
    "cosine_loss",
    "decoupled_loss",
    "dist_loss",
    "hard_target_loss",
    "hidden_state_loss",
    "hint_loss",
    "jensen_shannon_loss",
    "mse_logits_loss",
    "multi_level_loss",
    "probabilistic_transfer_loss",
    "relational_loss",
    "reverse_kl_loss",
    "review_loss",
    "similarity_loss",
    "soft_target_loss",
    "squared_error_loss",
    "standardized_loss",
    "value_relation_loss",
]
