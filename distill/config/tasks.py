"""What a network may be for, and what that means for its targets. Torch-free.

One row of `TASKS` is one task. The *target* is what a label is; losses, figures and exports depend
on the target alone, so that a task is no more than a target and the kinds of input that it takes.
"""

from dataclasses import dataclass
from typing import Literal

Task = Literal[
    "image-classification",
    "text-classification",
    "tabular-classification",
    "multi-label-classification",
    "token-classification",
    "regression",
    "feature-extraction",
]

Target = Literal["class", "label_set", "tag", "number", "embedding"]
"""`class`: one of several. `label_set`: any of several. `tag`: one of several for each word.
`number`: one or more real numbers. `embedding`: the teacher's own output; there are no labels."""

InputKind = Literal["image", "tabular", "text"]

ON_CLASSES = frozenset(
    {
        "hard_target",
        "soft_target",
        "decoupled",
        "dist",
        "standardized",
        "multi_level",
        "reverse_kl",
        "jensen_shannon",
        "mse_logits",
    }
)
BETWEEN_LAYERS = frozenset(
    {
        "hint",
        "attention_transfer",
        "relational",
        "similarity",
        "probabilistic_transfer",
        "correlation",
        "review",
        "hidden_state",
        "attention_map",
        "value_relation",
    }
)


@dataclass(frozen=True)
class Facts:
    """What follows from a task."""

    target: Target
    inputs: tuple[InputKind, ...]
    main_figure: str
    """The figure by which runs are compared; higher is better."""
    terms: frozenset[str]
    """The losses that have a meaning for this target."""


TASKS: dict[Task, Facts] = {
    "image-classification": Facts("class", ("image",), "accuracy", ON_CLASSES | BETWEEN_LAYERS),
    "text-classification": Facts("class", ("text",), "accuracy", ON_CLASSES | BETWEEN_LAYERS),
    "tabular-classification": Facts("class", ("tabular",), "accuracy", ON_CLASSES | BETWEEN_LAYERS),
    "multi-label-classification": Facts(
        "label_set",
        ("image", "tabular", "text"),
        "f1",
        frozenset({"hard_target", "soft_target", "mse_logits"}) | BETWEEN_LAYERS,
    ),
    "token-classification": Facts("tag", ("text",), "accuracy", ON_CLASSES | BETWEEN_LAYERS),
    "regression": Facts(
        "number",
        ("image", "tabular", "text"),
        "r2",
        frozenset({"hard_target", "mse_logits"}) | BETWEEN_LAYERS,
    ),
    "feature-extraction": Facts(
        "embedding",
        ("image", "tabular", "text"),
        "cosine",
        frozenset({"mse_logits", "cosine"}) | BETWEEN_LAYERS,
    ),
}
