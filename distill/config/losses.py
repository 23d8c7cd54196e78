"""The loss terms that a job may list. `total = sum of weight * term`.

Torch-free: the formulas are in `distill.losses`.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from distill.config.section import Section

Weight = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Temperature = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]


class SoftTarget(Section):
    """The distillation loss: T^2 * KL(teacher || student) at temperature T (Hinton et al., 2015)."""

    kind: Literal["soft_target"] = "soft_target"
    weight: Weight = 0.9
    temperature: Temperature = 4.0


class HardTarget(Section):
    """The student loss: cross-entropy with the labels at temperature 1."""

    kind: Literal["hard_target"] = "hard_target"
    weight: Weight = 0.1


class Decoupled(Section):
    """Decoupled knowledge distillation (Zhao et al., 2022)."""

    kind: Literal["decoupled"] = "decoupled"
    weight: Weight = 1.0
    alpha: Weight = 1.0
    beta: Weight = 8.0
    temperature: Temperature = 4.0


class Dist(Section):
    """Relations between and within classes, by correlation (Huang et al., 2022)."""

    kind: Literal["dist"] = "dist"
    weight: Weight = 1.0
    beta: Weight = 1.0
    gamma: Weight = 1.0
    temperature: Temperature = 1.0


class Standardized(Section):
    """Soft targets of z-scored logits (Sun et al., 2024)."""

    kind: Literal["standardized"] = "standardized"
    weight: Weight = 9.0
    temperature: Temperature = 2.0


class ReverseKl(Section):
    """KL(student || teacher)."""

    kind: Literal["reverse_kl"] = "reverse_kl"
    weight: Weight = 1.0


class JensenShannon(Section):
    """Generalized Jensen-Shannon divergence (Agarwal et al., 2024)."""

    kind: Literal["jensen_shannon"] = "jensen_shannon"
    weight: Weight = 1.0
    beta: Annotated[float, Field(ge=0, le=1)] = 0.5


SHORT_NAMES = {
    "kd": "soft_target",
    "ce": "hard_target",
    "dkd": "decoupled",
    "lskd": "standardized",
    "rkd": "relational",
    "sp": "similarity",
    "pkt": "probabilistic_transfer",
    "at": "attention_transfer",
    "fitnet": "hint",
}
"""What papers and other toolkits call the same terms; resolved at submit."""

LATER_KINDS = frozenset(
    {
        "multi_level",
        "mse_logits",
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


def _resolve_kind(term: Any) -> Any:
    if not isinstance(term, dict) or not isinstance(term.get("kind"), str):
        return term
    kind = SHORT_NAMES.get(term["kind"], term["kind"])
    if kind in LATER_KINDS:
        raise PydanticCustomError(
            "not_available_yet", "the loss '{kind}' is not available in this version yet", {"kind": kind}
        )
    return {**term, "kind": kind}


LossTerm = Annotated[
    Annotated[
        SoftTarget | HardTarget | Decoupled | Dist | Standardized | ReverseKl | JensenShannon,
        Field(discriminator="kind"),
    ],
    BeforeValidator(_resolve_kind),
]
