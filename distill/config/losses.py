"""The loss terms that a stage may list. `total = sum of weight * term`.

Torch-free: the formulas are in `distill.losses`. Default weights are those of the papers' code
where that has one; a weight says how much a term counts beside `hard_target` at its own.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from distill.config.schedules import Amount, Degree, Temperature, Weight
from distill.config.section import Section

OUTPUTS = "outputs"
"""The name that stands for a network's own outputs where a layer is asked for."""


class LayerPair(Section):
    """Two layers that are compared: names as `GET /v1/models/{id}` lists them.

    `name:input` is what the layer takes instead of what it gives; `outputs` is the network's own.
    """

    student: Annotated[str, Field(min_length=1, max_length=255)]
    teacher: Annotated[str, Field(min_length=1, max_length=255)]


def _named_or_auto(value: Any) -> str | None:
    if isinstance(value, list):
        return "named"
    return "auto" if value == "auto" else None


Layers = Annotated[
    Annotated[Literal["auto"], Tag("auto")]
    | Annotated[list[LayerPair], Field(min_length=1, max_length=64), Tag("named")],
    Discriminator(
        _named_or_auto,
        custom_error_type="layers_kind",
        custom_error_message="layers are auto, or a list of pairs {student: a name, teacher: a name}",
    ),
]
"""`auto`: matched by stage and depth; the resolved spec shows the pairs that were chosen."""


class SoftTarget(Section):
    """The distillation loss: T^2 * KL(teacher || student) at temperature T (Hinton et al., 2015)."""

    kind: Literal["soft_target"] = "soft_target"
    weight: Weight = 0.9
    temperature: Temperature = 4.0


class HardTarget(Section):
    """The student loss: cross-entropy with the labels at temperature 1; of numbers, the squared error."""

    kind: Literal["hard_target"] = "hard_target"
    weight: Weight = 0.1


class Decoupled(Section):
    """Decoupled knowledge distillation (Zhao et al., 2022)."""

    kind: Literal["decoupled"] = "decoupled"
    weight: Weight = 1.0
    alpha: Amount = 1.0
    beta: Amount = 8.0
    temperature: Temperature = 4.0


class Dist(Section):
    """Relations between and within classes, by correlation (Huang et al., 2022)."""

    kind: Literal["dist"] = "dist"
    weight: Weight = 1.0
    beta: Amount = 1.0
    gamma: Amount = 1.0
    temperature: Temperature = 1.0


class Standardized(Section):
    """Soft targets of z-scored logits (Sun et al., 2024)."""

    kind: Literal["standardized"] = "standardized"
    weight: Weight = 9.0
    temperature: Temperature = 2.0


class MultiLevel(Section):
    """Agreement of instances, of the batch and of the classes, at several temperatures (Jin et al., 2023)."""

    kind: Literal["multi_level"] = "multi_level"
    weight: Weight = 1.0
    temperatures: Annotated[list[Degree], Field(min_length=1, max_length=16)] = [2.0, 3.0, 4.0, 5.0, 6.0]


class ReverseKl(Section):
    """KL(student || teacher)."""

    kind: Literal["reverse_kl"] = "reverse_kl"
    weight: Weight = 1.0


class JensenShannon(Section):
    """Generalized Jensen-Shannon divergence (Agarwal et al., 2024)."""

    kind: Literal["jensen_shannon"] = "jensen_shannon"
    weight: Weight = 1.0
    beta: Annotated[float, Field(ge=0, le=1)] = 0.5


class MseLogits(Section):
    """Mean squared difference of the outputs (Ba and Caruana, 2014)."""

    kind: Literal["mse_logits"] = "mse_logits"
    weight: Weight = 1.0


class Cosine(Section):
    """1 - cosine of student's and teacher's embedding."""

    kind: Literal["cosine"] = "cosine"
    weight: Weight = 1.0


class Hint(Section):
    """Mean squared error between features, through a learned projector (Romero et al., 2015)."""

    kind: Literal["hint"] = "hint"
    weight: Weight = 1.0
    layers: Layers = "auto"


