"""How a network is trained: the same section for the student and a teacher trained in the job."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from distill.config.section import Later, Section

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
DEFAULT_EPOCHS = 20


class AdamW(Section):
    kind: Literal["adamw"] = "adamw"
    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.01


class Sgd(Section):
    kind: Literal["sgd"]
    learning_rate: Positive = 0.05
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = False
    weight_decay: NotNegative = 5e-4


class Cosine(Section):
    """From the full rate to zero along half a cosine, after a linear warm-up."""

    kind: Literal["cosine"] = "cosine"
    warmup_steps: Annotated[int, Field(ge=0)] = 0


class Constant(Section):
    kind: Literal["constant"]
    warmup_steps: Annotated[int, Field(ge=0)] = 0


class StepDecay(Section):
    """The rate is multiplied by `factor` at each share of the steps in `at`."""

    kind: Literal["step"]
    at: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1, max_length=20)] = [
        0.625,
        0.75,
        0.875,
    ]
    factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    warmup_steps: Annotated[int, Field(ge=0)] = 0


class EarlyStopping(Section):
    metric: Annotated[
        Literal["validation.accuracy", "validation.f1", "validation.r2", "validation.cosine"] | None,
        Field(description="By default the main figure of the task."),
    ] = None
    patience: Annotated[int, Field(ge=1, description="Epochs without a better figure.")] = 5


class Training(Section):
    epochs: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    steps: Annotated[int, Field(ge=1, le=1_000_000_000, description="Optimizer updates.")] | None = None
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 128
    accumulate: Annotated[
        int,
        Field(ge=1, le=4096, description="Parts of a batch that are computed one by one."),
    ] = 1
    optimizer: Annotated[AdamW | Sgd, Field(discriminator="kind")] = AdamW()
    schedule: Annotated[Cosine | Constant | StepDecay, Field(discriminator="kind")] = Cosine()
    max_grad_norm: Positive | None = None
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    augment: Later = None
    views: Literal["auto", "fresh"] = "auto"
    select: Literal["last", "best"] = "last"
    checkpoint_every_s: Annotated[float, Field(gt=0, le=86_400)] = 60
    early_stopping: EarlyStopping | None = None

    @model_validator(mode="before")
    @classmethod
    def _some_length(cls, value: Any) -> Any:
        """Without a length, `DEFAULT_EPOCHS`."""
        if isinstance(value, dict) and value.get("epochs") is None and value.get("steps") is None:
            return {**value, "epochs": DEFAULT_EPOCHS}
        return value

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.epochs is not None and self.steps is not None:
            raise PydanticCustomError("two_lengths", "give either epochs or steps, not both")
        return self

    @model_validator(mode="after")
    def _whole_parts(self) -> Self:
        if self.batch_size % self.accumulate:
            raise PydanticCustomError(
                "parts_do_not_divide",
                "batch_size {size} is no multiple of accumulate {parts}",
                {"size": self.batch_size, "parts": self.accumulate},
            )
        return self
