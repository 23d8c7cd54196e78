"""The architectures that can be built, and their parameters. Torch-free.

One row of `ARCHITECTURES` is one architecture: `distill.models` builds what this describes,
and `GET /v1/architectures` shows it as JSON schema.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from distill.config.section import Section
from distill.config.tasks import InputKind

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
    stages: Annotated[
        list[Annotated[int, Field(ge=1, le=1000)]] | None,
        Field(min_length=1, max_length=16, description="Convolutions of each stage; by default about equal."),
    ] = None

    @model_validator(mode="after")
    def _stages_add_up(self) -> Self:
        if self.stages is not None and sum(self.stages) != self.depth - 1:
            raise PydanticCustomError(
                "stages_do_not_add_up",
                "stages hold {held} convolutions, and depth {depth} means {meant}",
                {"held": sum(self.stages), "depth": self.depth, "meant": self.depth - 1},
            )
        return self


class Resnet(Section):
    """A residual network with torchvision's parameter names (He et al., 2016)."""

    block: Literal["basic", "bottleneck"] = "basic"
    layers: Annotated[
        list[Annotated[int, Field(ge=1, le=200)]],
        Field(min_length=1, max_length=4, description="Blocks of each stage; [2, 2, 2, 2] is ResNet-18."),
    ] = [2, 2, 2, 2]
    width: Annotated[Width, Field(description="Channels of the first stage.")] = 64
    stem: Literal["cifar", "imagenet"] = "imagenet"


Count = Annotated[int, Field(ge=1, le=1_048_576)]
Rate = Annotated[float, Field(ge=0, lt=1)]


class HuggingFace(Section):
    """A transformers configuration; `bert` for now.

    What a student leaves out of its vocabulary and positions is the teacher's.
    """

    model_type: Literal["bert"]
    head: Annotated[
        Literal["sequence", "token", "embedding"] | None,
        Field(
            description="One answer for a text, one for each token, or an embedding; by default the task's."
        ),
    ] = None
    pooling: Annotated[
        Literal["mean", "cls"],
        Field(description="Of an embedding: the mean over all tokens that are no padding, or the first."),
    ] = "mean"
    normalize: Annotated[bool, Field(description="Whether an embedding is scaled to length 1.")] = False
    num_hidden_layers: Annotated[int, Field(ge=1, le=1000)] = 12
    hidden_size: Annotated[int, Field(ge=1, le=65_536)] = 768
    num_attention_heads: Annotated[
        Count | None, Field(description="By default one for every 64 of hidden_size.")
    ] = None
    intermediate_size: Annotated[Count | None, Field(description="By default 4 * hidden_size.")] = None
    vocab_size: Annotated[int, Field(ge=1, le=16_777_216)] | None = None
    max_position_embeddings: Count | None = None
    type_vocab_size: Annotated[int, Field(ge=1, le=1024)] = 2
    pad_token_id: Annotated[int, Field(ge=0)] | None = None
    hidden_act: Literal["gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "tanh"] = "gelu"
    hidden_dropout_prob: Rate = 0.1
    attention_probs_dropout_prob: Rate = 0.1
    classifier_dropout: Rate | None = None
    initializer_range: Annotated[float, Field(gt=0, le=1)] = 0.02
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)] = 1e-12

    @model_validator(mode="after")
    def _heads_share_the_state(self) -> Self:
        if self.hidden_size % (self.num_attention_heads or 1):
            raise PydanticCustomError(
                "heads_do_not_divide",
                "hidden_size {size} is no multiple of num_attention_heads {heads}",
                {"size": self.hidden_size, "heads": self.num_attention_heads},
            )
        return self


ARCHITECTURES: dict[str, type[Section]] = {
    "mlp": Mlp,
    "cnn": Cnn,
    "resnet": Resnet,
    "huggingface": HuggingFace,
}

TAKES: dict[str, tuple[InputKind, ...]] = {
    "mlp": ("image", "tabular"),
    "cnn": ("image",),
    "resnet": ("image",),
    "huggingface": ("text",),
}
"""Which kinds of input each architecture takes."""
