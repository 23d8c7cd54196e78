"""What a stored network and a stored dataset are: the records beside their bytes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from distill.config.section import Section
from distill.config.tasks import InputKind, Task


class Input(Section):
    """One example as a network takes it, before preprocessing.

    `shape` has no batch dimension: (channels, height, width), (features,), or (max_length,).
    """

    kind: InputKind
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=3)]
    dtype: Literal["uint8", "float32", "int64"]


class Preprocessing(Section):
    """From a stored example to what the first layer sees: `(x * scale - mean) / std`.

    `mean` and `std` have one number per channel (image) or feature (tabular), or one for all.
    Text has a tokenizer instead: the sha256 of its `tokenizer.json`, and a length.
    """

    resize: (
        Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=2, max_length=2)] | None
    ) = None
    crop: Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=2, max_length=2)] | None = (
        None
    )
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    mean: list[Annotated[float, Field(allow_inf_nan=False)]] = []
    std: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]] = []
    channel_order: Literal["rgb", "bgr"] = "rgb"
    tokenizer: str | None = None
    max_length: Annotated[int, Field(ge=1, le=100_000)] | None = None


class Layer(Section):
    """One module of a network, as `GET /v1/models/{id}` lists it. `shape` has no batch dimension."""

    name: str
    shape: list[int] | None
    kind: str


class Scale(Section):
    """Of numbers: a network is trained on `(value - mean) / std` and answers in that; one entry an output."""

    mean: list[Annotated[float, Field(allow_inf_nan=False)]]
    std: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]]


class Network(Section):
    """A network on disk: how to build it, what it takes and what its outputs mean.

    `labels` names the outputs in their order: classes, or numbers; an embedding has no names.
    `scale` takes the outputs of a regression back into the units of its labels.
    `files` maps a file name in the folder (`model.safetensors`, `tokenizer.json`) to its sha256.
    `labels` is in the order of the logits; None where nobody said.
    """

    task: Task
    architecture: str
    config: dict[str, Any]
    labels: list[str] | None
    num_outputs: Annotated[int, Field(ge=1)]
    input: Input
    preprocessing: Preprocessing = Preprocessing()
    scale: Scale | None = None
    files: dict[str, str] = {}


SplitName = Literal["train", "validation", "test"]


class Split(Section):
    """One split in canonical form: `{name}.safetensors`, its sha256, and what it holds."""

    file: str
    sha256: str
    examples: int
    labeled: int
    """Examples that have a label."""
    class_counts: list[int]
    """Of numbers and embeddings, empty."""


class Dataset(Section):
    """A dataset on disk, one file a split, so that test can stay closed until it may be read.

    Tensors of a split file: `row` int64 (n,), the row in the source; `content_hash` uint8 (n, 32);
    `label` by the target of the task: of a class int64 (n,), an index into `labels`, -1 where unlabeled;
    of a label set int8 (n, classes), 1 where it holds, a row of -1 where unlabeled; of numbers float32
    (n, outputs), a row of NaN where unlabeled; of tags int64 (words,), -1 where unlabeled; of an
    embedding int64 (n,), -1. And by `input.kind` `image` uint8 or float32 (n, channels, height, width),
    `features` float32 (n, features), or `text_bytes` uint8 (bytes,) with `text_offsets` int64 (n + 1,),
    UTF-8; where words have tags these are the words, and `word_offsets` int64 (n + 1,) says whose.

    `labels` names the classes, or the numbers; an embedding has none.
    """

    task: Task
    labels: list[str]
    input: Input
    splits: dict[SplitName, Split]