class AttentionTransfer(Section):
    """Where feature maps are active (Zagoruyko and Komodakis, 2017)."""

    kind: Literal["attention_transfer"] = "attention_transfer"
    weight: Weight = 1000.0
    layers: Layers = "auto"


class Relational(Section):
    """Distances and angles between the examples of a batch (Park et al., 2019)."""

    kind: Literal["relational"] = "relational"
    weight: Weight = 1.0
    distance_weight: Amount = 25.0
    angle_weight: Amount = 50.0
    layers: Layers = "auto"


class Similarity(Section):
    """Which examples of a batch are alike (Tung and Mori, 2019)."""

    kind: Literal["similarity"] = "similarity"
    weight: Weight = 3000.0
    layers: Layers = "auto"


class ProbabilisticTransfer(Section):
    """The probability of one example given another (Passalis and Tefas, 2018)."""

    kind: Literal["probabilistic_transfer"] = "probabilistic_transfer"
    weight: Weight = 30_000.0
    layers: Layers = "auto"


class Correlation(Section):
    """Correlation congruence: kernels between the examples of a batch (Peng et al., 2019)."""

    kind: Literal["correlation"] = "correlation"
    weight: Weight = 0.02
    gamma: Annotated[float, Field(gt=0, le=1000)] = 0.4
    layers: Layers = "auto"


class Review(Section):
    """Knowledge review: fused features of all stages, at several scales (Chen et al., 2021)."""

    kind: Literal["review"] = "review"
    weight: Weight = 1.0
    layers: Layers = "auto"


class HiddenState(Section):
    """States of transformer layers: squared error (Jiao et al., 2020) or 1 - cosine (Sanh et al., 2019)."""

    kind: Literal["hidden_state"] = "hidden_state"
    weight: Weight = 1.0
    form: Literal["mse", "cosine"] = "mse"
    layers: Layers = "auto"


class AttentionMap(Section):
    """Attention of transformer layers: squared error of the scores (Jiao et al., 2020), or KL of the
    probabilities (Wang et al., 2020)."""

    kind: Literal["attention_map"] = "attention_map"
    weight: Weight = 1.0
    form: Literal["scores", "probabilities"] = "scores"
    layers: Layers = "auto"


class ValueRelation(Section):
    """Relations between the values of a self-attention (Wang et al., 2020)."""

    kind: Literal["value_relation"] = "value_relation"
    weight: Weight = 1.0
    relation_heads: Annotated[
        int | None,
        Field(ge=1, le=1024, description="By default the teacher's heads (Wang et al., 2021, section 3.1)."),
    ] = None
    layers: Layers = "auto"


LogitTerm = (
    SoftTarget
    | HardTarget
    | Decoupled
    | Dist
    | Standardized
    | MultiLevel
    | ReverseKl
    | JensenShannon
    | MseLogits
    | Cosine
)
LayerTerm = (
    Hint
    | AttentionTransfer
    | Relational
    | Similarity
    | ProbabilisticTransfer
    | Correlation
    | Review
    | HiddenState
    | AttentionMap
    | ValueRelation
)

SHORT_NAMES = {
    "kd": "soft_target",
    "ce": "hard_target",
    "dkd": "decoupled",
    "lskd": "standardized",
    "mlkd": "multi_level",
    "rkd": "relational",
    "sp": "similarity",
    "pkt": "probabilistic_transfer",
    "cc": "correlation",
    "at": "attention_transfer",
    "fitnet": "hint",
    "reviewkd": "review",
}
"""What papers and other toolkits call the same terms; resolved at submit."""

COMPARES_EXAMPLES = frozenset(
    {"dist", "multi_level", "relational", "similarity", "probabilistic_transfer", "correlation"}
)
"""Terms that compare the examples of a batch with each other: a part of a batch is another loss."""


def _resolve_kind(term: Any) -> Any:
    if isinstance(term, dict) and isinstance(term.get("kind"), str):
        return {**term, "kind": SHORT_NAMES.get(term["kind"], term["kind"])}
    return term


LossTerm = Annotated[
    Annotated[LogitTerm | LayerTerm, Field(discriminator="kind")],
    BeforeValidator(_resolve_kind),
]
