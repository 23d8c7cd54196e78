"""Numbers that move while a stage is trained: weights and temperatures of loss terms. Torch-free."""

from math import cos, pi
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from distill.config.section import Section

Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Degree = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


def _along(kind: str, done: float) -> float:
    """How much of the way from start to end is behind: 0 to 1."""
    return (1 - cos(pi * done)) / 2 if kind == "cosine" else done


class WeightRamp(Section):
    """From `start` to `end` over the first share `over` of a stage's updates, then `end`."""

    kind: Literal["linear", "cosine"]
    start: Amount
    end: Amount
    over: Share = 1.0


class WeightWarmup(Section):
    """From 0 to `value`, linearly over so many epochs or steps, then `value` (Zhao et al., 2022)."""

    kind: Literal["warmup"]
    value: Amount
    epochs: Annotated[float, Field(gt=0, le=1e6)] | None = None
    steps: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise PydanticCustomError("one_length", "give exactly one of epochs and steps")
        return self


class WeightOfShare(Section):
    """Whatever weight keeps the term at this share of the gradient, beside terms whose weight is given."""

    kind: Literal["auto"]
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5


class TemperatureRamp(Section):
    """From `start` to `end` over the first share `over` of a stage's updates, then `end`."""

    kind: Literal["linear", "cosine"]
    start: Degree
    end: Degree
    over: Share = 1.0


_KINDS: dict[type[object], str] = {
    WeightRamp: "ramp",
    TemperatureRamp: "ramp",
    WeightWarmup: "warmup",
    WeightOfShare: "auto",
}


def _fixed_or_kind(value: Any) -> str:
    if isinstance(value, dict):
        kind = value.get("kind")
        return "ramp" if kind in ("linear", "cosine") else str(kind)
    return _KINDS.get(type(value), "fixed")


Weight = Annotated[
    Annotated[Amount, Tag("fixed")]
    | Annotated[WeightRamp, Tag("ramp")]
    | Annotated[WeightWarmup, Tag("warmup")]
    | Annotated[WeightOfShare, Tag("auto")],
    Discriminator(
        _fixed_or_kind,
        custom_error_type="weight_kind",
        custom_error_message="a weight is a number, or has a kind: linear, cosine, warmup or auto",
    ),
]
Temperature = Annotated[
    Annotated[Degree, Tag("fixed")] | Annotated[TemperatureRamp, Tag("ramp")],
    Discriminator(
        _fixed_or_kind,
        custom_error_type="temperature_kind",
        custom_error_message="a temperature is a number, or has a kind: linear or cosine",
    ),
]


def largest(weight: "float | WeightRamp | WeightWarmup") -> float:
    """The most that a weight comes to at any time."""
    match weight:
        case WeightRamp(start=start, end=end):
            return max(start, end)
        case WeightWarmup(value=value):
            return value
    return weight


def is_ever_positive(weight: "float | WeightRamp | WeightWarmup | WeightOfShare") -> bool:
    """Whether a term of this weight teaches anything at any time."""
    return isinstance(weight, WeightOfShare) or largest(weight) > 0


def value_at(
    given: "float | WeightRamp | WeightWarmup | TemperatureRamp",
    step: int,
    *,
    steps: int,
    steps_of_epoch: float,
) -> float:
    """The number that holds in update `step`, counted from 1, of a stage of `steps` updates."""
    match given:
        case WeightRamp() | TemperatureRamp():
            done = min(1.0, (step - 1) / max(1.0, given.over * steps - 1))
            return given.start + (given.end - given.start) * _along(given.kind, done)
        case WeightWarmup():
            warm = given.steps if given.steps is not None else (given.epochs or 0) * steps_of_epoch
            return given.value * min(1.0, step / max(1.0, warm))
    return given
