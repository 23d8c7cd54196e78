"""The architectures that can be built, and their parameters. Torch-free.

One row of `ARCHITECTURES` is one architecture: `distill.models` builds what this describes,
and `GET /v1/architectures` shows it as JSON schema.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from distill.config.section import Section

Width = Annotated[int, Field(ge=1, le=1_000_000)]


class Mlp(Section):
    """A multi-layer perceptron on flattened inputs."""

    depth: Annotated[int, Field(ge=1, le=1000, description="Weight layers.")] = 2
    width: Annotated[Width, Field(description="Units of every hidden layer.")] = 64
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Cnn(Section):
    """Convolutions with batch norm after each, global average pooling, one linear layer."""

    depth: Annotated[int, Field(ge=2, le=1000, description="Weight layers, the last one linear.")] = 2
    width: Annotated[Width, Field(description="Channels of the first convolution.")] = 16
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Resnet(Section):
    """A residual network with torchvision's parameter names (He et al., 2016)."""

    block: Literal["basic", "bottleneck"] = "basic"
    layers: Annotated[
        list[Annotated[int, Field(ge=1, le=200)]],
        Field(min_length=1, max_length=4, description="Blocks of each stage; [2, 2, 2, 2] is ResNet-18."),
    ] = [2, 2, 2, 2]
    width: Annotated[Width, Field(description="Channels of the first stage.")] = 64
    stem: Literal["cifar", "imagenet"] = "imagenet"


class HuggingFace(Section):
    """A transformers configuration for sequence classification; `bert` for now.

    Every other field is passed to the configuration class as it is.
    """

    model_config = {"extra": "allow", "frozen": True}

    model_type: Literal["bert"]

    @model_validator(mode="before")
    @classmethod
    def _refuse_code(cls, value: Any) -> Any:
        """A configuration names numbers, never code or attention kernels to fetch."""
        if isinstance(value, dict):
            for key, entry in value.items():
                if (
                    not isinstance(key, str)
                    or key.startswith("_")
                    or key in ("auto_map", "trust_remote_code")
                ):
                    raise PydanticCustomError(
                        "forbidden_configuration",
                        "'{key}' may not be set: it could name code to run",
                        {"key": str(key)},
                    )
                if isinstance(entry, int | float) and not isinstance(entry, bool) and abs(entry) > 2**31:
                    raise PydanticCustomError(
                        "value_out_of_range", "'{key}' is larger than any network needs", {"key": key}
                    )
        return value


ARCHITECTURES: dict[str, type[Section]] = {
    "mlp": Mlp,
    "cnn": Cnn,
    "resnet": Resnet,
    "huggingface": HuggingFace,
}
